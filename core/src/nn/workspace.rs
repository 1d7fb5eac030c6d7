//! The buffers of one worker, and the two passes over the network that fill them.

use super::activation::{Activate, Differentiate};
use super::examples::{Examples, Target};
use super::kernel::{Descent, Forward, Path, Transpose, WeightGradient};
use super::loss::Judge;
use super::network::{Block, Network};

/// More rows than this do not go through the network at once; a larger batch is the sum of such chunks.
pub(in crate::nn) const CHUNK: usize = 512;

/// All buffers of one worker: made once, used for one client and one round after the other. They grow to the largest
/// mini-batch met; after that, training allocates nothing.
#[derive(Debug, Clone)]
pub struct Workspace {
    path: Path,
    /// How many rows the buffers hold.
    capacity: usize,
    /// The features of a chunk.
    input: Vec<f32>,
    pub(in crate::nn) targets: Vec<Target>,
    /// What the loss of each row of a chunk is multiplied by.
    pub(in crate::nn) scales: Vec<f32>,
    blocks: Vec<Buffers>,
    /// The derivatives by the outputs of a block, and by its inputs.
    deltas: [Vec<f32>; 2],
    /// A column of ones: a bias is the weight of an input that is always 1.
    ones: Vec<f32>,
    /// The gradient by all parameters, for optimizers that need to see it.
    pub(in crate::nn) gradient: Vec<f32>,
}

/// What a block keeps between the forward and the backward pass.
#[derive(Debug, Clone, Default)]
struct Buffers {
    /// Weighted sums, where the derivative of the activation needs them.
    sums: Vec<f32>,
    /// What the block gives.
    out: Vec<f32>,
    /// Its weights once more, as `[units, inputs]`; of the first block nobody asks for them.
    transposed: Vec<f32>,
}

/// What the backward pass does with the gradient.
pub(in crate::nn) enum Update {
    /// `w = beta w - rate g`, without writing the gradient anywhere.
    Descend {
        /// The learning rate.
        rate: f32,
        /// What is left of a parameter after its decay.
        beta: f32,
    },
    /// Into the workspace's gradient: from zero, or added to what is there.
    Collect { accumulate: bool },
}

impl Workspace {
    /// Buffers for this network.
    pub fn new(network: &Network) -> Workspace {
        Workspace::on(Path::detect(), network)
    }

    /// The same on a certain instruction set.
    pub(in crate::nn) fn on(path: Path, network: &Network) -> Workspace {
        Workspace {
            path,
            capacity: 0,
            input: Vec::new(),
            targets: Vec::new(),
            scales: Vec::new(),
            blocks: network.blocks.iter().map(|_| Buffers::default()).collect(),
            deltas: [Vec::new(), Vec::new()],
            ones: Vec::new(),
            gradient: Vec::new(),
        }
    }

    /// The instruction set that it computes on.
    pub(in crate::nn) fn path(&self) -> Path {
        self.path
    }

    /// Makes room for chunks of so many rows.
    pub(in crate::nn) fn reserve(&mut self, network: &Network, rows: usize) {
        if rows <= self.capacity {
            return;
        }
        self.capacity = rows;
        self.input.resize(rows * network.inputs(), 0.0);
        self.targets.resize(rows, Target::Class(0));
        self.scales.resize(rows, 0.0);
        self.ones.resize(rows, 1.0);
        let mut widest = 0;
        for (block, buffers) in network.blocks.iter().zip(&mut self.blocks) {
            buffers.out.resize(rows * block.units, 0.0);
            if block.activation.needs_input() {
                buffers.sums.resize(rows * block.units, 0.0);
            }
            widest = widest.max(block.units);
        }
        self.deltas.iter_mut().for_each(|deltas| deltas.resize(rows * widest, 0.0));
    }

    /// Copies the features of rows in; `self` has room for them.
    pub(in crate::nn) fn gather(&mut self, examples: &dyn Examples, rows: impl Iterator<Item = usize>) {
        let width = examples.width();
        for (row, out) in rows.zip(self.input.chunks_exact_mut(width)) {
            examples.copy_features(row, out);
        }
    }

