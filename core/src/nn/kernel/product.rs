//! Matrix products over register tiles.
//!
//! All matrices are dense and row-major. A tile of the result stays in registers while the common dimension is walked
//! once; a row of the right matrix is read as vectors, a number of the left one
//! is spread over a vector. Plain loops over arrays of fixed size are enough for the compiler to do that.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over all indices of fixed-size arrays are what the compiler vectorizes"
)]

use super::padding::{Padding, pad, unpad};
use super::panels::Pack;
use super::tiles::{LANES, Strip, Tiles, column_of_tiles, full_strips};
use crate::instructions::InstructionSet;

/// `out = x w + bias`: rows of activations through a dense layer. Also `(d wᵀ)ᵀ = w dᵀ`, the deltas of the layer before:
/// turning the deltas around moves fewer numbers than turning the weights, unless there are more rows than units.
pub(in crate::nn) struct Forward<'a> {
    /// `[rows, inputs]`.
    pub(in crate::nn) x: &'a [f32],
    /// `[inputs, units]`.
    pub(in crate::nn) w: &'a [f32],
    /// `[units]`: where the chains of a column start; at zero without one.
    pub(in crate::nn) bias: Option<&'a [f32]>,
    /// `[rows, units]`.
    pub(in crate::nn) out: &'a mut [f32],
    /// How many inputs.
    pub(in crate::nn) inputs: usize,
    /// How many units.
    pub(in crate::nn) units: usize,
}

/// `gradient = xᵀ d`, or `gradient += xᵀ d`: what a mini-batch says about the weights of a dense layer.
pub(in crate::nn) struct WeightGradient<'a> {
    /// `[rows, inputs]`.
    pub(in crate::nn) x: &'a [f32],
    /// `[rows, units]`.
    pub(in crate::nn) d: &'a [f32],
    /// `[inputs, units]`.
    pub(in crate::nn) gradient: &'a mut [f32],
    /// How many inputs.
    pub(in crate::nn) inputs: usize,
    /// How many units.
    pub(in crate::nn) units: usize,
    /// Whether to go on from what `gradient` holds, instead of from zero.
    pub(in crate::nn) accumulate: bool,
}

/// `w = beta w - rate xᵀ d`: a step of plain gradient descent, with the gradient in registers only.
pub(in crate::nn) struct Descent<'a> {
    /// `[rows, inputs]`.
    pub(in crate::nn) x: &'a [f32],
    /// `[rows, units]`.
    pub(in crate::nn) d: &'a [f32],
    /// `[inputs, units]`.
    pub(in crate::nn) w: &'a mut [f32],
    /// How many inputs.
    pub(in crate::nn) inputs: usize,
    /// How many units.
    pub(in crate::nn) units: usize,
    /// The learning rate.
    pub(in crate::nn) rate: f32,
    /// What is left of a weight after its decay; 1 without decay.
    pub(in crate::nn) beta: f32,
}

impl Forward<'_> {
    /// Computes it.
    pub(in crate::nn) fn run(self, set: InstructionSet, padding: &mut Padding) {
        if !set.reads_panels() {
            return Left::<false>(self).run(set, padding);
        }
        let mut panels = std::mem::take(&mut padding.panels);
        panels.resize(self.x.len(), 0.0);
        let rows = self.out.len() / self.units;
        let strip = Strip { first: 0, width: LANES };
        column_of_tiles(set, rows, strip, &mut Pack { x: self.x, depth: self.inputs, panels: &mut panels });
        Left::<true>(Forward { x: &panels, ..self }).run(set, padding);
        padding.panels = panels;
    }
}

/// A product whose left matrix lies in panels, or as it is.
struct Left<'a, const PANELS: bool>(Forward<'a>);

impl<const PANELS: bool> Left<'_, PANELS> {
    fn run(mut self, set: InstructionSet, padding: &mut Padding) {
        let (rows, units) = (self.0.out.len() / self.0.units, self.0.units);
        let Some(Strip { first, width }) = full_strips(set, rows, units, &mut self) else { return };
        let Forward { x, w, bias, out, inputs, .. } = self.0;
        let Padding { right, result, start, .. } = padding;
        pad(w, units, first, width, right);
        result.resize(rows * width, 0.0);
        let bias = bias.map(|bias| {
            start[..units - first].copy_from_slice(&bias[first..]);
            &start[..]
        });
        let padded = Forward { x, w: right, bias, out: result, inputs, units: width };
        column_of_tiles(set, rows, Strip { first: 0, width }, &mut Left::<PANELS>(padded));
        unpad(result, width, out, units, first);
    }
}

