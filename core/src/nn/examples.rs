//! What the network needs to know of data.

/// What a row's target is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// The class of the row, counted from 0.
    Class(u32),
    /// The number to be predicted.
    Value(f32),
}

/// Rows to learn from or to be judged by.
pub trait Examples: Sync {
    /// How many rows.
    fn len(&self) -> usize;

    /// How many features each row has.
    fn width(&self) -> usize;

    /// Writes the features of a row, ready for the network, into `out` of length [`width`](Examples::width).
    fn copy_features(&self, row: usize, out: &mut [f32]);

    /// The target of a row.
    fn target(&self, row: usize) -> Target;

    /// How much a row counts in a mean loss, at least 0: its sample weight. 1 unless the data says otherwise.
    fn weight(&self, _row: usize) -> f32 {
        1.0
    }

    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
