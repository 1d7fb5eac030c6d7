//! Transposition.

use crate::instructions::Job;

/// So many rows are read side by side.
const SIDE: usize = 8;

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
    fn run<const COLUMNS: usize>(self) {
        let (rows, columns) = (self.rows, self.columns);
        let whole = rows - rows % SIDE;
        for i in (0..whole).step_by(SIDE) {
            let lines: [&[f32]; SIDE] = std::array::from_fn(|r| &self.from[(i + r) * columns..][..columns]);
            for (j, to) in self.to.chunks_exact_mut(rows).take(columns).enumerate() {
                let turned: [f32; SIDE] = std::array::from_fn(|r| lines[r][j]);
                *to[i..].first_chunk_mut().expect("whole lines end before the last row") = turned;
            }
        }
        for i in whole..rows {
            for j in 0..columns {
                self.to[j * rows + i] = self.from[i * columns + j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::InstructionSet;

    #[test]
    fn every_number_goes_to_its_mirror_place() {
        for (rows, columns) in [(1, 1), (3, 50), (16, 16), (33, 18), (200, 10), (10, 200)] {
            let from: Vec<f32> = (0..rows * columns).map(|value| value as f32).collect();
            for set in InstructionSet::available() {
                let mut to = vec![0.0; from.len()];
                set.run(Transpose { from: &from, to: &mut to, rows, columns });
                for r in 0..rows {
                    for c in 0..columns {
                        assert_eq!(
                            to[c * rows + r],
                            from[r * columns + c],
                            "{} {rows}x{columns}",
                            set.name()
                        );
                    }
                }
            }
        }
    }
}
