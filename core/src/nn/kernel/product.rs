//! Matrix products over register tiles.
//!
//! All matrices are dense and row-major. A tile of the result, at most `ROWS x COLUMNS` numbers, stays in registers
//! while the common dimension is walked once; a row of the right matrix is read as vectors, a number of the left one
//! is spread over a vector. Plain loops over arrays of fixed size are enough for the compiler to do that.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over all indices of fixed-size arrays are what the compiler vectorizes"
)]

use super::path::Job;

/// `out = x w + bias`: rows of activations through a dense layer; without a bias also the deltas `d wᵀ`, given a
/// transposed copy of the weights.
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

impl Job for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const ROWS: usize, const COLUMNS: usize>(self) {
        walk::<ROWS, COLUMNS, _>(self.out.len() / self.units, self.units, self);
    }
}

impl Job for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const ROWS: usize, const COLUMNS: usize>(self) {
        walk::<ROWS, COLUMNS, _>(self.inputs, self.units, self);
    }
}

impl Job for Descent<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const ROWS: usize, const COLUMNS: usize>(self) {
        walk::<ROWS, COLUMNS, _>(self.inputs, self.units, self);
    }
}

/// Computes one tile of a product: rows `i..i + R` and columns `j..j + C` of its result.
trait Tiles {
    fn tile<const R: usize, const C: usize>(&mut self, i: usize, j: usize);
}

impl Tiles for Forward<'_> {
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(&mut self, i: usize, j: usize) {
        let depth = self.inputs;
        let rows: [&[f32]; R] = std::array::from_fn(|r| &self.x[(i + r) * depth..][..depth]);
        let mut acc = match self.bias {
            Some(bias) => [*at::<C>(bias, j); R],
            None => [[0.0; C]; R],
        };
        for (k, row) in self.w.chunks_exact(self.units).take(depth).enumerate() {
            let b = at::<C>(row, j);
            for r in 0..R {
                let a = rows[r][k];
                for c in 0..C {
                    acc[r][c] = a.mul_add(b[c], acc[r][c]);
                }
            }
        }
        for r in 0..R {
            *at_mut::<C>(self.out, (i + r) * self.units + j) = acc[r];
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
            for c in 0..C {
                w[c] = (-self.rate).mul_add(acc[r][c], self.beta * w[c]);
            }
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

/// Covers a result of `rows x columns` with tiles: wide strips first, then what is left over in ever narrower ones.
#[inline(always)]
fn walk<const ROWS: usize, const COLUMNS: usize, T: Tiles>(rows: usize, columns: usize, mut product: T) {
    let mut j = 0;
    while j + COLUMNS <= columns {
        strip::<ROWS, COLUMNS, T>(rows, j, &mut product);
        j += COLUMNS;
    }
    while j + 16 <= columns {
        strip::<ROWS, 16, T>(rows, j, &mut product);
        j += 16;
    }
    if j + 8 <= columns {
        strip::<ROWS, 8, T>(rows, j, &mut product);
        j += 8;
    }
    if j + 4 <= columns {
        strip::<ROWS, 4, T>(rows, j, &mut product);
        j += 4;
    }
    while j < columns {
        strip::<ROWS, 1, T>(rows, j, &mut product);
        j += 1;
    }
}

/// One strip of columns, cut into tiles of nearly equal height.
#[inline(always)]
fn strip<const ROWS: usize, const C: usize, T: Tiles>(rows: usize, j: usize, product: &mut T) {
    let mut i = 0;
    let mut tiles = rows.div_ceil(ROWS);
    while i < rows {
        let height = (rows - i).div_ceil(tiles);
        match height {
            5 if ROWS >= 5 => product.tile::<5, C>(i, j),
            4 => product.tile::<4, C>(i, j),
            3 => product.tile::<3, C>(i, j),
            2 => product.tile::<2, C>(i, j),
            _ => product.tile::<1, C>(i, j),
        }
        i += height;
        tiles -= 1;
    }
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
    use crate::nn::kernel::Path;
    use crate::nn::reference::noise;

    fn numbers(len: usize, from: u32) -> Vec<f32> {
        (0..len as u32).map(|index| noise(from + index)).collect()
    }

    /// Each element by its definition: one chain of fused multiply-adds, in ascending order.
    fn chain(start: f32, pairs: impl Iterator<Item = (f32, f32)>) -> f32 {
        pairs.fold(start, |acc, (a, b)| a.mul_add(b, acc))
    }

    /// Rows, inputs and units that leave every kind of remainder.
    const SHAPES: [(usize, usize, usize); 10] = [
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
    ];

    #[test]
    fn every_path_gives_the_bits_of_the_definition() {
        for path in Path::available() {
            for (rows, inputs, units) in SHAPES {
                let what = format!("{} {rows} {inputs} {units}", path.name());
                let (x, w) = (numbers(rows * inputs, 0), numbers(inputs * units, 10_000));
                let (d, bias) = (numbers(rows * units, 90_000), numbers(units, 70_000));

                let mut out = vec![0.0; rows * units];
                path.run(Forward { x: &x, w: &w, bias: Some(&bias), out: &mut out, inputs, units });
                let wanted = (0..rows * units).map(|at| {
                    let (row, unit) = (at / units, at % units);
                    chain(bias[unit], (0..inputs).map(|k| (x[row * inputs + k], w[k * units + unit])))
                });
                assert!(out.iter().copied().eq(wanted), "forward {what}");

                let (start, mut gradient) = (w.clone(), w.clone());
                for accumulate in [false, true] {
                    gradient.copy_from_slice(&start);
                    path.run(WeightGradient {
                        x: &x,
                        d: &d,
                        gradient: &mut gradient,
                        inputs,
                        units,
                        accumulate,
                    });
                    let wanted = (0..inputs * units).map(|at| {
                        let (input, unit) = (at / units, at % units);
                        let start = if accumulate { start[at] } else { 0.0 };
                        chain(start, (0..rows).map(|k| (x[k * inputs + input], d[k * units + unit])))
                    });
                    assert!(gradient.iter().copied().eq(wanted), "gradient {what}");
                }

                let (rate, beta) = (0.01, 0.999);
                let mut stepped = w.clone();
                path.run(Descent { x: &x, d: &d, w: &mut stepped, inputs, units, rate, beta });
                path.run(WeightGradient {
                    x: &x,
                    d: &d,
                    gradient: &mut gradient,
                    inputs,
                    units,
                    accumulate: false,
                });
                let wanted = gradient.iter().zip(&w).map(|(g, w)| (-rate).mul_add(*g, beta * w));
                assert!(stepped.iter().copied().eq(wanted), "descent {what}");
            }
        }
    }
}
