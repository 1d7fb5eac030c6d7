//! Transposition, in blocks that fit the cache.

use super::path::Job;

/// A block of `SIDE x SIDE` numbers is read and written whole.
const SIDE: usize = 16;

/// `to = fromᵀ`.
pub(in crate::nn) struct Transpose<'a> {
    /// `[rows, columns]`.
    pub(in crate::nn) from: &'a [f32],
    /// `[columns, rows]`.
    pub(in crate::nn) to: &'a mut [f32],
    pub(in crate::nn) rows: usize,
    pub(in crate::nn) columns: usize,
}

impl Job for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const ROWS: usize, const COLUMNS: usize>(self) {
        let (rows, columns) = (self.rows, self.columns);
        for i in (0..rows).step_by(SIDE) {
            let height = SIDE.min(rows - i);
            for j in (0..columns).step_by(SIDE) {
                let width = SIDE.min(columns - j);
                for c in j..j + width {
                    let to = &mut self.to[c * rows + i..][..height];
                    for (r, value) in to.iter_mut().enumerate() {
                        *value = self.from[(i + r) * columns + c];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::kernel::Path;

    #[test]
    fn every_number_goes_to_its_mirror_place() {
        for (rows, columns) in [(1, 1), (3, 50), (16, 16), (33, 18), (200, 10)] {
            let from: Vec<f32> = (0..rows * columns).map(|value| value as f32).collect();
            for path in Path::available() {
                let mut to = vec![0.0; from.len()];
                path.run(Transpose { from: &from, to: &mut to, rows, columns });
                for r in 0..rows {
                    for c in 0..columns {
                        assert_eq!(
                            to[c * rows + r],
                            from[r * columns + c],
                            "{} {rows}x{columns}",
                            path.name()
                        );
                    }
                }
            }
        }
    }
}
