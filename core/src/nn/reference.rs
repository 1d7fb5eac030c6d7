//! The network once more, for tests: straight from the definitions, in double precision, one row and one number at a
//! time. Gradients are its finite differences, and those of a single row also come from the derivatives of its parts.

use super::activation::Activation;
use super::examples::{Examples, Target};
use super::loss::Loss;
use super::network::{Block, Network};

/// Every activation that a hidden layer can have.
pub(in crate::nn) const HIDDEN: [Activation; 10] = [
    Activation::Linear,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Relu,
    Activation::LeakyRelu,
    Activation::Elu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Silu,
    Activation::Softplus,
];

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

/// dL/dp of the loss of one row, back from the loss through the layers: exact but for rounding in double precision.
pub(in crate::nn) fn gradient_of_row(network: &Network, params: &[f64], rows: &Rows, row: usize) -> Vec<f64> {
    let features = &rows.features[row * rows.width..][..rows.width];
    let mut x: Vec<f64> = features.iter().map(|&x| f64::from(x)).collect();
    let mut passes = Vec::new();
    for block in &network.blocks {
        let pass = Pass::through(block, params, x);
        x = pass.y.clone();
        passes.push(pass);
    }
    let mut gradient = vec![0.0; params.len()];
    let mut deltas = loss_slopes(network.loss(), &x, rows.targets[row]);
    for (block, pass) in network.blocks.iter().zip(&passes).rev() {
        deltas = pass.back(block, params, deltas, &mut gradient);
    }
    gradient
}

fn outputs(network: &Network, params: &[f64], x: Vec<f64>) -> Vec<f64> {
    network.blocks.iter().fold(x, |x, block| Pass::through(block, params, x).y)
}

/// What a block made of a row.
struct Pass {
    /// What went in.
    x: Vec<f64>,
    /// The weighted sums, normalized if the block normalizes them, before gain and shift.
    normal: Vec<f64>,
    /// The standard deviation of the weighted sums if the block normalizes them.
    deviation: f64,
    /// What went into the activation.
    z: Vec<f64>,
    /// What came out.
    y: Vec<f64>,
}

impl Pass {
    fn through(block: &Block, params: &[f64], x: Vec<f64>) -> Pass {
        let weight = |input: usize, unit: usize| params[block.weight.start + input * block.units + unit];
        let bias = |unit: usize| block.bias.as_ref().map_or(0.0, |range| params[range.start + unit]);
        let sums: Vec<f64> = (0..block.units)
            .map(|unit| {
                bias(unit) + x.iter().enumerate().map(|(input, x)| x * weight(input, unit)).sum::<f64>()
            })
            .collect();
        let (normal, deviation, z) = match &block.norm {
            None => (sums.clone(), 1.0, sums),
            Some(norm) => {
                let (gain, shift) = (&params[norm.gain.clone()], &params[norm.shift.clone()]);
                let mean = mean(&sums);
                let variance = sums.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / sums.len() as f64;
                let deviation = (variance + 1e-5).sqrt();
                let normal: Vec<f64> = sums.iter().map(|z| (z - mean) / deviation).collect();
                let z = (0..sums.len()).map(|unit| gain[unit] * normal[unit] + shift[unit]).collect();
                (normal, deviation, z)
            }
        };
        let y = activate(block.activation, &z);
        Pass { x, normal, deviation, z, y }
    }

