//! The two passes over a network: rows forward to predictions, derivatives backward to every parameter.

use std::ops::Range;

use super::activation::{Activate, Differentiate};
use super::dropout::{Multiply, draw_mask};
use super::kernel::{Descent, Forward, Padding, Transpose, WeightGradient};
use super::network::{Block, Network};
use super::norm::{Normalize, NormalizeBackward};
use super::workspace::{Buffers, Workspace};
use crate::instructions::InstructionSet;
use crate::random::Stream;

/// What the backward pass does with the gradient.
#[derive(Clone, Copy)]
pub(super) enum Update {
    /// `w = beta w - rate g`, without writing the gradient anywhere.
    Descend {
        /// The learning rate.
        rate: f32,
        /// What is left of a parameter after its decay.
        beta: f32,
        /// The same for weights, whose penalty comes on top.
        weight_beta: f32,
    },
    /// Into the workspace's gradient: from zero, or added to what is there.
    Collect { accumulate: bool },
}

impl Workspace {
    /// The gathered rows through all blocks; `dropout` brings the draws of training. If the loss takes the last block's
    /// weighted sums, they stay as they are.
    pub(super) fn forward(
        &mut self,
        network: &Network,
        params: &[f32],
        rows: usize,
        mut dropout: Option<&mut Stream>,
    ) {
        let set = self.set;
        let training = dropout.is_some();
        for (index, block) in network.blocks.iter().enumerate() {
            let (before, rest) = self.blocks.split_at_mut(index);
            let x = fed_to(before, network, &self.input, training);
            let Buffers { normalized, inverse, sums, out, mask, dropped, .. } = &mut rest[0];
            let (inputs, units) = (block.inputs, block.units);
            let values = &mut out[..rows * units];
            let (x, w) = (&x[..rows * inputs], &params[block.weight.clone()]);
            let bias = block.bias.clone().map(|range| &params[range]);
            Forward { x, w, bias, out: values, inputs, units }.run(set, &mut self.padding);
            if index + 1 == network.blocks.len() && network.loss().takes_logits() {
                break;
            }
            if let Some(norm) = &block.norm {
                let (gain, shift) = (&params[norm.gain.clone()], &params[norm.shift.clone()]);
                set.run(Normalize { values, normalized, inverse, gain, shift });
            }
            if block.activation.needs_input() {
                sums[..values.len()].copy_from_slice(values);
            }
            set.run(Activate { activation: block.activation, values, width: units });
            if let (Some(stream), true) = (&mut dropout, block.dropout > 0.0) {
                let mask = &mut mask[..values.len()];
                draw_mask(mask, block.dropout, stream);
                dropped[..values.len()].copy_from_slice(values);
                set.run(Multiply { values: &mut dropped[..mask.len()], by: mask });
            }
        }
    }

    /// From the derivatives that `judge` left to those by all parameters, after a forward pass of training.
    pub(super) fn backward(&mut self, network: &Network, params: &mut [f32], rows: usize, update: Update) {
        let set = self.set;
        for (index, block) in network.blocks.iter().enumerate().rev() {
            let (before, rest) = self.blocks.split_at_mut(index);
            let x = &fed_to(before, network, &self.input, true)[..rows * block.inputs];
            let buffers = &mut rest[0];
            let [deltas, deltas_before] = &mut self.deltas;
            let deltas = &mut deltas[..rows * block.units];
            let (padding, ones) = (&mut self.padding, &self.ones[..rows]);
            let mut sink = Sink { set, padding, params, gradient: &mut self.gradient, update };
            if !(index + 1 == network.blocks.len() && network.loss().takes_logits()) {
                through_activation(set, block, buffers, deltas);
            }
            if let Some(norm) = &block.norm {
                let Buffers { normalized, inverse, out, .. } = buffers;
                // What came out of the activation is not needed any more.
                let products = &mut out[..deltas.len()];
                products.copy_from_slice(deltas);
                set.run(Multiply { values: products, by: normalized });
                sink.update(norm.shift.clone(), ones, deltas);
                set.run(NormalizeBackward {
                    deltas,
                    normalized,
                    inverse,
                    gain: &sink.params[norm.gain.clone()],
                });
                sink.update(norm.gain.clone(), ones, products);
            }
            if index > 0 {
                let weight = &sink.params[block.weight.clone()];
                let before = &mut deltas_before[..rows * block.inputs];
                deltas_of_inputs(set, sink.padding, block, weight, deltas, before, &mut self.turned);
            }
            sink.update_weights(block, x, deltas);
            if let Some(bias) = block.bias.clone() {
                sink.update(bias, ones, deltas);
            }
            self.deltas.swap(0, 1);
        }
    }
}

