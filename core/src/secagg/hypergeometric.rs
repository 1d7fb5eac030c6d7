//! How many marked clients a client meets among its neighbours.

use libm::lgamma;

/// The number of marked ones among `draws` of `population`, of which `marked` are marked, without replacement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hypergeometric {
    pub(super) population: u32,
    pub(super) marked: u32,
    pub(super) draws: u32,
}

impl Hypergeometric {
    fn probability(self, count: u32) -> f64 {
        let Hypergeometric { population, marked, draws } = self;
        if count > marked || count > draws || draws - count > population - marked {
            return 0.0;
        }
        let exponent = ln_choose(marked, count) + ln_choose(population - marked, draws - count)
            - ln_choose(population, draws);
        exponent.exp()
    }

    /// The smallest `x` with `Pr[X > x] <= level`.
    pub(super) fn upper_quantile(self, level: f64) -> u32 {
        let mut tail = 0.0; // summed from the small terms on: nothing is lost to rounding
        for count in (0..=self.draws).rev() {
            tail += self.probability(count);
            if tail > level {
                return count;
            }
        }
        0
    }

    /// The largest `x` with `Pr[X < x] <= level`.
    pub(super) fn lower_quantile(self, level: f64) -> u32 {
        let mut tail = 0.0;
        for count in 0..=self.draws {
            tail += self.probability(count);
            if tail > level {
                return count;
            }
        }
        self.draws
    }
}

/// The natural logarithm of `n! / (k! (n - k)!)`.
fn ln_choose(n: u32, k: u32) -> f64 {
    let ln_factorial = |n: u32| lgamma(f64::from(n) + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probabilities_are_the_counted_ones() {
        // Two marked of five, two drawn: of ten pairs three have none marked, six have one, one has both.
        let draw = Hypergeometric { population: 5, marked: 2, draws: 2 };
        for (count, expected) in [(0, 0.3), (1, 0.6), (2, 0.1), (3, 0.0)] {
            assert!((draw.probability(count) - expected).abs() < 1e-12);
        }
        assert_eq!(
            (draw.upper_quantile(0.05), draw.upper_quantile(0.15), draw.upper_quantile(0.8)),
            (2, 1, 0)
        );
        assert_eq!(
            (draw.lower_quantile(0.2), draw.lower_quantile(0.35), draw.lower_quantile(0.95)),
            (0, 1, 2)
        );
    }
}