impl WeightGradient<'_> {
    /// Computes it.
    pub(in crate::nn) fn run(mut self, set: InstructionSet, padding: &mut Padding) {
        let (rows, units) = (self.inputs, self.units);
        let Some(Strip { first, width }) = full_strips(set, rows, units, &mut self) else { return };
        let Padding { right, result, .. } = padding;
        pad(self.d, units, first, width, right);
        pad(self.gradient, units, first, width, result);
        let mut padded = WeightGradient { d: right, gradient: result, units: width, ..self };
        column_of_tiles(set, rows, Strip { first: 0, width }, &mut padded);
        unpad(result, width, self.gradient, units, first);
    }
}

impl Descent<'_> {
    /// Computes it.
    pub(in crate::nn) fn run(mut self, set: InstructionSet, padding: &mut Padding) {
        let (rows, units) = (self.inputs, self.units);
        let Some(Strip { first, width }) = full_strips(set, rows, units, &mut self) else { return };
        let Padding { right, result, .. } = padding;
        pad(self.d, units, first, width, right);
        pad(self.w, units, first, width, result);
        let mut padded = Descent { d: right, w: result, units: width, ..self };
        column_of_tiles(set, rows, Strip { first: 0, width }, &mut padded);
        unpad(result, width, self.w, units, first);
    }
}

impl<const PANELS: bool> Tiles for Left<'_, PANELS> {
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(&mut self, i: usize, j: usize) {
        let Forward { x, w, bias, out, inputs: depth, units } = &mut self.0;
        let (depth, units) = (*depth, *units);
        let mut acc = [[0.0; C]; R];
        if let Some(bias) = bias {
            acc = [*at::<C>(bias, j); R];
        }
        if PANELS {
            let (panel, _) = x[i * depth..][..R * depth].as_chunks::<R>();
            for (a, row) in panel.iter().zip(w.chunks_exact(units)) {
                let b = at::<C>(row, j);
                for r in 0..R {
                    for c in 0..C {
                        acc[r][c] = a[r].mul_add(b[c], acc[r][c]);
                    }
                }
            }
        } else {
            let rows: [&[f32]; R] = std::array::from_fn(|r| &x[(i + r) * depth..][..depth]);
            for k in 0..depth {
                let b = *at::<C>(w, k * units + j);
                for r in 0..R {
                    let a = rows[r][k];
                    for c in 0..C {
                        acc[r][c] = a.mul_add(b[c], acc[r][c]);
                    }
                }
            }
        }
        for r in 0..R {
            *at_mut::<C>(out, (i + r) * units + j) = acc[r];
        }
    }
}

impl Tiles for WeightGradient<'_> {
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(&mut self, i: usize, j: usize) {
        let mut acc = [[0.0; C]; R];
        if self.accumulate {
            for r in 0..R {
                acc[r] = *at::<C>(self.gradient, (i + r) * self.units + j);
            }
        }
        let acc = outer(self.x, self.inputs, i, self.d, self.units, j, acc);
        for r in 0..R {
            *at_mut::<C>(self.gradient, (i + r) * self.units + j) = acc[r];
        }
    }
}

impl Tiles for Descent<'_> {
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(&mut self, i: usize, j: usize) {
        let acc = outer(self.x, self.inputs, i, self.d, self.units, j, [[0.0; C]; R]);
        for r in 0..R {
            let w = at_mut::<C>(self.w, (i + r) * self.units + j);
            // From an old tile into a new one: written in place, the loop is not always put into vectors.
            let (old, mut new) = (*w, [0.0; C]);
            for c in 0..C {
                new[c] = (-self.rate).mul_add(acc[r][c], self.beta * old[c]);
            }
            *w = new;
        }
    }
}

/// `acc + xᵀ d` over all rows of `x` and `d`, for the columns `i..i + R` of `x` and `j..j + C` of `d`.
#[inline(always)]
fn outer<const R: usize, const C: usize>(
    x: &[f32],
    inputs: usize,
    i: usize,
    d: &[f32],
    units: usize,
    j: usize,
    mut acc: [[f32; C]; R],
) -> [[f32; C]; R] {
    for (x, d) in x.chunks_exact(inputs).zip(d.chunks_exact(units)) {
        let a = at::<R>(x, i);
        let b = at::<C>(d, j);
        for r in 0..R {
            for c in 0..C {
                acc[r][c] = a[r].mul_add(b[c], acc[r][c]);
            }
        }
    }
    acc
}

