//! How a number between two steps of the grid is written.

use super::{EncodingError, FixedPoint};
use crate::random::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// How a number between two steps of the grid is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// As the nearest step, ties to even: the least error of one number.
    Nearest,
    /// As one of the two, the nearer one the likelier, so that the mean error is zero: on a coarse grid, errors of many
    /// participants and rounds cancel (Suresh et al. 2017, section 2.2).
    Stochastic,
}

impl FixedPoint {
    /// Writes `after - before`, coordinate by coordinate, on the grid. Of the stream a draw is taken for every coordinate,
    /// if the rounding needs one; it need not be secret.
    ///
    /// # Errors
    /// The first coordinate that is not finite or lies beyond the grid.
    ///
    /// # Panics
    /// If the two vectors differ in length.
    pub fn encode_rounded(
        self,
        after: &[f32],
        before: &[f32],
        rounding: Rounding,
        stream: &mut Stream,
    ) -> Result<Vec<i32>, EncodingError> {
        // The nearest steps also say whether all of it fits.
        let mut encoded = self.encode_difference(after, before)?;
        if rounding == Rounding::Stochastic {
            let (scale, limit) = (self.scale(), f64::from(self.limit()));
            for ((steps, after), before) in encoded.iter_mut().zip(after).zip(before) {
                let exact = f64::from(after - before) * scale;
                *steps = (exact + stream.random::<f64>()).floor().clamp(-limit, limit) as i32;
            }
        }
        Ok(encoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Seed};

    #[test]
    fn the_mean_of_many_roundings_is_the_number() {
        let grid = FixedPoint::new(8).unwrap();
        let mut stream = Seed(1).stream(Purpose::Rounding);
        let value = 0.3 / 256.0;
        let after = vec![value; 100_000];
        let before = vec![0.0; after.len()];
        let steps = grid.encode_rounded(&after, &before, Rounding::Stochastic, &mut stream).unwrap();
        assert!(steps.iter().all(|steps| [0, 1].contains(steps)));
        // Binomial(100,000, 0.3): standard deviation 145; the seed is fixed.
        let ones = steps.iter().sum::<i32>();
        assert!((29_400..=30_600).contains(&ones), "{ones}");
        let nearest = grid.encode_rounded(&after, &before, Rounding::Nearest, &mut stream).unwrap();
        assert!(nearest.iter().all(|steps| *steps == 0));
    }

    #[test]
    fn steps_and_the_ends_of_the_grid_stay_what_they_are() {
        let grid = FixedPoint::new(8).unwrap().within(2.0).unwrap();
        let mut stream = Seed(2).stream(Purpose::Rounding);
        let values = [2.0, -2.0, 0.0, -3.0 / 256.0];
        for _ in 0..100 {
            let steps = grid.encode_rounded(&values, &[0.0; 4], Rounding::Stochastic, &mut stream).unwrap();
            assert_eq!(steps, [512, -512, 0, -3]);
        }
        assert!(grid.encode_rounded(&[2.1], &[0.0], Rounding::Stochastic, &mut stream).is_err());
    }
}
