//! A variance as a ratio of integers: what exact samplers can work with.

use super::SamplingError;

/// A variance `numerator / 2^k`, at least what was asked for and within one part in 2^50 of it (or 2^-50, for deviations below 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variance {
    numerator: u64,
    denominator: u64,
}

impl Variance {
    /// The smallest deviation that can be asked for.
    pub const LEAST_DEVIATION: f64 = 1.0 / 1024.0;
    /// The largest.
    pub const LARGEST_DEVIATION: f64 = 67_108_863.0;

    /// A variance whose root is at least `deviation`: rounding never lowers noise.
    ///
    /// # Errors
    /// [`SamplingError::Deviation`] outside of [`Variance::LEAST_DEVIATION`] to [`Variance::LARGEST_DEVIATION`].
    pub fn at_least(deviation: f64) -> Result<Variance, SamplingError> {
        if !(Self::LEAST_DEVIATION..=Self::LARGEST_DEVIATION).contains(&deviation) {
            return Err(SamplingError::Deviation(deviation));
        }
        // Both the numerator and denominator * (deviation + 1)^2 stay below 2^54, which exact arithmetic relies on.
        let mut denominator = 1u64;
        while (deviation + 1.0).powi(2) * (2 * denominator) as f64 <= 2f64.powi(54) {
            denominator *= 2;
        }
        let scaled = deviation * deviation * (1.0 + f64::EPSILON) * denominator as f64;
        Ok(Variance { numerator: scaled.ceil() as u64, denominator })
    }

    /// The square root, rounded down.
    pub(crate) fn floor_deviation(&self) -> u64 {
        let mut root = self.to_f64().sqrt() as u64;
        let exceeds = |root: u64| {
            u128::from(root) * u128::from(root) * u128::from(self.denominator) > u128::from(self.numerator)
        };
        while exceeds(root) {
            root -= 1;
        }
        while !exceeds(root + 1) {
            root += 1;
        }
        root
    }

    /// Numerator and denominator.
    pub(crate) fn parts(&self) -> (u64, u64) {
        (self.numerator, self.denominator)
    }

    /// The variance as a number.
    pub fn to_f64(&self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_never_lowers_noise() {
        for deviation in [1.0 / 1024.0, 0.1, 0.99, 1.0, 1.1, 12.5, 1e3, 33_333.333, 6e7, 67_108_863.0] {
            let variance = Variance::at_least(deviation).unwrap();
            assert!(variance.to_f64() >= deviation * deviation, "{deviation}");
            assert!(variance.to_f64() <= deviation * deviation * (1.0 + 1e-9) + 1e-14, "{deviation}");
            let floor = variance.floor_deviation() as f64;
            assert!(floor <= deviation + 1e-6 && floor + 1.0 > deviation, "{deviation} {floor}");
        }
        for deviation in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(Variance::at_least(deviation).is_err(), "{deviation}");
        }
    }
}
