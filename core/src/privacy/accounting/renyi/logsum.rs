//! Sums of numbers that are known by their logarithms.

/// `ln sum e^x`.
pub(crate) fn log_sum(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + terms.iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
}

/// `ln (n choose k)`.
pub(crate) fn log_choose(n: u32, k: u32) -> f64 {
    let log_factorial = |n: u32| libm::lgamma(f64::from(n) + 1.0);
    log_factorial(n) - log_factorial(k) - log_factorial(n - k)
}

/// `ln E[f(X)]` for a standard normal `X` and `f = e^log_value`, by the trapezoidal rule of step `step` on
/// `[low, high]`. The rule converges geometrically for analytic integrands that vanish at both ends.
pub(crate) fn log_normal_mean(low: f64, high: f64, step: f64, log_value: impl Fn(f64) -> f64) -> f64 {
    let count = ((high - low) / step).ceil() as usize;
    let terms: Vec<f64> = (0..=count)
        .map(|i| {
            let x = low + step * i as f64;
            log_value(x) - 0.5 * x * x
        })
        .collect();
    log_sum(&terms) + step.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
}
