//! Dropout (Srivastava et al. 2014), scaled while training, so that judging needs none of it.

use rand::Rng;

use crate::instructions::Job;
use crate::random::Stream;

/// Silences each unit with a probability; the others get louder, so that their sum is expected to stay.
pub(super) fn draw_mask(mask: &mut [f32], probability: f32, stream: &mut Stream) {
    let louder = 1.0 / (1.0 - probability);
    // As a share of all 2^32 draws.
    let threshold = (f64::from(probability) * 4_294_967_296.0) as u32;
    for unit in mask {
        *unit = if stream.next_u32() < threshold { 0.0 } else { louder };
    }
}

/// `values *= by`.
pub(super) struct Multiply<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) by: &'a [f32],
}

impl Job for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for (value, by) in self.values.iter_mut().zip(self.by) {
            *value *= by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Seed};

    #[test]
    fn the_share_of_silent_units_is_the_probability_and_the_sum_is_kept() {
        let mut mask = vec![0.0; 40_000];
        draw_mask(&mut mask, 0.2, &mut Seed(4).stream(Purpose::Shuffle));
        let silent = mask.iter().filter(|&&unit| unit == 0.0).count() as f64;
        // Five standard deviations of a binomial draw.
        assert!((silent - 8000.0).abs() < 5.0 * (40_000.0f64 * 0.2 * 0.8).sqrt(), "{silent}");
        assert!(mask.iter().all(|&unit| unit == 0.0 || unit == 1.25));
    }
}
