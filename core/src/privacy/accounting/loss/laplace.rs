//! The Laplace mechanism, alone or on a Poisson sample: an atom at each end of the loss and an exponential density
//! between them.
//!
//! With `b` the scale over the sensitivity, `P = Lap(0, b)` and `Q = Lap(1, b)`: the loss `y` is `1/b` with mass 1/2,
//! `-1/b` with mass `e^(-1/b)/2`, and has the density `e^(y/2 - 1/(2b)) / 4` between.
//! On a Poisson sample of rate `q` the first law becomes `(1-q) Q + q P`, and the loss `ln(1 - q + q e^y)`.

use super::continuous::Increasing;

/// The continuous part, in the coordinate of the loss without sampling.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SampledLaplace {
    pub(crate) q: f64,
    /// Scale over sensitivity.
    pub(crate) scale: f64,
}

impl SampledLaplace {
    /// The masses of the two ends.
    pub(crate) fn atoms(&self) -> [(f64, f64); 2] {
        let small = 0.5 * (-1.0 / self.scale).exp();
        [self.sampled(0.5, small), self.sampled(small, 0.5)]
    }

    /// The largest loss, which carries an atom: best a lattice point.
    pub(crate) fn largest_loss(&self) -> f64 {
        self.loss(1.0 / self.scale)
    }

    fn sampled(&self, p: f64, q: f64) -> (f64, f64) {
        ((1.0 - self.q) * q + self.q * p, q)
    }
}

impl Increasing for SampledLaplace {
    fn loss(&self, y: f64) -> f64 {
        if self.q >= 1.0 { y } else { (self.q * y.exp_m1()).ln_1p() }
    }

    fn coordinate(&self, loss: f64) -> f64 {
        let y = if self.q >= 1.0 { loss } else { ((loss.exp_m1() / self.q).max(-1.0)).ln_1p() };
        y.clamp(-1.0 / self.scale, 1.0 / self.scale)
    }

    fn masses(&self, low: f64, high: f64) -> (f64, f64) {
        let end = 1.0 / self.scale;
        let (low, high) = (low.clamp(-end, end), high.clamp(-end, end));
        let width = (0.5 * (high - low)).exp_m1();
        let p = 0.5 * (0.5 * (low - end)).exp() * width;
        let q = 0.5 * (-0.5 * (high + end)).exp() * width;
        self.sampled(p, q)
    }

    fn support(&self, _tail: f64) -> (f64, f64) {
        (-1.0 / self.scale, 1.0 / self.scale)
    }
}
