//! What a simulation sees of single examples' gradients while a client trains: their norms, before the clip.

use crate::nn::GradientMechanism;

/// The norms of the gradients of a training, in the order of its steps. They are functions of single rows that no noise
/// hides: a simulation may look at them, and nobody else.
#[derive(Debug, Default)]
pub(crate) struct GradientNorms {
    /// Those that are finite, before the clip.
    pub(crate) norms: Vec<f64>,
    /// How many of them were longer than the clip.
    pub(crate) shortened: u64,
    /// How many gradients were not finite, and counted as zeros.
    pub(crate) zeros: u64,
}

/// A mechanism, and somebody who may look at what it is shown.
pub(super) struct Watched<'a, M> {
    pub(super) mechanism: M,
    pub(super) clip: f64,
    pub(super) seen: Option<&'a mut GradientNorms>,
}

impl<M: GradientMechanism> GradientMechanism for Watched<'_, M> {
    fn draw(&mut self, rows: u32, batch: &mut Vec<u32>) {
        self.mechanism.draw(rows, batch);
    }

    fn look(&mut self, squares: &[f64]) {
        let Some(seen) = &mut self.seen else { return };
        for norm in squares.iter().map(|square| square.sqrt()) {
            if norm.is_finite() {
                seen.shortened += u64::from(norm > self.clip);
                seen.norms.push(norm);
            } else {
                seen.zeros += 1;
            }
        }
    }

    fn add(&mut self, part: &[f32]) {
        self.mechanism.add(part);
    }

    fn release(&mut self, from: usize, last: &mut [f32]) {
        self.mechanism.release(from, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl GradientMechanism for Nothing {
        fn draw(&mut self, _: u32, _: &mut Vec<u32>) {}
        fn add(&mut self, _: &[f32]) {}
        fn release(&mut self, _: usize, _: &mut [f32]) {}
    }

    #[test]
    fn what_is_not_finite_is_a_zero_and_what_is_too_long_is_cut() {
        let mut seen = GradientNorms::default();
        let squares = [4.0, f64::INFINITY, 1.0, f64::NAN, 0.25];
        Watched { mechanism: Nothing, clip: 1.0, seen: Some(&mut seen) }.look(&squares);
        assert_eq!((seen.norms, seen.shortened, seen.zeros), (vec![2.0, 1.0, 0.5], 1, 2));
        Watched { mechanism: Nothing, clip: 1.0, seen: None }.look(&squares);
    }
}
