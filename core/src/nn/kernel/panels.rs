//! The left matrix of a product, in the order in which tiles read it.
//!
//! A tile of `R` rows takes, for each step of the common dimension, one number of each of its rows. Where they lie side by
//! side the loop reads one array a step, with one check; read from `R` rows it makes `R` checks, which tiles that are too
//! narrow to hide them pay for with a third of their speed.

use super::tiles::Tiles;

/// Turns the rows of each tile into a panel, `[depth, R]`, which takes the place that the rows have in the matrix.
pub(super) struct Pack<'a> {
    /// `[rows, depth]`.
    pub(super) x: &'a [f32],
    pub(super) depth: usize,
    /// As long as `x`.
    pub(super) panels: &'a mut [f32],
}

impl Tiles for Pack<'_> {
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(&mut self, i: usize, _: usize) {
        let place = i * self.depth..(i + R) * self.depth;
        let (panel, _) = self.panels[place.clone()].as_chunks_mut::<R>();
        for (r, row) in self.x[place].chunks_exact(self.depth).enumerate().take(R) {
            for (numbers, value) in panel.iter_mut().zip(row) {
                numbers[r] = *value;
            }
        }
    }
}
