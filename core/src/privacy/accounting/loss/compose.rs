//! Composition by real FFT.
//!
//! The law of the summed loss is tilted before it is transformed (an Esscher transform), so that its bulk lies
//! where the answer is. The rounding of the transform and whatever wraps around the window are then small against
//! the answer itself, not against 1: for a window that misses `eta` of the tilted law, and transforms that err by
//! `eta'` in sum, every `delta(epsilon)` is wrong by at most `(eta + eta') e^(K - lambda epsilon)`, and that is added
//! to it. The bound follows from `(1 - e^(epsilon - l)) e^(-lambda l) <= e^(-lambda epsilon)` for `l > epsilon`.
//!
//! Invariant: what is returned is never below the true value of the discretised pairs, up to first order in rounding.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::tilt::{Term, cumulants, cumulants_of, window};

/// `ln eta`: what a window may miss of the tilted law, at each end.
const LOG_MISSED: f64 = -30.0;
/// The largest transform.
pub(crate) const LARGEST_WINDOW: usize = 1 << 20;

/// The tilted law of a composition, and what undoes the tilt.
pub(crate) struct Composition {
    step: f64,
    /// The lattice index of `mass[0]`.
    first: i64,
    mass: Vec<f64>,
    lambda: f64,
    log_mgf: f64,
    /// `eta + eta'`.
    error: f64,
    /// Probability that some loss is infinite.
    infinite: f64,
}

/// Why a composition was not computed: its window needs this many lattice points.
pub(crate) struct TooWide(pub(crate) f64);

impl Composition {
    /// The law of the sum, tilted by `lambda`. All terms share a lattice.
    pub(crate) fn new(
        terms: &[Term],
        lambda: f64,
        planner: &mut RealFftPlanner<f64>,
    ) -> Result<Composition, TooWide> {
        let step = terms.first().map_or(1.0, |term| term.pair.step);
        let at = cumulants(terms, lambda);
        let (low, high) = window(terms, lambda, at, LOG_MISSED);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let width = last - first + 2.0;
        if width.is_nan() || width > LARGEST_WINDOW as f64 {
            return Err(TooWide(width));
        }
        let (first, size) = (first as i64, transform_size(width as usize));
        let mut mass = convolve(terms, lambda, size, planner);
        mass.iter_mut().for_each(|mass| *mass = mass.max(0.0));
        // Slot i of a cyclic convolution holds the index congruent to i: turn it until `first` comes first.
        mass.rotate_left(first.rem_euclid(size as i64) as usize);
        let log_finite: f64 =
            terms.iter().map(|term| term.count as f64 * (-term.pair.unmatched_p).ln_1p()).sum();
        let error = 2.0 * LOG_MISSED.exp() + rounding(terms, &mass);
        let infinite = -log_finite.exp_m1();
        Ok(Composition { step, first, mass, lambda, log_mgf: at.log_mgf, error, infinite })
    }

    /// How steeply it was tilted.
    pub(crate) fn lambda(&self) -> f64 {
        self.lambda
    }

    /// `delta(epsilon)` for `epsilon >= 0`.
    pub(crate) fn delta(&self, epsilon: f64) -> f64 {
        let mut sum = 0.0;
        for (i, &mass) in self.mass.iter().enumerate().rev() {
            let loss = self.loss(i);
            if loss <= epsilon {
                break;
            }
            sum += mass * (self.log_mgf - self.lambda * loss).exp() * -(epsilon - loss).exp_m1();
        }
        (sum + self.infinite + self.slack(epsilon)).min(1.0)
    }

