//! From a Renyi divergence to epsilon and delta.

/// Epsilon at `delta` from Renyi DP `rho` of `order > 1` (Canonne, Kamath and Steinke 2020, Prop. 12).
///
/// By Bretagnolle and Huber `delta <= sqrt(1 - e^-KL)`, and the Kullback-Leibler divergence is at most `rho`: where that is already
/// below `delta`, epsilon is 0.
pub fn epsilon(order: f64, rho: f64, delta: f64) -> f64 {
    if delta * delta + (-rho).exp_m1() > 0.0 {
        return 0.0;
    }
    let epsilon = rho + (-1.0 / order).ln_1p() - (delta.ln() + order.ln()) / (order - 1.0);
    epsilon.max(0.0)
}

/// The older conversion (Mironov 2017, Prop. 3), behind most published values.
pub fn epsilon_mironov(order: f64, rho: f64, delta: f64) -> f64 {
    rho - delta.ln() / (order - 1.0)
}

/// `ln delta` at `epsilon`: the first conversion, solved for delta.
pub fn log_delta(order: f64, rho: f64, epsilon: f64) -> f64 {
    let converted = (order - 1.0) * (rho - epsilon + (-1.0 / order).ln_1p()) - order.ln();
    let by_divergence = 0.5 * (-(-rho).exp_m1()).ln();
    converted.min(by_divergence).min(0.0)
}