    /// Brings the transposed copies of the weights up to date with parameters that were changed elsewhere.
    pub(in crate::nn) fn transpose_weights(&mut self, network: &Network, params: &[f32]) {
        for (block, buffers) in network.blocks.iter().zip(&mut self.blocks).skip(1) {
            buffers.transposed.resize(block.weight.len(), 0.0);
            self.path.run(Transpose {
                from: &params[block.weight.clone()],
                to: &mut buffers.transposed,
                rows: block.inputs,
                columns: block.units,
            });
        }
    }

    /// The gathered rows through all blocks. If the loss takes the last block's weighted sums, they stay as they are.
    pub(in crate::nn) fn forward(&mut self, network: &Network, params: &[f32], rows: usize) {
        let path = self.path;
        for (index, block) in network.blocks.iter().enumerate() {
            let (before, rest) = self.blocks.split_at_mut(index);
            let x = before.last().map_or(&self.input[..], |buffers| &buffers.out[..]);
            let Buffers { sums, out, .. } = &mut rest[0];
            let values = &mut out[..rows * block.units];
            path.run(Forward {
                x: &x[..rows * block.inputs],
                w: &params[block.weight.clone()],
                bias: block.bias.clone().map(|range| &params[range]),
                out: values,
                inputs: block.inputs,
                units: block.units,
            });
            let last = index + 1 == network.blocks.len();
            if last && network.loss().takes_logits() {
                break;
            }
            if block.activation.needs_input() {
                sums[..values.len()].copy_from_slice(values);
            }
            path.run(Activate { activation: block.activation, values, width: block.units });
        }
    }

    /// The summed, scaled losses of the rows that went forward; with `derive` also the derivatives for [`backward`].
    ///
    /// Afterwards [`outputs`](Workspace::outputs) are predictions, whatever the loss takes.
    ///
    /// [`backward`]: Workspace::backward
    pub(in crate::nn) fn judge(&mut self, network: &Network, rows: usize, derive: bool) -> f64 {
        let width = network.output_units();
        let out = &mut self.blocks.last_mut().expect("a network has an output block").out[..rows * width];
        let deltas = if derive { &mut self.deltas[0][..rows * width] } else { &mut [] };
        let judge = Judge {
            loss: network.loss(),
            outputs: out,
            width,
            targets: &self.targets[..rows],
            scales: &self.scales[..rows],
            deltas,
        };
        self.path.run(judge)
    }

    /// What the network gave for the rows that went forward, one after the other.
    pub(in crate::nn) fn outputs(&self, network: &Network, rows: usize) -> &[f32] {
        let out = &self.blocks.last().expect("a network has an output block").out;
        &out[..rows * network.output_units()]
    }