    /// The smallest `epsilon >= 0` (within the window) whose `delta` is at most the given one; infinity if there is none.
    pub(crate) fn epsilon(&self, delta: f64) -> f64 {
        if self.infinite >= delta {
            return f64::INFINITY;
        }
        // Downwards over the lattice, by sums of positive terms only: with `image` the mass above under Q times
        // e^epsilon, delta(epsilon - step) = delta(epsilon) + (1 - e^-step)(image + mass).
        let (shrink, growth) = ((-self.step).exp(), -(-self.step).exp_m1());
        let (mut hockey_stick, mut image) = (0.0, 0.0);
        for (i, &mass) in self.mass.iter().enumerate().rev() {
            let loss = self.loss(i);
            let mass = mass * (self.log_mgf - self.lambda * loss).exp();
            let below = loss - self.step;
            let next = hockey_stick + growth * (image + mass);
            image = shrink * (image + mass);
            let room = delta - self.infinite - self.slack(below.max(0.0));
            if next > room {
                // Between two lattice points the curve is linear in e^epsilon.
                if room < hockey_stick {
                    return loss.max(0.0);
                }
                return (below + ((next - room) / image).ln_1p()).clamp(0.0, loss.max(0.0));
            }
            if below <= 0.0 {
                return 0.0;
            }
            hockey_stick = next;
        }
        (self.first as f64 * self.step).max(0.0)
    }

    fn loss(&self, i: usize) -> f64 {
        (self.first + i as i64) as f64 * self.step
    }

    /// What wrapping and rounding may have taken from `delta(epsilon)`.
    fn slack(&self, epsilon: f64) -> f64 {
        self.error * (self.log_mgf - self.lambda * epsilon).exp()
    }
}

/// The cyclic convolution of all tilted terms, each to the power of its count.
fn convolve(terms: &[Term], lambda: f64, size: usize, planner: &mut RealFftPlanner<f64>) -> Vec<f64> {
    let forward: Arc<dyn RealToComplex<f64>> = planner.plan_fft_forward(size);
    let inverse: Arc<dyn ComplexToReal<f64>> = planner.plan_fft_inverse(size);
    let mut buffer = forward.make_input_vec();
    let mut product = forward.make_output_vec();
    let mut spectrum = forward.make_output_vec();
    for (place, term) in terms.iter().enumerate() {
        buffer.fill(0.0);
        let log_mgf = cumulants_of(&term.pair, lambda).log_mgf;
        for (&index, &mass) in term.pair.index.iter().zip(&term.pair.mass) {
            let exponent = lambda * index as f64 * term.pair.step - log_mgf;
            buffer[index.rem_euclid(size as i64) as usize] += mass * exponent.exp();
        }
        forward.process(&mut buffer, &mut spectrum).expect("buffers were made by the plan");
        for (product, &value) in product.iter_mut().zip(&spectrum) {
            let power = power(value, term.count);
            *product = if place == 0 { power } else { *product * power };
        }
    }
    // A real signal has a real spectrum at both ends; products of rounded numbers may leave dust there.
    if let Some(value) = product.first_mut() {
        value.im = 0.0;
    }
    if let Some(value) = product.last_mut() {
        value.im = 0.0;
    }
    inverse.process(&mut product, &mut buffer).expect("buffers were made by the plan");
    let scale = 1.0 / size as f64;
    buffer.iter_mut().for_each(|mass| *mass *= scale);
    buffer
}

/// `value` to the power `count` by squaring; zero as soon as it can no longer matter.
fn power(value: Complex<f64>, mut count: u64) -> Complex<f64> {
    let (mut square, mut result) = (value, Complex::new(1.0, 0.0));
    while count > 0 {
        if count & 1 == 1 {
            result *= square;
        }
        count >>= 1;
        if square.norm_sqr() < 1e-60 || result.norm_sqr() < 1e-60 {
            return if count > 0 { Complex::new(0.0, 0.0) } else { result };
        }
        square *= square;
    }
    result
}

/// A first-order bound on the sum of the errors of all slots: the spectrum of a term errs by some units in the last
/// place, its power by as many times its count, and the transform back spreads them in the 2-norm
/// (Higham, Accuracy and Stability of Numerical Algorithms, sec. 24.1).
fn rounding(terms: &[Term], mass: &[f64]) -> f64 {
    let count: f64 = terms.iter().map(|term| term.count as f64).sum();
    let size = mass.len() as f64;
    let norm = mass.iter().map(|mass| mass * mass).sum::<f64>().sqrt();
    4.0 * f64::EPSILON * (count + size.log2()) * (size.sqrt() * norm).max(1.0)
}

/// The next size of the form 2^a or 3 * 2^a: fast to transform, even, and few enough to reuse plans.
fn transform_size(width: usize) -> usize {
    let power = width.max(64).next_power_of_two();
    if power / 4 * 3 >= width { power / 4 * 3 } else { power }
}