/// `N` numbers from `start` on.
#[inline(always)]
fn at<const N: usize>(values: &[f32], start: usize) -> &[f32; N] {
    values[start..].first_chunk().expect("a tile lies inside its matrix")
}

/// `N` numbers from `start` on, to be changed.
#[inline(always)]
fn at_mut<const N: usize>(values: &mut [f32], start: usize) -> &mut [f32; N] {
    values[start..].first_chunk_mut().expect("a tile lies inside its matrix")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::reference::noise;

    fn numbers(len: usize, from: u32) -> Vec<f32> {
        (0..len as u32).map(|index| noise(from + index)).collect()
    }

    /// Each element by its definition: one chain of fused multiply-adds, in ascending order.
    fn chain(start: f32, pairs: impl Iterator<Item = (f32, f32)>) -> f32 {
        pairs.fold(start, |acc, (a, b)| a.mul_add(b, acc))
    }

    /// Rows, inputs and units that leave every kind of remainder.
    const SHAPES: [(usize, usize, usize); 11] = [
        (1, 1, 1),
        (10, 784, 200),
        (10, 200, 10),
        (13, 7, 31),
        (2, 3, 64),
        (5, 65, 129),
        (3, 17, 79),
        (32, 20, 2),
        (7, 9, 111),
        (64, 30, 16),
        (6, 4, 80),
    ];

    /// Calls with every instruction set and shape. One padding for all: what an earlier product left in it must not
    /// show.
    fn everywhere(check: impl Fn(InstructionSet, &mut Padding, (usize, usize, usize))) {
        let mut padding = Padding::default();
        for set in InstructionSet::available() {
            for shape in SHAPES {
                check(set, &mut padding, shape);
            }
        }
    }

    #[test]
    fn forward_has_the_bits_of_its_definition() {
        everywhere(|set, padding, (rows, inputs, units)| {
            let (x, w, bias) =
                (numbers(rows * inputs, 0), numbers(inputs * units, 10_000), numbers(units, 70_000));
            for bias in [Some(&bias[..]), None] {
                let mut out = vec![f32::NAN; rows * units];
                Forward { x: &x, w: &w, bias, out: &mut out, inputs, units }.run(set, padding);
                let wanted = (0..rows * units).map(|at| {
                    let (row, unit) = (at / units, at % units);
                    let start = bias.map_or(0.0, |bias| bias[unit]);
                    chain(start, (0..inputs).map(|k| (x[row * inputs + k], w[k * units + unit])))
                });
                assert!(out.iter().copied().eq(wanted), "{} {rows} {inputs} {units}", set.name());
            }
        });
    }

    #[test]
    fn a_weight_gradient_has_the_bits_of_its_definition() {
        everywhere(|set, padding, (rows, inputs, units)| {
            let (x, d, before) =
                (numbers(rows * inputs, 0), numbers(rows * units, 90_000), numbers(inputs * units, 7));
            for accumulate in [false, true] {
                let mut gradient = before.clone();
                WeightGradient { x: &x, d: &d, gradient: &mut gradient, inputs, units, accumulate }
                    .run(set, padding);
                let wanted = (0..inputs * units).map(|at| {
                    let (input, unit) = (at / units, at % units);
                    let start = if accumulate { before[at] } else { 0.0 };
                    chain(start, (0..rows).map(|k| (x[k * inputs + input], d[k * units + unit])))
                });
                assert!(gradient.iter().copied().eq(wanted), "{} {rows} {inputs} {units}", set.name());
            }
        });
    }

    #[test]
    fn a_descent_is_a_step_along_the_gradient_bit_for_bit() {
        everywhere(|set, padding, (rows, inputs, units)| {
            let (x, d, before) =
                (numbers(rows * inputs, 0), numbers(rows * units, 90_000), numbers(inputs * units, 7));
            let (rate, mut gradient) = (0.01, vec![0.0; before.len()]);
            let accumulate = false;
            WeightGradient { x: &x, d: &d, gradient: &mut gradient, inputs, units, accumulate }
                .run(set, padding);
            for beta in [1.0, 0.999] {
                let mut w = before.clone();
                Descent { x: &x, d: &d, w: &mut w, inputs, units, rate, beta }.run(set, padding);
                let wanted = before.iter().zip(&gradient).map(|(w, g)| (-rate).mul_add(*g, beta * w));
                assert!(w.iter().copied().eq(wanted), "{} {rows} {inputs} {units}", set.name());
            }
        });
    }
}