    /// From the derivatives that [`judge`](Workspace::judge) left to those by all parameters.
    pub(in crate::nn) fn backward(
        &mut self,
        network: &Network,
        params: &mut [f32],
        rows: usize,
        update: &Update,
    ) {
        let path = self.path;
        for (index, block) in network.blocks.iter().enumerate().rev() {
            let (before, rest) = self.blocks.split_at_mut(index);
            let x = before.last().map_or(&self.input[..], |buffers| &buffers.out[..]);
            let x = &x[..rows * block.inputs];
            let Buffers { sums, out, transposed } = &mut rest[0];
            let [deltas, deltas_before] = &mut self.deltas;
            let deltas = &mut deltas[..rows * block.units];
            let last = index + 1 == network.blocks.len();
            if !(last && network.loss().takes_logits()) {
                let outputs = &out[..deltas.len()];
                let inputs = if sums.is_empty() { outputs } else { &sums[..deltas.len()] };
                let (activation, width) = (block.activation, block.units);
                path.run(Differentiate { activation, inputs, outputs, deltas, width });
            }
            if index > 0 {
                path.run(Forward {
                    x: deltas,
                    w: transposed,
                    bias: None,
                    out: &mut deltas_before[..rows * block.inputs],
                    inputs: block.units,
                    units: block.inputs,
                });
            }
            match *update {
                Update::Descend { rate, beta } => {
                    descend(path, block, params, x, deltas, &self.ones[..rows], rate, beta);
                    if index > 0 {
                        let (from, to) = (&params[block.weight.clone()], &mut transposed[..]);
                        path.run(Transpose { from, to, rows: block.inputs, columns: block.units });
                    }
                }
                Update::Collect { accumulate } => {
                    collect(path, block, &mut self.gradient, x, deltas, &self.ones[..rows], accumulate);
                }
            }
            self.deltas.swap(0, 1);
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "a step of one block, from its parts of many buffers")]
fn descend(
    path: Path,
    block: &Block,
    params: &mut [f32],
    x: &[f32],
    d: &[f32],
    ones: &[f32],
    rate: f32,
    beta: f32,
) {
    let (inputs, units) = (block.inputs, block.units);
    path.run(Descent { x, d, w: &mut params[block.weight.clone()], inputs, units, rate, beta });
    if let Some(bias) = block.bias.clone() {
        path.run(Descent { x: ones, d, w: &mut params[bias], inputs: 1, units, rate, beta });
    }
}

fn collect(
    path: Path,
    block: &Block,
    gradient: &mut [f32],
    x: &[f32],
    d: &[f32],
    ones: &[f32],
    accumulate: bool,
) {
    let (inputs, units) = (block.inputs, block.units);
    path.run(WeightGradient {
        x,
        d,
        gradient: &mut gradient[block.weight.clone()],
        inputs,
        units,
        accumulate,
    });
    if let Some(bias) = block.bias.clone() {
        path.run(WeightGradient { x: ones, d, gradient: &mut gradient[bias], inputs: 1, units, accumulate });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::config::{Choice, ModelConfig, PerLayer};
    use crate::nn::reference::{self, Rows};
    use crate::nn::{Activation, Loss};
    use crate::params::Params;
    use crate::random::{Purpose, Seed};

    const HIDDEN: [Activation; 10] = [
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

    fn config(hidden: Activation, output: Choice<Activation>) -> ModelConfig {
        ModelConfig {
            hidden: vec![5, 4],
            activation: PerLayer::Same(hidden),
            output_activation: output,
            ..ModelConfig::default()
        }
    }

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
    fn passes(path: Path, network: &Network, params: &Params, rows: &Rows) -> (f64, Vec<f32>) {
        let mut workspace = Workspace::on(path, network);
        let (count, mut params) = (rows.targets.len(), params.clone());
        workspace.reserve(network, count);
        workspace.gradient.resize(params.len(), 0.0);
        workspace.transpose_weights(network, params.values());
        workspace.targets.copy_from_slice(&rows.targets);
        let total: f32 = rows.weights.iter().sum();
        let scales: Vec<f32> = rows.weights.iter().map(|weight| weight / total).collect();
        workspace.scales.copy_from_slice(&scales);
        workspace.gather(rows, 0..count);
        workspace.forward(network, params.values(), count);
        let loss = workspace.judge(network, count, true);
        workspace.backward(network, params.values_mut(), count, &Update::Collect { accumulate: false });
        (loss, workspace.gradient)
    }

    /// Every network that there can be of a hidden activation, an output activation and a loss.
    fn every_network() -> Vec<Network> {
        let outputs =
            HIDDEN.into_iter().chain([Activation::Softmax]).map(Choice::Given).chain([Choice::Auto]);
        let outputs: Vec<_> = outputs.collect();
        let mut networks = Vec::new();
        for loss in losses() {
            for hidden in HIDDEN {
                for &output in &outputs {
                    for classes in [1, 2, 3] {
                        networks.extend(Network::new(&config(hidden, output), 6, classes, loss));
                    }
                }
            }
        }
        networks
    }

    #[test]
    fn gradients_are_the_finite_differences_for_every_layer_and_loss() {
        let networks = every_network();
        assert!(networks.len() > 1000, "{}", networks.len());
        for network in networks {
            let (params, rows) = (first_params(&network), rows(&network));
            let wide: Vec<f64> = params.values().iter().map(|&value| f64::from(value)).collect();
            let (loss, gradient) = passes(Path::detect(), &network, &params, &rows);
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

    #[test]
    fn every_path_gives_the_same_bits() {
        for network in every_network().into_iter().step_by(7) {
            let (params, rows) = (first_params(&network), rows(&network));
            let portable = passes(Path::BASELINE, &network, &params, &rows);
            for path in Path::available() {
                assert_eq!(passes(path, &network, &params, &rows), portable, "{} {network:?}", path.name());
            }
        }
    }
}
