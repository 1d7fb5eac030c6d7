//! The Gaussian mechanism on Poisson samples and on samples of fixed size.

use super::logsum::{log_choose, log_normal_mean, log_sum};

/// `(order - 1) rho` of the Gaussian mechanism on Poisson samples of rate `q` at an integer order
/// (Mironov, Talwar and Zhang 2019, eq. 4): `ln sum_k (n over k) (1-q)^(n-k) q^k e^((k^2-k) / (2 sigma^2))`.
pub(crate) fn poisson_integer(q: f64, sigma: f64, order: u32) -> f64 {
    let halved = 0.5 / (sigma * sigma);
    let n = f64::from(order);
    if q >= 1.0 {
        return (n * n - n) * halved;
    }
    let (log_in, log_out) = (q.ln(), (-q).ln_1p());
    let terms: Vec<f64> = (0..=order)
        .map(|k| {
            let chosen = f64::from(k);
            log_choose(order, k)
                + chosen * log_in
                + (n - chosen) * log_out
                + (chosen * chosen - chosen) * halved
        })
        .collect();
    log_sum(&terms).max(0.0)
}

/// The same at any order above 1, as an integral: `ln E_Q[((1-q) + q e^(x/sigma - 1/(2 sigma^2)))^order]`.
///
/// The integrand's singularities lie `pi sigma` from the real axis (in units of the noise), which sets the step.
pub(crate) fn poisson_fractional(q: f64, sigma: f64, order: f64) -> f64 {
    let shift = 1.0 / sigma;
    if q >= 1.0 {
        return 0.5 * order * (order - 1.0) * shift * shift;
    }
    let step = (0.5f64).min(0.5 * sigma).max((order * shift + 24.0) / 200_000.0);
    let log_value = |x: f64| {
        let y = shift * x - 0.5 * shift * shift;
        let log_ratio = if y > 1.0 {
            y + q.ln() + ((1.0 - q) / q * (-y).exp()).ln_1p()
        } else {
            (q * y.exp_m1()).ln_1p()
        };
        order * log_ratio
    };
    log_normal_mean(-12.0, order * shift + 12.0, step, log_value).max(0.0)
}

/// `(order - 1) rho` on samples without replacement, at orders 2 to `largest`, under replace-one neighbours (Wang,
/// Balle and Kasiviswanathan 2019, Thm. 27). `sigma` is the deviation over what replacing one unit moves; `q` the share sampled.
///
/// The theorem needs `D_j = E_Q[(P/Q - 1)^j]` for even `j`. As alternating sums they lose all digits; as integrals of
/// positive functions they do not.
pub(crate) fn fixed_size(q: f64, sigma: f64, largest: u32) -> Vec<f64> {
    let halved = 0.5 / (sigma * sigma);
    if q >= 1.0 {
        return (2..=largest).map(|n| f64::from(n * (n - 1)) * halved).collect();
    }
    let even: Vec<f64> = (0..=largest / 2 + 1).map(|half| log_central_moment(sigma, 2 * half)).collect();
    // Odd moments by the Cauchy-Schwarz inequality from their neighbours.
    let log_moment = |j: u32| 0.5 * (even[(j / 2) as usize] + even[j.div_ceil(2) as usize]);
    let second = 2.0 * halved;
    let weights: Vec<f64> = (2..=largest)
        .map(|j| {
            let order = f64::from(j);
            let bound = if j == 2 {
                (4f64.ln() + second.exp_m1().ln()).min(2f64.ln() + second)
            } else {
                (4f64.ln() + log_moment(j)).min(2f64.ln() + (order * order - order) * halved)
            };
            order * q.ln() + bound
        })
        .collect();
    (2..=largest)
        .map(|n| {
            let terms = (2..=n).map(|j| log_choose(n, j) + weights[(j - 2) as usize]);
            log_sum(&std::iter::once(0.0).chain(terms).collect::<Vec<_>>())
        })
        .collect()
}

/// `ln E_Q[(P/Q - 1)^j]` for even `j`.
fn log_central_moment(sigma: f64, j: u32) -> f64 {
    if j == 0 {
        return 0.0;
    }
    let (shift, power) = (1.0 / sigma, f64::from(j));
    let high = power * shift + 12.0;
    let step = (0.125f64).min(0.25 * sigma).max((high + 14.0) / 200_000.0);
    log_normal_mean(-14.0, high, step, |x| power * (shift * x - 0.5 * shift * shift).exp_m1().abs().ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integral_agrees_with_the_sum() {
        for (q, sigma) in [(1e-4, 0.5), (0.01, 1.1), (0.3, 4.0), (0.9, 0.7), (0.01, 50.0)] {
            for order in [2u32, 3, 7, 32, 100] {
                let (sum, integral) =
                    (poisson_integer(q, sigma, order), poisson_fractional(q, sigma, f64::from(order)));
                assert!(
                    (sum - integral).abs() < 1e-11 * (1.0 + sum),
                    "{q} {sigma} {order}: {sum} {integral}"
                );
            }
        }
    }

    #[test]
    fn the_second_central_moment_has_a_closed_form() {
        for sigma in [0.3f64, 1.1, 20.0, 1000.0] {
            let exact = (1.0 / (sigma * sigma)).exp_m1().ln();
            assert!((log_central_moment(sigma, 2) - exact).abs() < 1e-9, "{sigma}");
        }
    }
}
