//! What a unit makes of its weighted sum, and the derivative of that.

use serde::{Deserialize, Serialize};

use super::kernel::math;
use crate::instructions::Job;

/// The slope of leaky ReLU below zero.
pub(in crate::nn) const LEAK: f32 = 0.01;
/// sqrt(2 / pi), of GELU's tanh form.
pub(in crate::nn) const GELU_SCALE: f32 = 0.797_884_6;
/// The weight of the cube in GELU's tanh form.
pub(in crate::nn) const GELU_CUBE: f32 = 0.044_715;

/// An activation: a function of each unit's weighted sum, or of a whole row of them (softmax).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// x.
    Linear,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// max(x, 0).
    Relu,
    /// x above zero, 0.01 x below.
    LeakyRelu,
    /// x above zero, e^x - 1 below (Clevert et al. 2016, with alpha = 1).
    Elu,
    /// x Φ(x), with the exact normal distribution function (Hendrycks and Gimpel 2016).
    Gelu,
    /// GELU by its tanh form: x/2 (1 + tanh(sqrt(2/π) (x + 0.044715 x³))) (the same paper, section 2).
    GeluTanh,
    /// x sigmoid(x) (Elfwing et al. 2018).
    Silu,
    /// ln(1 + e^x).
    Softplus,
    /// e^x over the row's sum of e^x. For the output alone.
    Softmax,
}

impl Activation {
    /// Its name in a plan.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Linear => "linear",
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
            Activation::LeakyRelu => "leaky-relu",
            Activation::Elu => "elu",
            Activation::Gelu => "gelu",
            Activation::GeluTanh => "gelu-tanh",
            Activation::Silu => "silu",
            Activation::Softplus => "softplus",
            Activation::Softmax => "softmax",
        }
    }

    /// Whether the derivative needs the weighted sum, and not only what the unit made of it.
    pub(in crate::nn) fn needs_input(self) -> bool {
        matches!(self, Activation::Gelu | Activation::GeluTanh | Activation::Silu)
    }
}

/// `values = activation(values)`, a row of `width` units after the other.
pub(in crate::nn) struct Activate<'a> {
    pub(in crate::nn) activation: Activation,
    pub(in crate::nn) values: &'a mut [f32],
    pub(in crate::nn) width: usize,
}

impl Job for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        match self.activation {
            Activation::Linear => {}
            Activation::Sigmoid => each(self.values, math::sigmoid),
            Activation::Tanh => each(self.values, math::tanh),
            Activation::Relu => each(self.values, relu),
            Activation::LeakyRelu => each(self.values, |x| if x > 0.0 { x } else { LEAK * x }),
            Activation::Elu => each(self.values, |x| if x > 0.0 { x } else { math::exp_m1(x) }),
            Activation::Gelu => each(self.values, |x| x * normal_distribution(x)),
            Activation::GeluTanh => each(self.values, |x| 0.5 * x * (1.0 + math::tanh(gelu_inner(x)))),
            Activation::Silu => each(self.values, |x| x * math::sigmoid(x)),
            Activation::Softplus => each(self.values, softplus),
            Activation::Softmax => self.values.chunks_exact_mut(self.width).for_each(softmax),
        }
    }
}

/// `deltas *= activation'`: from the derivative by what the units gave to the derivative by their weighted sums.
pub(in crate::nn) struct Differentiate<'a> {
    pub(in crate::nn) activation: Activation,
    /// The weighted sums, for the activations that need them; else whatever has the same length.
    pub(in crate::nn) inputs: &'a [f32],
    /// What the activation made of them.
    pub(in crate::nn) outputs: &'a [f32],
    pub(in crate::nn) deltas: &'a mut [f32],
    pub(in crate::nn) width: usize,
}

impl Job for Differentiate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        let (x, y, d) = (self.inputs, self.outputs, self.deltas);
        match self.activation {
            Activation::Linear => {}
            Activation::Sigmoid => scale(d, y, |y| y * (1.0 - y)),
            Activation::Tanh => scale(d, y, |y| 1.0 - y * y),
            Activation::Relu => scale(d, y, |y| if y > 0.0 { 1.0 } else { 0.0 }),
            Activation::LeakyRelu => scale(d, y, |y| if y > 0.0 { 1.0 } else { LEAK }),
            Activation::Elu => scale(d, y, |y| if y > 0.0 { 1.0 } else { y + 1.0 }),
            Activation::Gelu => scale(d, x, |x| normal_distribution(x) + x * normal_density(x)),
            Activation::GeluTanh => scale(d, x, gelu_tanh_slope),
            Activation::Silu => scale(d, x, |x| {
                let s = math::sigmoid(x);
                s * (1.0 + x * (1.0 - s))
            }),
            Activation::Softplus => scale(d, y, |y| -math::exp_m1(-y)),
            Activation::Softmax => {
                let rows = d.chunks_exact_mut(self.width).zip(y.chunks_exact(self.width));
                rows.for_each(|(d, y)| softmax_jacobian(d, y));
            }
        }
    }
}

#[inline(always)]
fn each(values: &mut [f32], function: impl Fn(f32) -> f32) {
    for value in values {
        *value = function(*value);
    }
}

#[inline(always)]
fn scale(deltas: &mut [f32], points: &[f32], slope: impl Fn(f32) -> f32) {
    for (delta, point) in deltas.iter_mut().zip(points) {
        *delta *= slope(*point);
    }
}

/// max(x, 0), with NaN staying NaN: a diverged training must not look like a dead unit.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn softplus(x: f32) -> f32 {
    (if x < 0.0 { 0.0 } else { x }) + libm::log1pf(math::exp(-x.abs()))
}

/// Φ(x), by the complementary error function, so that it keeps its digits far below zero.
#[inline(always)]
fn normal_distribution(x: f32) -> f32 {
    0.5 * libm::erfcf(-x * std::f32::consts::FRAC_1_SQRT_2)
}

#[inline(always)]
fn normal_density(x: f32) -> f32 {
    0.398_942_3 * math::exp(-0.5 * x * x)
}

#[inline(always)]
fn gelu_inner(x: f32) -> f32 {
    GELU_SCALE * (x + GELU_CUBE * x * x * x)
}

#[inline(always)]
fn gelu_tanh_slope(x: f32) -> f32 {
    let t = math::tanh(gelu_inner(x));
    0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * x * x)
}

/// Softmax of one row, shifted by its largest number so that nothing overflows.
#[inline(always)]
pub(in crate::nn) fn softmax(row: &mut [f32]) {
    let highest = row.iter().fold(f32::NEG_INFINITY, |high, &x| if x > high { x } else { high });
    for x in row.iter_mut() {
        *x = math::exp(*x - highest);
    }
    let sum = row.iter().fold(0.0, |sum, x| sum + x);
    for x in row.iter_mut() {
        *x /= sum;
    }
}

/// d_i <- y_i (d_i - Σ_j d_j y_j).
#[inline(always)]
fn softmax_jacobian(deltas: &mut [f32], outputs: &[f32]) {
    let mean = deltas.iter().zip(outputs).fold(0.0, |sum: f32, (d, y)| d.mul_add(*y, sum));
    for (delta, output) in deltas.iter_mut().zip(outputs) {
        *delta = output * (*delta - mean);
    }
}