/// What the block after `before` is fed with: the rows, or what the last of them gave.
pub(super) fn fed_to<'a>(
    before: &'a [Buffers],
    network: &Network,
    input: &'a [f32],
    training: bool,
) -> &'a [f32] {
    match before.last() {
        None => input,
        Some(buffers) if training && network.blocks[before.len() - 1].dropout > 0.0 => &buffers.dropped,
        Some(buffers) => &buffers.out,
    }
}

/// From the derivatives by what a block gave to those by what went into its activation.
pub(super) fn through_activation(set: InstructionSet, block: &Block, buffers: &Buffers, deltas: &mut [f32]) {
    let Buffers { sums, out, mask, .. } = buffers;
    if block.dropout > 0.0 {
        set.run(Multiply { values: deltas, by: mask });
    }
    let outputs = &out[..deltas.len()];
    let inputs = if block.activation.needs_input() { &sums[..deltas.len()] } else { outputs };
    let (activation, width) = (block.activation, block.units);
    set.run(Differentiate { activation, inputs, outputs, deltas, width });
}

/// `before = deltas wᵀ`, as `beforeᵀ = w deltasᵀ`: the weights lie right for that.
pub(super) fn deltas_of_inputs(
    set: InstructionSet,
    padding: &mut Padding,
    block: &Block,
    weight: &[f32],
    deltas: &[f32],
    before: &mut [f32],
    turned: &mut [Vec<f32>; 2],
) {
    let rows = deltas.len() / block.units;
    let [turned, turned_before] = turned;
    let (turned, turned_before) = (&mut turned[..deltas.len()], &mut turned_before[..before.len()]);
    set.run(Transpose { from: deltas, to: turned, rows, columns: block.units });
    let (inputs, units) = (block.units, rows);
    Forward { x: weight, w: turned, bias: None, out: turned_before, inputs, units }.run(set, padding);
    set.run(Transpose { from: turned_before, to: before, rows: block.inputs, columns: rows });
}

/// Where the gradient of a tensor goes.
struct Sink<'a> {
    set: InstructionSet,
    padding: &'a mut Padding,
    params: &'a mut [f32],
    gradient: &'a mut [f32],
    update: Update,
}