    /// From the derivatives by what came out to those by what went in; those by the parameters go into `gradient`.
    fn back(&self, block: &Block, params: &[f64], by_y: Vec<f64>, gradient: &mut [f64]) -> Vec<f64> {
        let mut deltas = by_sums(block.activation, &self.z, &self.y, by_y);
        if let Some(norm) = &block.norm {
            gradient[norm.shift.clone()].copy_from_slice(&deltas);
            for (unit, delta) in deltas.iter_mut().enumerate() {
                gradient[norm.gain.start + unit] = *delta * self.normal[unit];
                *delta *= params[norm.gain.start + unit];
            }
            let along: Vec<f64> = deltas.iter().zip(&self.normal).map(|(delta, x)| delta * x).collect();
            let (even, slope) = (mean(&deltas), mean(&along));
            for (delta, x) in deltas.iter_mut().zip(&self.normal) {
                *delta = (*delta - even - x * slope) / self.deviation;
            }
        }
        if let Some(bias) = &block.bias {
            gradient[bias.clone()].copy_from_slice(&deltas);
        }
        let mut by_x = vec![0.0; self.x.len()];
        for (input, x) in self.x.iter().enumerate() {
            for (unit, delta) in deltas.iter().enumerate() {
                let at = block.weight.start + input * block.units + unit;
                gradient[at] = x * delta;
                by_x[input] += params[at] * delta;
            }
        }
        by_x
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
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

/// From the derivatives by what an activation gave to those by its weighted sums.
fn by_sums(activation: Activation, z: &[f64], y: &[f64], by_y: Vec<f64>) -> Vec<f64> {
    if activation == Activation::Softmax {
        let along: f64 = by_y.iter().zip(y).map(|(delta, y)| delta * y).sum();
        return by_y.iter().zip(y).map(|(delta, y)| y * (delta - along)).collect();
    }
    let slope = |z: f64, y: f64| {
        let sigmoid = 1.0 / (1.0 + (-z).exp());
        let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
        match activation {
            Activation::Linear | Activation::Softmax => 1.0,
            Activation::Sigmoid => y * (1.0 - y),
            Activation::Tanh => 1.0 - y * y,
            Activation::Relu => f64::from(u8::from(z > 0.0)),
            Activation::LeakyRelu => {
                if z > 0.0 {
                    1.0
                } else {
                    0.01
                }
            }
            Activation::Elu => {
                if z > 0.0 {
                    1.0
                } else {
                    z.exp()
                }
            }
            Activation::Gelu => 0.5 * (1.0 + libm::erf(z / std::f64::consts::SQRT_2)) + z * density,
            Activation::GeluTanh => {
                let root = (2.0 / std::f64::consts::PI).sqrt();
                let t = (root * (z + 0.044715 * z.powi(3))).tanh();
                0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * root * (1.0 + 3.0 * 0.044715 * z * z)
            }
            Activation::Silu => sigmoid * (1.0 + z * (1.0 - sigmoid)),
            Activation::Softplus => sigmoid,
        }
    };
    by_y.iter().zip(z.iter().zip(y)).map(|(delta, (&z, &y))| delta * slope(z, y)).collect()
}

/// What the outputs of a row should have been.
fn wanted(outputs: usize, target: Target) -> Vec<f64> {
    match target {
        Target::Value(value) => vec![f64::from(value)],
        Target::Class(class) if outputs == 1 => vec![f64::from(class)],
        Target::Class(class) => (0..outputs).map(|of| f64::from(u8::from(of == class as usize))).collect(),
    }
}

/// The derivatives of the loss of a row by its outputs.
fn loss_slopes(loss: Loss, y: &[f64], target: Target) -> Vec<f64> {
    let count = y.len() as f64;
    let slope = |(&y, t): (&f64, f64)| match loss {
        Loss::CrossEntropy { label_smoothing } => {
            let s = f64::from(label_smoothing);
            -((1.0 - s) * t + s / count) / y
        }
        Loss::BinaryCrossEntropy { label_smoothing } => {
            let s = f64::from(label_smoothing);
            let q = t * (1.0 - s) + 0.5 * s;
            (1.0 - q) / (1.0 - y) - q / y
        }
        Loss::MeanSquaredError => 2.0 * (y - t) / count,
        Loss::MeanAbsoluteError => (y - t).signum() / count,
        Loss::Huber { delta } => (y - t).clamp(-f64::from(delta), f64::from(delta)) / count,
    };
    y.iter().zip(wanted(y.len(), target)).map(slope).collect()
}

fn row_loss(loss: Loss, y: Vec<f64>, target: Target) -> f64 {
    let wanted = wanted(y.len(), target);
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
