//! The standard normal law, accurate in relative terms far into its tails, and integrals over short intervals of it.
//!
//! Invariant: no function here subtracts two numbers near one to get a small probability.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// `1 / sqrt(2 pi)`.
const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;

/// The density at `x`.
pub(crate) fn density(x: f64) -> f64 {
    DENSITY_AT_ZERO * (-0.5 * x * x).exp()
}

/// `P(X > x)`.
pub(crate) fn upper_tail(x: f64) -> f64 {
    0.5 * libm::erfc(x * FRAC_1_SQRT_2)
}

/// `ln P(X > x)`, also where the probability underflows.
pub(crate) fn log_upper_tail(x: f64) -> f64 {
    if x < -5.0 {
        return (-upper_tail(-x)).ln_1p();
    }
    if x < 30.0 {
        return upper_tail(x).ln();
    }
    // Mills ratio by its continued fraction, which at 30 has long converged after 12 terms.
    let ratio = (1..=12).rev().fold(x, |rest, k| x + f64::from(k) / rest);
    -0.5 * x * x - 0.5 * (2.0 * PI).ln() - ratio.ln()
}

/// The smallest `x` (to 1e-9) with `ln P(X > x) <= log_mass`.
pub(crate) fn upper_quantile(log_mass: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    while log_upper_tail(high) > log_mass {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if log_upper_tail(middle) > log_mass { low = middle } else { high = middle }
    }
    high
}

/// Nodes and weights of Gauss-Legendre quadrature on [-1, 1].
const THREE: [(f64, f64); 3] =
    [(-0.774_596_669_241_483_4, 5.0 / 9.0), (0.0, 8.0 / 9.0), (0.774_596_669_241_483_4, 5.0 / 9.0)];
const EIGHT: [(f64, f64); 8] = [
    (-0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
    (-0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (-0.525_532_409_916_329, 0.313_706_645_877_887_27),
    (-0.183_434_642_495_649_8, 0.362_683_783_378_361_96),
    (0.183_434_642_495_649_8, 0.362_683_783_378_361_96),
    (0.525_532_409_916_329, 0.313_706_645_877_887_27),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

/// `P(a < X <= b)` with a relative error near 1e-15 as long as the mass is representable.
///
/// Intervals of width `w` are cut until `w max(1, |x|)` is at most 1, where eight nodes err by less than 1e-15 of
/// the mass; below 0.05 three nodes do.
pub(crate) fn mass_between(a: f64, b: f64) -> f64 {
    let width = b - a;
    let steepness = width * a.abs().max(b.abs()).max(1.0);
    if steepness <= 0.05 {
        return quadrature(&THREE, a, b);
    }
    if steepness <= 1.0 {
        return quadrature(&EIGHT, a, b);
    }
    if a >= 0.0 {
        return (upper_tail(a) - upper_tail(b)).max(0.0);
    }
    if b <= 0.0 {
        return (upper_tail(-b) - upper_tail(-a)).max(0.0);
    }
    // Both halves are large or the interval is wide: the sum of two masses on either side of zero.
    0.5 * (libm::erf(b * FRAC_1_SQRT_2) + libm::erf(-a * FRAC_1_SQRT_2))
}

fn quadrature(nodes: &[(f64, f64)], a: f64, b: f64) -> f64 {
    let (centre, half) = (0.5 * (a + b), 0.5 * (b - a));
    half * nodes.iter().map(|&(x, weight)| weight * density(centre + half * x)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masses_agree_with_the_error_function() {
        for (a, b) in [(-1.0, -0.99), (0.3, 0.31), (-0.02, 0.02), (4.0, 4.2), (-9.0, -8.9), (2.0, 2.5)] {
            let (low, high): (f64, f64) = if a < 0.0 { (-b, -a) } else { (a, b) };
            let direct = upper_tail(low) - upper_tail(high);
            assert!((mass_between(a, b) / direct - 1.0).abs() < 1e-12, "{a} {b}");
        }
        let sum: f64 =
            (-4000..4000).map(|i| mass_between(f64::from(i) * 0.01, f64::from(i + 1) * 0.01)).sum();
        assert!((sum - 1.0).abs() < 1e-14, "{sum}");
    }

    #[test]
    fn the_logarithm_of_the_tail_is_continuous_where_the_method_changes() {
        for x in [-5.0, 30.0] {
            let (below, above) = (log_upper_tail(x - 1e-9), log_upper_tail(x + 1e-9));
            assert!((below / above - 1.0).abs() < 1e-7, "{x}: {below} {above}");
        }
        assert!((upper_quantile((1e-5f64).ln()) - 4.264_890_793_922_825).abs() < 1e-8);
    }
}
