//! What training makes small: the loss of a row, and its derivative by the output.

use serde::{Deserialize, Serialize};

use super::activation::{Activation, softmax};
use super::examples::Target;
use super::kernel::math;
use crate::instructions::Job;

/// The loss of a network: what its training makes small.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "name", deny_unknown_fields)]
pub enum Loss {
    /// -Σ q_c ln softmax(z)_c over the classes, from the weighted sums z, where q is 1 at the true class; smoothed by s
    /// it is 1 - s + s/k there and s/k elsewhere (Szegedy et al. 2016, section 7).
    CrossEntropy {
        /// s, from 0 to below 1.
        label_smoothing: f32,
    },
    /// -(q ln p + (1 - q) ln(1 - p)) for two classes and one unit, from its weighted sum; smoothed by s, q is 1 - s/2
    /// for class 1 and s/2 for class 0.
    BinaryCrossEntropy {
        /// s, from 0 to below 1.
        label_smoothing: f32,
    },
    /// The mean over the outputs of (y - t)².
    MeanSquaredError,
    /// The mean over the outputs of |y - t|.
    MeanAbsoluteError,
    /// (y - t)²/2 where |y - t| <= δ, else δ (|y - t| - δ/2); the mean over the outputs (Huber 1964).
    Huber {
        /// δ, above 0.
        delta: f32,
    },
}

impl Loss {
    /// Its name in a plan.
    pub fn name(self) -> &'static str {
        match self {
            Loss::CrossEntropy { .. } => "cross-entropy",
            Loss::BinaryCrossEntropy { .. } => "binary-cross-entropy",
            Loss::MeanSquaredError => "mean-squared-error",
            Loss::MeanAbsoluteError => "mean-absolute-error",
            Loss::Huber { .. } => "huber",
        }
    }

    /// The output activation that is meant when none is given.
    pub(in crate::nn) fn natural_output(self) -> Activation {
        match self {
            Loss::CrossEntropy { .. } => Activation::Softmax,
            Loss::BinaryCrossEntropy { .. } => Activation::Sigmoid,
            _ => Activation::Linear,
        }
    }

    /// Whether loss and output activation are taken together, straight from the weighted sums.
    pub(in crate::nn) fn takes_logits(self) -> bool {
        matches!(self, Loss::CrossEntropy { .. } | Loss::BinaryCrossEntropy { .. })
    }
}

/// The losses of a chunk of rows, and their derivatives.
///
/// Taken from logits, the derivatives are by the weighted sums, and `outputs` (weighted sums on entry) become
/// probabilities; else they are by the outputs.
pub(in crate::nn) struct Judge<'a> {
    pub(in crate::nn) loss: Loss,
    pub(in crate::nn) outputs: &'a mut [f32],
    pub(in crate::nn) width: usize,
    /// One a row, fitting the network.
    pub(in crate::nn) targets: &'a [Target],
    /// What the loss of each row is multiplied by.
    pub(in crate::nn) scales: &'a [f32],
    /// Where the derivatives go; empty when nobody asks.
    pub(in crate::nn) deltas: &'a mut [f32],
}

impl Job for Judge<'_> {
    type Output = f64;

    /// The sum of the rows' losses, each times its scale, added in the order of the rows.
    #[inline(always)]
    fn run<const COLUMNS: usize>(self) -> f64 {
        let width = self.width;
        let mut total = 0.0;
        for (row, outputs) in self.outputs.chunks_exact_mut(width).enumerate() {
            let scale = self.scales[row];
            let deltas =
                if self.deltas.is_empty() { &mut [][..] } else { &mut self.deltas[row * width..][..width] };
            let loss = row_loss(self.loss, outputs, self.targets[row], deltas);
            for delta in deltas {
                *delta *= scale;
            }
            total += f64::from(scale) * loss;
        }
        total
    }
}

#[inline(always)]
fn row_loss(loss: Loss, outputs: &mut [f32], target: Target, deltas: &mut [f32]) -> f64 {
    match loss {
        Loss::CrossEntropy { label_smoothing } => cross_entropy(outputs, target, label_smoothing, deltas),
        Loss::BinaryCrossEntropy { label_smoothing } => binary(outputs, target, label_smoothing, deltas),
        Loss::MeanSquaredError => {
            mean_of(outputs, target, deltas, |e| (f64::from(e) * f64::from(e), 2.0 * e))
        }
        Loss::MeanAbsoluteError => mean_of(outputs, target, deltas, |e| {
            (f64::from(e.abs()), if e == 0.0 { 0.0 } else { e.signum() })
        }),
        Loss::Huber { delta } => mean_of(outputs, target, deltas, |e| {
            let (size, delta_wide) = (f64::from(e.abs()), f64::from(delta));
            if size <= delta_wide {
                (0.5 * size * size, e)
            } else {
                (delta_wide * (size - 0.5 * delta_wide), delta * e.signum())
            }
        }),
    }
}

#[inline(always)]
fn cross_entropy(outputs: &mut [f32], target: Target, smoothing: f32, deltas: &mut [f32]) -> f64 {
    let even = smoothing / outputs.len() as f32;
    let highest = outputs.iter().fold(f32::NEG_INFINITY, |high, &z| if z > high { z } else { high });
    let sum = outputs.iter().fold(0.0, |sum, &z| sum + f64::from(math::exp(z - highest)));
    let log_sum = f64::from(highest) + libm::log(sum);
    let mut loss = 0.0;
    for (class, &z) in outputs.iter().enumerate() {
        let wanted = if is_class(target, class) { 1.0 - smoothing + even } else { even };
        if wanted != 0.0 {
            loss += f64::from(wanted) * (log_sum - f64::from(z));
        }
    }
    softmax(outputs);
    for (class, (delta, &p)) in deltas.iter_mut().zip(outputs.iter()).enumerate() {
        let wanted = if is_class(target, class) { 1.0 - smoothing + even } else { even };
        *delta = p - wanted;
    }
    loss
}

#[inline(always)]
fn binary(outputs: &mut [f32], target: Target, smoothing: f32, deltas: &mut [f32]) -> f64 {
    let positive = if is_class(target, 1) { 1.0 } else { 0.0 };
    let wanted = positive * (1.0 - smoothing) + 0.5 * smoothing;
    let mut loss = 0.0;
    for (index, z) in outputs.iter_mut().enumerate() {
        let wide = f64::from(*z);
        // max(z, 0) - q z + ln(1 + e^-|z|) holds for every z without overflow.
        let above = if wide < 0.0 { 0.0 } else { wide };
        loss += above - f64::from(wanted) * wide + libm::log1p(libm::exp(-wide.abs()));
        *z = math::sigmoid(*z);
        if let Some(delta) = deltas.get_mut(index) {
            *delta = *z - wanted;
        }
    }
    loss
}

/// The mean over the outputs of a function of their errors, which gives the loss and its derivative.
#[inline(always)]
fn mean_of(outputs: &[f32], target: Target, deltas: &mut [f32], part: impl Fn(f32) -> (f64, f32)) -> f64 {
    let mut loss = 0.0;
    for (index, &y) in outputs.iter().enumerate() {
        let wanted = match target {
            Target::Value(value) => value,
            Target::Class(_) if is_class(target, index) => 1.0,
            Target::Class(_) => 0.0,
        };
        let (value, slope) = part(y - wanted);
        loss += value;
        if let Some(delta) = deltas.get_mut(index) {
            *delta = slope / outputs.len() as f32;
        }
    }
    loss / outputs.len() as f64
}

#[inline(always)]
fn is_class(target: Target, class: usize) -> bool {
    matches!(target, Target::Class(of) if of as usize == class)
}
