//! The network once more, for tests: straight from the definitions, in double precision, one row and one number at a
//! time. Gradients are its finite differences.

use super::activation::Activation;
use super::examples::{Examples, Target};
use super::loss::Loss;
use super::network::Network;

/// Rows made up for a test: features from a fixed rule, targets given.
pub(in crate::nn) struct Rows {
    pub(in crate::nn) width: usize,
    pub(in crate::nn) features: Vec<f32>,
    pub(in crate::nn) targets: Vec<Target>,
    pub(in crate::nn) weights: Vec<f32>,
}

impl Rows {
    /// Features between -1 and 1 that look like nothing in particular.
    pub(in crate::nn) fn new(width: usize, targets: Vec<Target>) -> Rows {
        let features = (0..width * targets.len()).map(|index| noise(index as u32)).collect();
        let weights = vec![1.0; targets.len()];
        Rows { width, features, targets, weights }
    }
}

/// A number between -1 and 1 that belongs to an index.
pub(in crate::nn) fn noise(index: u32) -> f32 {
    let mixed = (index + 1).wrapping_mul(2_654_435_761);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
    (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
}

impl Examples for Rows {
    fn len(&self) -> usize {
        self.targets.len()
    }
    fn width(&self) -> usize {
        self.width
    }
    fn copy_features(&self, row: usize, out: &mut [f32]) {
        out.copy_from_slice(&self.features[row * self.width..][..self.width]);
    }
    fn target(&self, row: usize) -> Target {
        self.targets[row]
    }
    fn weight(&self, row: usize) -> f32 {
        self.weights[row]
    }
}

/// The weighted mean loss over all rows.
pub(in crate::nn) fn loss(network: &Network, params: &[f64], rows: &Rows) -> f64 {
    let total: f64 = rows.weights.iter().map(|&weight| f64::from(weight)).sum();
    let losses = (0..rows.len()).map(|row| {
        let features =
            rows.features[row * rows.width..][..rows.width].iter().map(|&x| f64::from(x)).collect();
        f64::from(rows.weights[row])
            * row_loss(network.loss(), outputs(network, params, features), rows.targets[row])
    });
    losses.sum::<f64>() / total
}

/// dL/dp by central differences, for every parameter.
pub(in crate::nn) fn gradient(network: &Network, params: &[f64], rows: &Rows) -> Vec<f64> {
    let step = 1e-5;
    (0..params.len())
        .map(|index| {
            let moved = |by: f64| {
                let mut params = params.to_vec();
                params[index] += by;
                loss(network, &params, rows)
            };
            (moved(step) - moved(-step)) / (2.0 * step)
        })
        .collect()
}

fn outputs(network: &Network, params: &[f64], mut x: Vec<f64>) -> Vec<f64> {
    for block in &network.blocks {
        let weight = |input: usize, unit: usize| params[block.weight.start + input * block.units + unit];
        let bias = |unit: usize| block.bias.as_ref().map_or(0.0, |range| params[range.start + unit]);
        let sums: Vec<f64> = (0..block.units)
            .map(|unit| {
                bias(unit) + x.iter().enumerate().map(|(input, x)| x * weight(input, unit)).sum::<f64>()
            })
            .collect();
        let sums = match &block.norm {
            None => sums,
            Some(norm) => normalize(&sums, &params[norm.gain.clone()], &params[norm.shift.clone()]),
        };
        x = activate(block.activation, &sums);
    }
    x
}

fn normalize(z: &[f64], gain: &[f64], shift: &[f64]) -> Vec<f64> {
    let count = z.len() as f64;
    let mean = z.iter().sum::<f64>() / count;
    let variance = z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / count;
    let normal = z.iter().map(|z| (z - mean) / (variance + 1e-5).sqrt());
    normal.zip(gain.iter().zip(shift)).map(|(z, (gain, shift))| gain * z + shift).collect()
}

fn activate(activation: Activation, z: &[f64]) -> Vec<f64> {
    let each = |function: fn(f64) -> f64| z.iter().map(|&z| function(z)).collect();
    match activation {
        Activation::Linear => z.to_vec(),
        Activation::Sigmoid => each(|z| 1.0 / (1.0 + (-z).exp())),
        Activation::Tanh => each(f64::tanh),
        Activation::Relu => each(|z| z.max(0.0)),
        Activation::LeakyRelu => each(|z| if z > 0.0 { z } else { 0.01 * z }),
        Activation::Elu => each(|z| if z > 0.0 { z } else { z.exp() - 1.0 }),
        Activation::Gelu => each(|z| 0.5 * z * (1.0 + libm::erf(z / std::f64::consts::SQRT_2))),
        Activation::GeluTanh => each(|z| {
            0.5 * z * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (z + 0.044715 * z.powi(3))).tanh())
        }),
        Activation::Silu => each(|z| z / (1.0 + (-z).exp())),
        Activation::Softplus => each(|z| (1.0 + z.exp()).ln()),
        Activation::Softmax => {
            let sum: f64 = z.iter().map(|z| z.exp()).sum();
            z.iter().map(|z| z.exp() / sum).collect()
        }
    }
}

fn row_loss(loss: Loss, y: Vec<f64>, target: Target) -> f64 {
    let wanted: Vec<f64> = match target {
        Target::Value(value) => vec![f64::from(value)],
        Target::Class(class) if y.len() == 1 => vec![f64::from(class)],
        Target::Class(class) => (0..y.len()).map(|of| f64::from(u8::from(of == class as usize))).collect(),
    };
    let pairs = || y.iter().copied().zip(wanted.iter().copied());
    let count = y.len() as f64;
    match loss {
        Loss::CrossEntropy { label_smoothing } => {
            let s = f64::from(label_smoothing);
            -pairs().map(|(y, q)| ((1.0 - s) * q + s / count) * y.ln()).sum::<f64>()
        }
        Loss::BinaryCrossEntropy { label_smoothing } => {
            let s = f64::from(label_smoothing);
            let smooth = |q: f64| q * (1.0 - s) + 0.5 * s;
            -pairs().map(|(y, q)| smooth(q) * y.ln() + (1.0 - smooth(q)) * (1.0 - y).ln()).sum::<f64>()
        }
        Loss::MeanSquaredError => pairs().map(|(y, t)| (y - t).powi(2)).sum::<f64>() / count,
        Loss::MeanAbsoluteError => pairs().map(|(y, t)| (y - t).abs()).sum::<f64>() / count,
        Loss::Huber { delta } => {
            let delta = f64::from(delta);
            let part = |e: f64| if e <= delta { 0.5 * e * e } else { delta * (e - 0.5 * delta) };
            pairs().map(|(y, t)| part((y - t).abs())).sum::<f64>() / count
        }
    }
}
