//! The Gaussian mechanism and its samplings.
//!
//! In units of the noise's standard deviation, with `shift` what one unit moves the mean:
//! - Poisson, unit added or removed (Zhu, Dong and Wang 2022, Thm. 11): `P = (1-q) N(0) + q N(shift)`, `Q = N(0)`;
//!   no sampling is `q = 1`.
//! - Poisson, unit replaced (Lebeda, Regehr, Kamath and Steinke 2024): `P = (1-q) N(0) + q N(shift)` and `Q` its mirror image with `-shift`.

use super::continuous::Increasing;
use crate::privacy::accounting::normal::{log_upper_tail, mass_between, upper_quantile, upper_tail};

/// `P = (1-q) N(0,1) + q N(shift,1)` against `N(0,1)`, or against its own mirror image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SampledGaussian {
    pub(crate) q: f64,
    pub(crate) shift: f64,
    /// Whether the other law has the unit too, replaced by its opposite.
    pub(crate) mirrored: bool,
}

impl Increasing for SampledGaussian {
    fn loss(&self, x: f64) -> f64 {
        let gain = mixture_log_ratio(self.q, self.shift * x - 0.5 * self.shift * self.shift);
        if self.mirrored {
            return gain - mixture_log_ratio(self.q, -self.shift * x - 0.5 * self.shift * self.shift);
        }
        gain
    }

    fn coordinate(&self, loss: f64) -> f64 {
        if self.mirrored {
            return mirrored_coordinate(self.q, self.shift, loss);
        }
        // ln((e^loss - (1-q)) / q), without overflow at one end and cancellation at the other.
        let log_ratio = if self.q >= 1.0 {
            loss
        } else if loss > 1.0 {
            loss + (-(1.0 - self.q) * (-loss).exp()).ln_1p() - self.q.ln()
        } else {
            let above = loss.exp_m1() + self.q;
            if above <= 0.0 {
                return f64::NEG_INFINITY;
            }
            (above / self.q).ln()
        };
        log_ratio / self.shift + 0.5 * self.shift
    }

    fn masses(&self, low: f64, high: f64) -> (f64, f64) {
        let centre = mass(low, high);
        let shifted = mass(low - self.shift, high - self.shift);
        let p = (1.0 - self.q) * centre + self.q * shifted;
        if self.mirrored {
            return (p, (1.0 - self.q) * centre + self.q * mass(low + self.shift, high + self.shift));
        }
        (p, centre)
    }

    fn support(&self, tail: f64) -> (f64, f64) {
        // The upper end of P: by bisection on its own tail, as a rare shift hardly widens it.
        let (mut low, mut high) = (0.0, self.shift + upper_quantile(tail.ln()));
        for _ in 0..50 {
            let x = 0.5 * (low + high);
            let shifted = self.q * log_upper_tail(x - self.shift).exp();
            if (1.0 - self.q) * upper_tail(x) + shifted > tail { low = x } else { high = x }
        }
        if self.mirrored { (-high, high) } else { (-upper_quantile(tail.ln()), high) }
    }
}

/// `ln(1 - q + q e^y)`.
fn mixture_log_ratio(q: f64, y: f64) -> f64 {
    if q >= 1.0 {
        return y;
    }
    if y > 1.0 {
        return y + q.ln() + ((1.0 - q) / q * (-y).exp()).ln_1p();
    }
    (q * y.exp_m1()).ln_1p()
}

/// Where the ratio of the two mirrored mixtures is `e^loss`: with `u = e^(shift x)` a quadratic equation, whose root
/// is `shift x = loss/2 + asinh((1-q) sinh(loss/2) e^(shift^2/2) / q)`.
fn mirrored_coordinate(q: f64, shift: f64, loss: f64) -> f64 {
    if q >= 1.0 || loss == 0.0 {
        return 0.5 * loss / shift;
    }
    let half = 0.5 * loss.abs();
    let log_sinh = half + (-(-2.0 * half).exp_m1()).ln() - std::f64::consts::LN_2;
    let log_argument = ((1.0 - q) / q).ln() + 0.5 * shift * shift + log_sinh;
    let root =
        if log_argument > 20.0 { std::f64::consts::LN_2 + log_argument } else { log_argument.exp().asinh() };
    loss.signum() * (half + root) / shift
}

/// The mass of a standard normal between two ends that may be infinite.
fn mass(low: f64, high: f64) -> f64 {
    match (low == f64::NEG_INFINITY, high == f64::INFINITY) {
        (true, true) => 1.0,
        (true, false) => upper_tail(-high),
        (false, true) => upper_tail(low),
        (false, false) => mass_between(low, high),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinate_inverts_loss() {
        for mirrored in [false, true] {
            for q in [1e-4, 0.01, 0.5, 1.0] {
                for shift in [0.01, 0.9, 2.0, 40.0] {
                    let law = SampledGaussian { q, shift, mirrored };
                    for x in [-3.0, -0.2, 0.4, 1.0, 7.0, 30.0] {
                        let loss = law.loss(x);
                        // Far below, all losses are ln(1-q) to the last bit: nothing to invert.
                        if loss.abs() < 1e-12 || (loss - (1.0 - q).ln()).abs() < 1e-6 {
                            continue;
                        }
                        let back = law.coordinate(loss);
                        assert!((back - x).abs() < 1e-6 * (1.0 + x.abs()), "{law:?} {x} {loss} {back}");
                    }
                }
            }
        }
    }
}
