//! The dense network.

/// What a row's target is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// The class of the row, from 0.
    Class(u32),
    /// The value to be predicted.
    Value(f32),
}

/// Rows to learn from or to be judged by: what `nn` needs to know of data.
pub trait Examples: Sync {
    /// How many rows there are.
    fn len(&self) -> usize;
    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Features a row.
    fn width(&self) -> usize;
    /// Writes the features of a row, already standardized, into `out` of length `width()`.
    fn copy_features(&self, row: usize, out: &mut [f32]);
    /// The target of a row.
    fn target(&self, row: usize) -> Target;
}
