//! Poisson sampling of a mechanism that is known by its Renyi divergences only.

use super::logsum::{log_choose, log_sum};

/// `(order - 1) rho` at orders 2 to `largest` on Poisson samples of rate `q`, from `base(order)` of the mechanism
/// (Zhu and Wang 2019, Thm. 6: both directions of add-or-remove-one, any mechanism).
pub(crate) fn poisson(q: f64, largest: u32, base: impl Fn(f64) -> f64) -> Vec<f64> {
    let base: Vec<f64> = (0..=largest).map(|k| if k < 2 { 0.0 } else { base(f64::from(k)) }).collect();
    if q >= 1.0 {
        return (2..=largest).map(|n| f64::from(n - 1) * base[n as usize]).collect();
    }
    let (log_in, log_out) = (q.ln(), (-q).ln_1p());
    (2..=largest)
        .map(|n| {
            let order = f64::from(n);
            let first = (order - 1.0) * log_out + (order * q - q).ln_1p();
            let rest = (2..=n).map(|k| {
                let chosen = f64::from(k);
                let factor = if k == 2 { 0.0 } else { 3f64.ln() };
                factor
                    + log_choose(n, k)
                    + chosen * log_in
                    + (order - chosen) * log_out
                    + (chosen - 1.0) * base[k as usize]
            });
            log_sum(&std::iter::once(first).chain(rest).collect::<Vec<_>>()).max(0.0)
        })
        .collect()
}
