//! Clipping of every example's own gradient, without one such gradient ever being built.
//!
//! The gradient of an example by the weights of a dense layer is the outer product of what went in and of the delta, so
//! that its squared norm is |x|² |δ|², and with the bias (|x|² + 1) |δ|² (Goodfellow 2015, arXiv:1510.01799). Scaling
//! the row of the deltas scales that gradient: the sum of the clipped gradients is the weight product of the scaled rows,
//! and takes no second backward pass (Abadi et al. 2016, algorithm 1, lines 3 and 4).
//!
//! # What is bounded, and how
//!
//! - **An example's contribution** is the pair of rows (x, scaled δ) of every layer, as numbers of single precision. Its
//!   exact norm is at most the clip: squares are exact in `f64`, their sums are off by less than 2^-40, and the factor
//!   is lower by 2^-20 than the quotient, which covers that and its rounding to single precision. A scaled number
//!   below the smallest normal one becomes 0. An example with anything infinite or not a number contributes zeros.
//! - **It depends on nothing but the example**, the parameters and its dropout: every number of a row comes out of one
//!   chain of operations over that row, wherever in the batch it stands and whatever stands beside it.
//! - **The sum of a chunk** is computed in single precision and therefore off: see [`CLIPPED_SUM_ERROR`].

use super::kernel::{Descent, Padding, WeightGradient};
use super::network::{Block, Network};
use super::norm::NormalizeBackward;
use super::passes::{deltas_of_inputs, fed_to, through_activation};
use super::workspace::{Buffers, CHUNK, Workspace};
use crate::instructions::{InstructionSet, Job};

/// So many rows are added in one chain; the sums of such blocks are added one after the other.
const BLOCK: usize = 64;

/// How far the computed sum of the clipped gradients of a chunk may be from the exact one, in clips (L2).
///
/// Each coordinate is a sum of at most `CHUNK` products. One of them goes through at most `BLOCK` roundings in its
/// block and one for each block, n in all, so that the error is at most γ_n Σ|x δ| with γ_n = n u / (1 - n u) and u =
/// 2^-24 (Higham 2002, section 3.1). The vector of the Σ|x δ| has at most the norm of `CHUNK` clips. The two roundings more cover
/// the denominator of γ and results below the normal numbers.
pub const CLIPPED_SUM_ERROR: f64 = (BLOCK + CHUNK / BLOCK + 2) as f64 * CHUNK as f64 / (1u64 << 24) as f64;

impl Workspace {
    /// After a forward pass and `judge`: the sum of the rows' gradients, each clipped to the norm `clip`, into the
    /// workspace's gradient. The rows are at least 1 and at most [`CHUNK`].
    pub(super) fn clipped_backward(&mut self, network: &Network, params: &[f32], rows: usize, clip: f64) {
        self.norms.clear();
        self.norms.resize(rows, 0.0);
        self.keep_deltas(network, params, rows);
        self.clip_rows(network, rows, clip);
        self.collect(network, rows);
    }

    /// Makes room for the deltas of all blocks at once.
    pub(super) fn reserve_clipping(&mut self, network: &Network, rows: usize) {
        self.reserve(network, rows);
        let len = self.deltas[0].len();
        for (block, buffers) in network.blocks.iter().zip(&mut self.blocks) {
            // As long as the deltas that they are swapped with.
            buffers.deltas.resize(len, 0.0);
            if block.norm.is_some() {
                buffers.gains.resize(len, 0.0);
                buffers.shifts.resize(len, 0.0);
            }
        }
        self.norms.clear();
        self.norms.reserve(rows);
        self.factors.resize(rows.max(self.factors.len()), 0.0);
        self.gradient.resize(network.layout().len(), 0.0);
    }

    /// The deltas of every block, kept with it, and the squared norms of the gradients to which they belong.
    fn keep_deltas(&mut self, network: &Network, params: &[f32], rows: usize) {
        let set = self.set;
        for (index, block) in network.blocks.iter().enumerate().rev() {
            let (before, rest) = self.blocks.split_at_mut(index);
            let x = &fed_to(before, network, &self.input, true)[..rows * block.inputs];
            let buffers = &mut rest[0];
            let [deltas, deltas_before] = &mut self.deltas;
            let used = &mut deltas[..rows * block.units];
            if !(index + 1 == network.blocks.len() && network.loss().takes_logits()) {
                through_activation(set, block, buffers, used);
            }
            let norms = &mut self.norms[..];
            if let Some(norm) = &block.norm {
                let Buffers { normalized, inverse, gains, shifts, .. } = &mut *buffers;
                let (gains, shifts) = (&mut gains[..used.len()], &mut shifts[..used.len()]);
                shifts.copy_from_slice(used);
                set.run(Products { a: used, b: normalized, out: gains });
                set.run(NormalizeBackward {
                    deltas: used,
                    normalized,
                    inverse,
                    gain: &params[norm.gain.clone()],
                });
                for d in [&*gains, &*shifts] {
                    set.run(AddSquaredNorms { x: &[], bias: true, d, units: block.units, norms });
                }
            }
            let bias = block.bias.is_some();
            set.run(AddSquaredNorms { x, bias, d: used, units: block.units, norms });
            if index > 0 {
                let weight = &params[block.weight.clone()];
                let before = &mut deltas_before[..rows * block.inputs];
                deltas_of_inputs(set, &mut self.padding, block, weight, used, before, &mut self.turned);
            }
            std::mem::swap(&mut buffers.deltas, deltas);
            self.deltas.swap(0, 1);
        }
    }

