//! One row through the network and back to its features, in double precision: what explanations are sums of, where
//! single precision would hide small contributions among large ones.

use crate::nn::activation::{Activation, GELU_CUBE, GELU_SCALE, LEAK};
use crate::nn::network::{Block, Network, Norm};
use crate::nn::norm::EPSILON;
use libm::{erf, exp, expm1, log1p, tanh};

/// What the network gives for a row of features.
pub(super) fn outputs(network: &Network, params: &[f32], features: &[f64]) -> Vec<f64> {
    let mut values = features.to_vec();
    for block in &network.blocks {
        values = activate(block.activation, &forward(block, params, &values).sums);
    }
    values
}

/// The derivative of one output by every feature of a row.
pub(super) fn input_gradient(network: &Network, params: &[f32], features: &[f64], output: usize) -> Vec<f64> {
    let mut passed = Vec::with_capacity(network.blocks.len());
    let mut values = features.to_vec();
    for block in &network.blocks {
        let of_block = forward(block, params, &values);
        values = activate(block.activation, &of_block.sums);
        passed.push(of_block);
    }
    let mut deltas = vec![0.0; values.len()];
    deltas[output] = 1.0;
    for (block, passed) in network.blocks.iter().zip(&passed).rev() {
        differentiate(block.activation, &passed.sums, &mut deltas);
        if let (Some(norm), Some(normalized)) = (&block.norm, &passed.normalized) {
            normalized.differentiate(&params[norm.gain.clone()], &mut deltas);
        }
        let rows = params[block.weight.clone()].chunks_exact(block.units);
        deltas =
            rows.map(|row| row.iter().zip(&deltas).map(|(w, delta)| f64::from(*w) * delta).sum()).collect();
    }
    deltas
}

/// What a block made of a row, up to its activation.
struct Passed {
    sums: Vec<f64>,
    normalized: Option<Normalized>,
}

/// A row after layer normalization, before gain and shift.
struct Normalized {
    values: Vec<f64>,
    inverse_deviation: f64,
}

fn forward(block: &Block, params: &[f32], values: &[f64]) -> Passed {
    let mut sums = weighted_sums(block, params, values);
    let normalized = block.norm.as_ref().map(|norm| normalize(norm, params, &mut sums));
    Passed { sums, normalized }
}

fn normalize(norm: &Norm, params: &[f32], sums: &mut [f64]) -> Normalized {
    let mean = sums.iter().sum::<f64>() / sums.len() as f64;
    let variance = sums.iter().map(|sum| (sum - mean) * (sum - mean)).sum::<f64>() / sums.len() as f64;
    let inverse_deviation = 1.0 / (variance + f64::from(EPSILON)).sqrt();
    let values: Vec<f64> = sums.iter().map(|sum| (sum - mean) * inverse_deviation).collect();
    let trained = params[norm.gain.clone()].iter().zip(&params[norm.shift.clone()]);
    for ((sum, value), (gain, shift)) in sums.iter_mut().zip(&values).zip(trained) {
        *sum = f64::from(*gain) * value + f64::from(*shift);
    }
    Normalized { values, inverse_deviation }
}

impl Normalized {
    /// From the derivatives by what came out to those by what went in.
    fn differentiate(&self, gain: &[f32], deltas: &mut [f64]) {
        deltas.iter_mut().zip(gain).for_each(|(delta, gain)| *delta *= f64::from(*gain));
        let count = deltas.len() as f64;
        let mean = deltas.iter().sum::<f64>() / count;
        let slope = deltas.iter().zip(&self.values).map(|(delta, value)| delta * value).sum::<f64>() / count;
        for (delta, value) in deltas.iter_mut().zip(&self.values) {
            *delta = self.inverse_deviation * (*delta - mean - value * slope);
        }
    }
}

fn weighted_sums(block: &Block, params: &[f32], values: &[f64]) -> Vec<f64> {
    let mut sums = match &block.bias {
        Some(bias) => params[bias.clone()].iter().map(|&bias| f64::from(bias)).collect(),
        None => vec![0.0; block.units],
    };
    for (row, value) in params[block.weight.clone()].chunks_exact(block.units).zip(values) {
        sums.iter_mut().zip(row).for_each(|(sum, w)| *sum += f64::from(*w) * value);
    }
    sums
}

fn activate(activation: Activation, sums: &[f64]) -> Vec<f64> {
    if activation == Activation::Softmax {
        return softmax(sums);
    }
    sums.iter().map(|&z| value_and_slope(activation, z).0).collect()
}

/// From the derivatives by what the units gave to those by their weighted sums.
fn differentiate(activation: Activation, sums: &[f64], deltas: &mut [f64]) {
    if activation == Activation::Softmax {
        let outputs = softmax(sums);
        let mean: f64 = deltas.iter().zip(&outputs).map(|(delta, y)| delta * y).sum();
        deltas.iter_mut().zip(&outputs).for_each(|(delta, y)| *delta = y * (*delta - mean));
        return;
    }
    deltas.iter_mut().zip(sums).for_each(|(delta, &z)| *delta *= value_and_slope(activation, z).1);
}

