//! The buffers of one worker.

use super::activation::Activate;
use super::examples::{Examples, Target};
use super::kernel::Padding;
use super::loss::Judge;
use super::network::Network;
use crate::instructions::InstructionSet;

/// More rows than this do not go through the network at once; a larger batch is the sum of such chunks.
pub(in crate::nn) const CHUNK: usize = 512;

/// All buffers of one worker: made once, used for one client and one round after the other. They grow to the largest
/// mini-batch met; after that, training allocates nothing.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub(super) set: InstructionSet,
    /// How many rows the buffers hold.
    capacity: usize,
    /// The features of a chunk.
    pub(super) input: Vec<f32>,
    pub(super) targets: Vec<Target>,
    /// What the loss of each row of a chunk is multiplied by.
    pub(super) scales: Vec<f32>,
    pub(super) blocks: Vec<Buffers>,
    /// The derivatives by the outputs of a block, and by its inputs.
    pub(super) deltas: [Vec<f32>; 2],
    /// The same two turned around: `[units, rows]`.
    pub(super) turned: [Vec<f32>; 2],
    pub(super) padding: Padding,
    /// A column of ones: a bias is the weight of an input that is always 1.
    pub(super) ones: Vec<f32>,
    /// The gradient by all parameters, for optimizers that need to see it.
    pub(super) gradient: Vec<f32>,
    /// One number for each unit of a layer, to limit the norms of its weights.
    pub(super) squares: Vec<f32>,
    /// The squared norm of each row's gradient, and what its deltas are scaled by to be clipped.
    pub(super) norms: Vec<f64>,
    pub(super) factors: Vec<f32>,
}

/// What a block keeps between the forward and the backward pass; empty where it has no such part.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffers {
    /// What layer normalization made of the weighted sums, before its gain and shift.
    pub(super) normalized: Vec<f32>,
    /// One over the deviation of each row, of layer normalization.
    pub(super) inverse: Vec<f32>,
    /// What goes into the activation, where its derivative needs that.
    pub(super) sums: Vec<f32>,
    /// What comes out of the activation.
    pub(super) out: Vec<f32>,
    /// What dropout multiplies each unit by: 0, or a little more than 1.
    pub(super) mask: Vec<f32>,
    /// What dropout leaves.
    pub(super) dropped: Vec<f32>,
    /// The derivatives by the weighted sums, by the gain and by the shift of layer normalization, where every
    /// example's own gradient is clipped.
    pub(super) deltas: Vec<f32>,
    pub(super) gains: Vec<f32>,
    pub(super) shifts: Vec<f32>,
}

impl Workspace {
    /// Buffers for this network.
    pub fn new(network: &Network) -> Workspace {
        Workspace::on(InstructionSet::detect(), network)
    }

    /// The same on a certain instruction set, for comparisons of their speed.
    pub fn on(set: InstructionSet, network: &Network) -> Workspace {
        Workspace {
            set,
            capacity: 0,
            input: Vec::new(),
            targets: Vec::new(),
            scales: Vec::new(),
            blocks: vec![Buffers::default(); network.blocks.len()],
            deltas: [Vec::new(), Vec::new()],
            turned: [Vec::new(), Vec::new()],
            padding: Padding::default(),
            ones: Vec::new(),
            gradient: Vec::new(),
            squares: Vec::new(),
            norms: Vec::new(),
            factors: Vec::new(),
        }
    }

    /// Makes room for chunks of so many rows.
    pub(super) fn reserve(&mut self, network: &Network, rows: usize) {
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
            let len = rows * block.units;
            buffers.out.resize(len, 0.0);
            if block.norm.is_some() {
                buffers.normalized.resize(len, 0.0);
                buffers.inverse.resize(rows, 0.0);
            }
            if block.activation.needs_input() {
                buffers.sums.resize(len, 0.0);
            }
            if block.dropout > 0.0 {
                buffers.mask.resize(len, 0.0);
                buffers.dropped.resize(len, 0.0);
            }
            widest = widest.max(block.units);
        }
        self.deltas.iter_mut().chain(&mut self.turned).for_each(|deltas| deltas.resize(rows * widest, 0.0));
    }

    /// Copies the features of rows in; there has to be room for them.
    pub(super) fn gather(&mut self, examples: &dyn Examples, rows: impl Iterator<Item = usize>) {
        let width = examples.width();
        for (row, out) in rows.zip(self.input.chunks_exact_mut(width)) {
            examples.copy_features(row, out);
        }
    }

    /// The summed, scaled losses of the rows that went forward; with `derive` also the derivatives for the backward
    /// pass. Afterwards [`outputs`](Workspace::outputs) are predictions, whatever the loss takes.
    pub(super) fn judge(&mut self, network: &Network, rows: usize, derive: bool) -> f64 {
        let width = network.output_units();
        let out = &mut self.blocks.last_mut().expect("a network has an output block").out;
        let deltas = if derive { &mut self.deltas[0][..rows * width] } else { &mut [] };
        self.set.run(Judge {
            loss: network.loss(),
            outputs: &mut out[..rows * width],
            width,
            targets: &self.targets[..rows],
            scales: &self.scales[..rows],
            deltas,
        })
    }

    /// Makes predictions of the last block's weighted sums, where the loss would have done that.
    pub(super) fn activate_output(&mut self, network: &Network, rows: usize) {
        if !network.loss().takes_logits() {
            return;
        }
        let (width, activation) = (network.output_units(), network.last().activation);
        let out = &mut self.blocks.last_mut().expect("a network has an output block").out;
        self.set.run(Activate { activation, values: &mut out[..rows * width], width });
    }

    /// What the network gave for the rows that went forward, one after the other.
    pub(super) fn outputs(&self, network: &Network, rows: usize) -> &[f32] {
        let out = &self.blocks.last().expect("a network has an output block").out;
        &out[..rows * network.output_units()]
    }
}