    /// Scales the kept deltas so that no example's gradient is longer than the clip.
    fn clip_rows(&mut self, network: &Network, rows: usize, clip: f64) {
        let set = self.set;
        let reach = clip * (1.0 - 1.0 / f64::from(1 << 20));
        for (factor, square) in self.factors.iter_mut().zip(&self.norms) {
            let shorter = (reach / square.sqrt()).min(1.0) as f32;
            // NaN and everything too long for a normal factor.
            *factor = if square.is_finite() && shorter >= f32::MIN_POSITIVE { shorter } else { 0.0 };
        }
        let factors = &self.factors[..rows];
        for (block, buffers) in network.blocks.iter().zip(&mut self.blocks) {
            let Buffers { deltas, gains, shifts, .. } = buffers;
            set.run(ScaleRows { d: &mut deltas[..rows * block.units], units: block.units, factors });
            if block.norm.is_some() {
                for d in [gains, shifts] {
                    set.run(ScaleRows { d: &mut d[..rows * block.units], units: block.units, factors });
                }
            }
        }
        // Infinity times 0 is not 0: where the deltas count for nothing, what went in must not either.
        for row in (0..rows).filter(|&row| factors[row] == 0.0) {
            let width = network.inputs();
            self.input[row * width..][..width].fill(0.0);
            for (block, buffers) in network.blocks.iter().zip(&mut self.blocks) {
                let units = row * block.units..(row + 1) * block.units;
                buffers.out[units.clone()].fill(0.0);
                if block.dropout > 0.0 {
                    buffers.dropped[units].fill(0.0);
                }
            }
        }
    }

    /// The sum of the gradients to which the kept deltas belong.
    fn collect(&mut self, network: &Network, rows: usize) {
        for (index, block) in network.blocks.iter().enumerate() {
            let (before, rest) = self.blocks.split_at(index);
            let x = &fed_to(before, network, &self.input, true)[..rows * block.inputs];
            let Buffers { deltas, gains, shifts, .. } = &rest[0];
            let used = rows * block.units;
            let mut sink = BlockSums { set: self.set, padding: &mut self.padding };
            let gradient = &mut self.gradient;
            let Block { inputs, units, .. } = *block;
            sink.put(&mut gradient[block.weight.clone()], x, inputs, &deltas[..used], units);
            let ones = &self.ones[..rows];
            if let Some(bias) = &block.bias {
                sink.put(&mut gradient[bias.clone()], ones, 1, &deltas[..used], units);
            }
            if let Some(norm) = &block.norm {
                sink.put(&mut gradient[norm.gain.clone()], ones, 1, &gains[..used], units);
                sink.put(&mut gradient[norm.shift.clone()], ones, 1, &shifts[..used], units);
            }
        }
    }
}

/// Writes `xᵀ d`, added up in blocks of rows.
struct BlockSums<'a> {
    set: InstructionSet,
    padding: &'a mut Padding,
}

impl BlockSums<'_> {
    fn put(&mut self, gradient: &mut [f32], x: &[f32], inputs: usize, d: &[f32], units: usize) {
        for (at, (x, d)) in x.chunks(BLOCK * inputs).zip(d.chunks(BLOCK * units)).enumerate() {
            if at == 0 {
                let accumulate = false;
                WeightGradient { x, d, gradient, inputs, units, accumulate }.run(self.set, self.padding);
            } else {
                // A descent of rate -1 adds a sum that began at 0, with one rounding.
                let (rate, beta) = (-1.0, 1.0);
                Descent { x, d, w: gradient, inputs, units, rate, beta }.run(self.set, self.padding);
            }
        }
    }
}

/// norms += (|x|² + bias) |d|², row by row; no `x` for parameters that have none.
struct AddSquaredNorms<'a> {
    x: &'a [f32],
    bias: bool,
    d: &'a [f32],
    units: usize,
    norms: &'a mut [f64],
}

impl Job for AddSquaredNorms<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        let inputs = self.x.len() / self.norms.len();
        let constant = if self.bias { 1.0 } else { 0.0 };
        for (row, norm) in self.norms.iter_mut().enumerate() {
            let x = &self.x[row * inputs..][..inputs];
            let d = &self.d[row * self.units..][..self.units];
            *norm += (square(x) + constant) * square(d);
        }
    }
}

/// Σ v², in sums side by side. The square of a single is exact in double precision.
#[inline(always)]
fn square(values: &[f32]) -> f64 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut lanes = [0.0f64; 16];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            let value = f64::from(*value);
            *lane += value * value;
        }
    }
    let total = lanes.iter().fold(0.0, |total, lane| total + lane);
    rest.iter().fold(total, |total, value| total + f64::from(*value) * f64::from(*value))
}

/// d *= factor, row by row; what gets too small for a normal number becomes 0, and a factor of 0 makes zeros of everything.
struct ScaleRows<'a> {
    d: &'a mut [f32],
    units: usize,
    factors: &'a [f32],
}

impl Job for ScaleRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for (d, &factor) in self.d.chunks_exact_mut(self.units).zip(self.factors) {
            for value in d {
                let scaled = *value * factor;
                // False for NaN, too.
                *value = if scaled.abs() >= f32::MIN_POSITIVE { scaled } else { 0.0 };
            }
        }
    }
}

/// out = a b, number by number.
struct Products<'a> {
    a: &'a [f32],
    b: &'a [f32],
    out: &'a mut [f32],
}

impl Job for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for ((out, a), b) in self.out.iter_mut().zip(self.a).zip(self.b) {
            *out = a * b;
        }
    }
}