fn softmax(sums: &[f64]) -> Vec<f64> {
    let highest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = sums.iter().map(|z| exp(z - highest)).collect();
    let all: f64 = powers.iter().sum();
    powers.iter().map(|power| power / all).collect()
}

/// An activation that looks at one unit at a time, and its derivative; softmax passes as linear.
fn value_and_slope(activation: Activation, z: f64) -> (f64, f64) {
    match activation {
        Activation::Linear | Activation::Softmax => (z, 1.0),
        Activation::Sigmoid => {
            let y = sigmoid(z);
            (y, y * (1.0 - y))
        }
        Activation::Tanh => {
            let y = tanh(z);
            (y, 1.0 - y * y)
        }
        Activation::Relu if z > 0.0 => (z, 1.0),
        Activation::Relu => (0.0, 0.0),
        Activation::LeakyRelu if z > 0.0 => (z, 1.0),
        Activation::LeakyRelu => (f64::from(LEAK) * z, f64::from(LEAK)),
        Activation::Elu if z > 0.0 => (z, 1.0),
        Activation::Elu => (expm1(z), exp(z)),
        Activation::Gelu => {
            let share = 0.5 * (1.0 + erf(z * std::f64::consts::FRAC_1_SQRT_2));
            let density = exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
            (z * share, share + z * density)
        }
        Activation::GeluTanh => {
            let (scale, cube) = (f64::from(GELU_SCALE), f64::from(GELU_CUBE));
            let t = tanh(scale * (z + cube * z * z * z));
            let inner_slope = scale * (1.0 + 3.0 * cube * z * z);
            (0.5 * z * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * inner_slope)
        }
        Activation::Silu => {
            let s = sigmoid(z);
            (z * s, s * (1.0 + z * (1.0 - s)))
        }
        Activation::Softplus => (z.max(0.0) + log1p(exp(-z.abs())), sigmoid(z)),
    }
}

/// 1 / (1 + e^-z), without overflow on either side.
fn sigmoid(z: f64) -> f64 {
    let power = exp(-z.abs());
    if z < 0.0 { power / (1.0 + power) } else { 1.0 / (1.0 + power) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::reference::{HIDDEN, Rows, noise};
    use crate::nn::{Choice, Loss, ModelConfig, Normalization, PerLayer, Target, predict};
    use crate::random::{Purpose, Seed};

    /// Networks of every activation, in the middle and at the end, with biases that are not zero.
    fn networks() -> Vec<(Network, Vec<f32>)> {
        let mut networks = Vec::new();
        for hidden in HIDDEN {
            for (at, output) in HIDDEN.into_iter().chain([Activation::Softmax]).enumerate() {
                let config = ModelConfig {
                    hidden: vec![6, 5],
                    activation: PerLayer::Same(hidden),
                    output_activation: Choice::Given(output),
                    normalization: [Normalization::None, Normalization::Layer][at % 2],
                    bias: at % 3 != 0,
                    ..ModelConfig::default()
                };
                let network = Network::new(&config, 4, 3, Loss::MeanSquaredError).unwrap();
                let mut params = network.initialize(&mut Seed(5).stream(Purpose::Initialization));
                let values = params.values_mut().iter_mut().enumerate();
                values.for_each(|(index, value)| *value += 0.2 * noise(index as u32));
                networks.push((network, params.values().to_vec()));
            }
        }
        networks
    }

    fn row() -> Vec<f64> {
        (0..4).map(|index| f64::from(noise(900 + index))).collect()
    }

    #[test]
    fn gradients_by_the_features_are_the_finite_differences() {
        for (network, params) in networks() {
            for output in 0..3 {
                let gradient = input_gradient(&network, &params, &row(), output);
                for (feature, found) in gradient.iter().enumerate() {
                    let moved = |by: f64| {
                        let mut row = row();
                        row[feature] += by;
                        outputs(&network, &params, &row)[output]
                    };
                    let wanted = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                    assert!((found - wanted).abs() < 1e-7, "{:?}: {found}, not {wanted}", network.config());
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_outputs_that_it_is_judged_by() {
        for (network, params) in networks() {
            let rows = Rows::new(4, vec![Target::Class(1)]);
            let model = crate::params::Params::new(network.layout().clone(), params.clone()).unwrap();
            let features: Vec<f64> = rows.features.iter().map(|&value| f64::from(value)).collect();
            let predictions = predict(&network, &model, &rows).unwrap();
            let judged = predictions.rows().next().unwrap();
            for (found, judged) in outputs(&network, &params, &features).iter().zip(judged) {
                let apart = (found - f64::from(*judged)).abs();
                assert!(apart < 1e-5 * found.abs().max(1.0), "{:?}: {found}, not {judged}", network.config());
            }
        }
    }
}
