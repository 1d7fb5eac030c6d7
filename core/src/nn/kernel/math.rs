//! Elementary functions as short polynomials in fused multiply-adds, which the compiler can put into vectors.
//!
//! Their errors, tested against the `libm` crate in double precision, are within 4 units in the last place.

/// 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits of the sum.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has zeros at its end, so that its product with a small integer is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// Near the last x for which half of e^x is a normal number; the functions stay there below it.
const LOWEST: f32 = -86.6;
/// Above this, e^x is infinite.
const HIGHEST: f32 = 88.722_84;

/// e^x. Never less than e^-86.6 = 2.5e-38; infinite above 88.72; NaN for NaN.
#[inline(always)]
pub(in crate::nn) fn exp(x: f32) -> f32 {
    let (p, scale) = reduced(x);
    let value = p.mul_add(scale, scale) * 2.0;
    if x > HIGHEST { f32::INFINITY } else { value }
}

/// e^x - 1, exact in the relative sense also near 0. From -1 to infinity; NaN for NaN.
#[inline(always)]
pub(in crate::nn) fn exp_m1(x: f32) -> f32 {
    let (p, scale) = reduced(x);
    let value = p.mul_add(scale, scale - 0.5) * 2.0;
    if x > HIGHEST { f32::INFINITY } else { value }
}

/// tanh x = (e^2x - 1) / (e^2x + 1).
#[inline(always)]
pub(in crate::nn) fn tanh(x: f32) -> f32 {
    let size = x.abs();
    // Beyond 20 the quotient is 1 in single precision.
    let twice = exp_m1(2.0 * if size > 20.0 { 20.0 } else { size });
    (twice / (twice + 2.0)).copysign(x)
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(in crate::nn) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// x = n ln 2 + r with |r| <= ln 2 / 2: (e^r - 1, 2^n / 2). Half, so that the largest n still has a power in `f32`.
#[inline(always)]
fn reduced(x: f32) -> (f32, f32) {
    // Comparisons, not `clamp`: NaN has to come through.
    let x = if x < LOWEST { LOWEST } else { x };
    let x = if x > HIGHEST { HIGHEST } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, x));
    // The Taylor series to r^7: what is left out is below 6e-9 for |r| <= ln 2 / 2.
    let series = r.mul_add(1.0 / 5040.0, 1.0 / 720.0);
    let series = series.mul_add(r, 1.0 / 120.0);
    let series = series.mul_add(r, 1.0 / 24.0);
    let series = series.mul_add(r, 1.0 / 6.0);
    let series = series.mul_add(r, 0.5);
    let p = series.mul_add(r * r, r);
    let scale = f32::from_bits((shifted.to_bits().wrapping_add(126)) << 23);
    (p, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error in units of the last place over a fine grid.
    fn worst(low: f32, high: f32, ours: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        (0..=200_000)
            .map(|step| low + (high - low) * (step as f32 / 200_000.0))
            .map(|x| {
                let want = exact(f64::from(x));
                let last = f64::from((want as f32).abs().next_up() - (want as f32).abs());
                (f64::from(ours(x)) - want).abs() / last
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn the_errors_are_within_four_units_in_the_last_place() {
        for (low, high) in [(-86.6, 88.7), (-1.0, 1.0), (-1e-3, 1e-3)] {
            assert!(worst(low, high, exp, libm::exp) <= 4.0, "exp");
            assert!(worst(low, high, exp_m1, libm::expm1) <= 4.0, "exp_m1");
            assert!(worst(low, high, tanh, libm::tanh) <= 4.0, "tanh");
            assert!(worst(low, high, sigmoid, |x| 1.0 / (1.0 + libm::exp(-x))) <= 4.0, "sigmoid");
        }
    }

    #[test]
    fn the_ends_and_not_a_number_come_out_right() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(100.0), f32::INFINITY);
        assert!(exp(-1000.0) < 3e-38);
        assert_eq!(exp_m1(-1000.0), -1.0);
        assert_eq!(exp_m1(f32::INFINITY), f32::INFINITY);
        assert_eq!((tanh(-1000.0), tanh(1000.0), tanh(0.0)), (-1.0, 1.0, 0.0));
        assert_eq!(sigmoid(f32::INFINITY), 1.0);
        assert_eq!(sigmoid(f32::NEG_INFINITY), 0.0);
        for function in [exp, exp_m1, tanh, sigmoid] {
            assert!(function(f32::NAN).is_nan());
        }
    }
}
