//! Noise on integer vectors: the distributed discrete Gaussian, Skellam, and what rounding to the grid adds to the
//! sensitivity.

use crate::privacy::event::Shares;

/// The L2 norm, in units of `granularity`, that conditional randomised rounding of a vector of norm `clip` and length `dimension`
/// never passes, when rounding is repeated until it holds (Kairouz, Liu and Steinke 2021, Prop. 14); `beta` bounds the share
/// of rejected roundings (the paper takes `e^(-1/2)`).
pub fn rounded_sensitivity(clip: f64, granularity: f64, dimension: u64, beta: f64) -> f64 {
    let (norm, root) = (clip / granularity, (dimension as f64).sqrt());
    let likely = norm * norm + 0.25 * root * root + (-2.0 * beta.ln()).sqrt() * (norm + 0.5 * root);
    let always = (norm + root) * (norm + root);
    likely.min(always).sqrt()
}

/// Twice the concentrated-DP parameter of a sum of discrete Gaussian shares: `rho(order) = order * this / 2`
/// (Kairouz, Liu and Steinke 2021, Thm. 1).
///
/// A sum of discrete Gaussians is not a discrete Gaussian; `tau` bounds how far it is from one.
pub(crate) fn discrete_gaussian(shares: &Shares) -> f64 {
    let variance = shares.deviation * shares.deviation;
    let terms = (1..shares.clients).map(|k| {
        let k = f64::from(k);
        (-2.0 * std::f64::consts::PI.powi(2) * variance * k / (k + 1.0)).exp()
    });
    // Terms fall towards e^(-2 pi^2 variance); once all that remain vanish together, so does their sum.
    let first = (-std::f64::consts::PI.powi(2) * variance).exp();
    let tau = if first == 0.0 { 0.0 } else { 10.0 * terms.sum::<f64>() };
    let dimension = shares.dimension as f64;
    let ratio = shares.sensitivity * shares.sensitivity / (f64::from(shares.clients) * variance);
    let added = ratio + 0.5 * tau * dimension;
    let multiplied = (ratio.sqrt() + tau * dimension.sqrt()).powi(2);
    added.min(multiplied)
}

/// `rho(order)` of Skellam noise of the given variance on a vector with these L1 and L2 sensitivities (Agarwal, Kairouz and Liu
/// 2021, Thm. 3.5), for integer orders.
pub(crate) fn skellam(variance: f64, l1: f64, l2: f64, order: f64) -> f64 {
    let leading = 0.5 * order * l2 * l2 / variance;
    let small = ((2.0 * order - 1.0) * l2 * l2 + 6.0 * l1) / (4.0 * variance * variance);
    let large = 1.5 * l1 / variance;
    leading + small.min(large)
}

/// `rho(order)` of a sum of Skellam shares: Skellam again, its variance the sum. On integers the L1 norm is at most the squared
/// L2 norm, and at most `sqrt(dimension)` times the L2 norm.
pub(crate) fn skellam_shares(shares: &Shares, order: f64) -> f64 {
    let l2 = shares.sensitivity;
    let l1 = (l2 * l2).min((shares.dimension as f64).sqrt() * l2);
    skellam(f64::from(shares.clients) * shares.deviation * shares.deviation, l1, l2, order)
}