impl Sink<'_> {
    /// The gradient `xᵀ d` of a block's weights.
    fn update_weights(&mut self, block: &Block, x: &[f32], d: &[f32]) {
        let beta = match self.update {
            Update::Descend { weight_beta, .. } => weight_beta,
            Update::Collect { .. } => 1.0,
        };
        self.put(block.weight.clone(), x, d, block.inputs, block.units, beta);
    }

    /// The gradient of other parameters, one a unit: the sum over the rows of `d`.
    fn update(&mut self, range: Range<usize>, ones: &[f32], d: &[f32]) {
        let beta = match self.update {
            Update::Descend { beta, .. } => beta,
            Update::Collect { .. } => 1.0,
        };
        let units = range.len();
        self.put(range, ones, d, 1, units, beta);
    }

    fn put(&mut self, range: Range<usize>, x: &[f32], d: &[f32], inputs: usize, units: usize, beta: f32) {
        match self.update {
            Update::Descend { rate, .. } => {
                let w = &mut self.params[range];
                Descent { x, d, w, inputs, units, rate, beta }.run(self.set, self.padding);
            }
            Update::Collect { accumulate } => {
                let gradient = &mut self.gradient[range];
                WeightGradient { x, d, gradient, inputs, units, accumulate }.run(self.set, self.padding);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::config::{ModelConfig, Normalization};
    use crate::nn::reference::{self, HIDDEN, Rows};
    use crate::nn::{Activation, Choice, Loss, PerLayer, Target};
    use crate::params::Params;
    use crate::random::{Purpose, Seed};

    fn losses() -> Vec<Loss> {
        vec![
            Loss::CrossEntropy { label_smoothing: 0.0 },
            Loss::CrossEntropy { label_smoothing: 0.1 },
            Loss::BinaryCrossEntropy { label_smoothing: 0.0 },
            Loss::BinaryCrossEntropy { label_smoothing: 0.2 },
            Loss::MeanSquaredError,
            Loss::MeanAbsoluteError,
            Loss::Huber { delta: 0.3 },
        ]
    }

    /// No hidden layer, one, and two.
    const SHAPES: [&[usize]; 3] = [&[], &[4], &[5, 4]];

    fn first_params(network: &Network) -> Params {
        let mut params = network.initialize(&mut Seed(3).stream(Purpose::Initialization));
        // Biases of zero would hide mistakes in them.
        for (index, value) in params.values_mut().iter_mut().enumerate() {
            *value += 0.2 * reference::noise(1000 + index as u32);
        }
        params
    }

    fn rows(network: &Network) -> Rows {
        let target = |row: u32| match network.outputs() {
            1 => Target::Value(2.0 * reference::noise(500 + row)),
            classes => Target::Class(row % classes as u32),
        };
        let mut rows = Rows::new(network.inputs(), (0..7).map(target).collect());
        rows.weights = vec![1.0, 0.5, 2.0, 0.0, 1.0, 3.0, 1.0];
        rows
    }

    /// The loss and the gradient of the passes.
    fn passes(set: InstructionSet, network: &Network, params: &Params, rows: &Rows) -> (f64, Vec<f32>) {
        let mut workspace = Workspace::on(set, network);
        let (count, mut params) = (rows.targets.len(), params.clone());
        workspace.reserve(network, count);
        workspace.gradient.resize(params.len(), 0.0);
        workspace.targets.copy_from_slice(&rows.targets);
        let total: f32 = rows.weights.iter().sum();
        let scales: Vec<f32> = rows.weights.iter().map(|weight| weight / total).collect();
        workspace.scales.copy_from_slice(&scales);
        workspace.gather(rows, 0..count);
        workspace.forward(network, params.values(), count, None);
        let loss = workspace.judge(network, count, true);
        workspace.backward(network, params.values_mut(), count, Update::Collect { accumulate: false });
        (loss, workspace.gradient)
    }

    /// Every network that there can be of a number of layers, a hidden activation, an output activation, a loss, with and without
    /// bias and normalization.
    fn every_network() -> Vec<Network> {
        let outputs =
            HIDDEN.into_iter().chain([Activation::Softmax]).map(Choice::Given).chain([Choice::Auto]);
        let outputs: Vec<_> = outputs.collect();
        let mut configs = Vec::new();
        for shape in SHAPES {
            for hidden in HIDDEN {
                for &output in &outputs {
                    for normalization in [Normalization::None, Normalization::Layer] {
                        for bias in [true, false] {
                            configs.push(ModelConfig {
                                hidden: shape.to_vec(),
                                activation: PerLayer::Same(hidden),
                                output_activation: output,
                                normalization,
                                bias,
                                ..ModelConfig::default()
                            });
                        }
                    }
                }
            }
        }
        // Layers that differ.
        let unlike = PerLayer::Each(vec![Activation::Gelu, Activation::Sigmoid]);
        configs.push(ModelConfig { hidden: vec![5, 4], activation: unlike, ..ModelConfig::default() });
        let all = losses().into_iter().flat_map(|loss| {
            let networks = configs.iter().flat_map(move |config| {
                [1, 2, 3].into_iter().flat_map(move |classes| Network::new(config, 6, classes, loss))
            });
            networks.collect::<Vec<_>>()
        });
        all.collect()
    }

    #[test]
    fn gradients_are_the_finite_differences_for_every_layer_and_loss() {
        let networks = every_network();
        assert!(networks.len() > 10_000, "{}", networks.len());
        for network in networks {
            let (params, rows) = (first_params(&network), rows(&network));
            let wide: Vec<f64> = params.values().iter().map(|&value| f64::from(value)).collect();
            let (loss, gradient) = passes(InstructionSet::detect(), &network, &params, &rows);
            let wanted = reference::loss(&network, &wide, &rows);
            let what = format!("{:?} {:?}", network.config(), network.loss());
            assert!(
                (loss - wanted).abs() < 1e-5 * wanted.abs().max(1.0),
                "{what}: loss {loss}, not {wanted}"
            );
            let differences = reference::gradient(&network, &wide, &rows);
            let size = differences.iter().fold(1e-3, |high: f64, g| high.max(g.abs()));
            for (index, (found, wanted)) in gradient.iter().zip(&differences).enumerate() {
                let error = (f64::from(*found) - wanted).abs();
                assert!(error < 2e-5 * size, "{what}: parameter {index}: {found}, not {wanted}");
            }
        }
    }

    /// The reference's own derivatives against its finite differences: what others are measured by must be right.
    #[test]
    fn the_gradients_of_the_reference_are_its_finite_differences() {
        for network in every_network().into_iter().step_by(3) {
            let (params, rows) = (first_params(&network), rows(&network));
            let wide: Vec<f64> = params.values().iter().map(|&value| f64::from(value)).collect();
            let total: f64 = rows.weights.iter().map(|&weight| f64::from(weight)).sum();
            let mut gradient = vec![0.0; wide.len()];
            for row in 0..rows.targets.len() {
                let share = f64::from(rows.weights[row]) / total;
                let of_row = reference::gradient_of_row(&network, &wide, &rows, row);
                gradient.iter_mut().zip(of_row).for_each(|(sum, part)| *sum += share * part);
            }
            let differences = reference::gradient(&network, &wide, &rows);
            let size = differences.iter().fold(1e-3, |high: f64, g| high.max(g.abs()));
            for (index, (found, wanted)) in gradient.iter().zip(&differences).enumerate() {
                let what = format!("{:?} {:?}", network.config(), network.loss());
                // A difference that goes across a corner of the loss or of an activation is off by as much as its step is long.
                assert!(
                    (found - wanted).abs() < 2e-5 * size,
                    "{what}: parameter {index}: {found}, not {wanted}"
                );
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        for network in every_network().into_iter().step_by(7) {
            let (params, rows) = (first_params(&network), rows(&network));
            let portable = passes(InstructionSet::BASELINE, &network, &params, &rows);
            for set in InstructionSet::available() {
                assert_eq!(passes(set, &network, &params, &rows), portable, "{} {network:?}", set.name());
            }
        }
    }

    #[test]
    fn gradients_go_through_dropout() {
        let model = ModelConfig {
            dropout: PerLayer::Same(0.4),
            hidden: vec![5, 4],
            activation: PerLayer::Same(Activation::Tanh),
            normalization: Normalization::Layer,
            bias: false,
            ..ModelConfig::default()
        };
        let network = Network::new(&model, 6, 3, Loss::CrossEntropy { label_smoothing: 0.0 }).unwrap();
        let (mut params, rows) = (first_params(&network), rows(&network));
        let mut workspace = Workspace::new(&network);
        workspace.reserve(&network, 7);
        workspace.gradient.resize(params.len(), 0.0);
        workspace.targets.copy_from_slice(&rows.targets);
        workspace.scales.fill(1.0 / 7.0);
        workspace.gather(&rows, 0..7);
        // Every pass draws the same units from a stream begun anew.
        let mut loss = |params: &Params| {
            let mut stream = Seed(1).stream(Purpose::Shuffle);
            workspace.forward(&network, params.values(), 7, Some(&mut stream));
            (workspace.judge(&network, 7, true), workspace.clone())
        };
        let (_, mut passed) = loss(&params);
        passed.backward(&network, params.values_mut(), 7, Update::Collect { accumulate: false });
        for index in 0..params.len() {
            let mut moved = |by: f32| {
                let mut params = params.clone();
                params.values_mut()[index] += by;
                loss(&params).0
            };
            // In single precision: a wide step, and what it leaves of accuracy.
            let difference = (moved(0.01) - moved(-0.01)) / 0.02;
            let found = f64::from(passed.gradient[index]);
            assert!((found - difference).abs() < 1e-3, "parameter {index}: {found}, not {difference}");
        }
        assert!(passed.blocks[0].mask.contains(&0.0));
    }
}
