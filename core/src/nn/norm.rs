//! Layer normalization (Ba, Kiros and Hinton 2016, equation 4): the units of each row get mean 0 and variance 1, then a
//! gain and a shift that are learned.

use crate::instructions::Job;

/// Added to the variance.
pub(in crate::nn) const EPSILON: f32 = 1e-5;
/// Numbers added side by side: a fixed count, so that a sum has one order on every instruction set.
const LANES: usize = 16;

/// `values = gain (values - mean) / deviation + shift`, row by row.
pub(super) struct Normalize<'a> {
    pub(super) values: &'a mut [f32],
    /// Where the values before gain and shift go.
    pub(super) normalized: &'a mut [f32],
    /// Where one over each row's deviation goes.
    pub(super) inverse: &'a mut [f32],
    pub(super) gain: &'a [f32],
    pub(super) shift: &'a [f32],
}

impl Job for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        let units = self.gain.len();
        let rows = self.values.chunks_exact_mut(units).zip(self.normalized.chunks_exact_mut(units));
        for ((values, normalized), inverse) in rows.zip(self.inverse) {
            let mean = sum(values, |x| x) / units as f32;
            let variance = sum(values, |x| (x - mean) * (x - mean)) / units as f32;
            *inverse = 1.0 / (variance + EPSILON).sqrt();
            for unit in 0..units {
                normalized[unit] = (values[unit] - mean) * *inverse;
                values[unit] = self.gain[unit].mul_add(normalized[unit], self.shift[unit]);
            }
        }
    }
}

/// From the derivatives by what came out to those by what went in.
pub(super) struct NormalizeBackward<'a> {
    pub(super) deltas: &'a mut [f32],
    pub(super) normalized: &'a [f32],
    pub(super) inverse: &'a [f32],
    pub(super) gain: &'a [f32],
}

impl Job for NormalizeBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        let units = self.gain.len();
        let rows = self.deltas.chunks_exact_mut(units).zip(self.normalized.chunks_exact(units));
        for ((deltas, normalized), inverse) in rows.zip(self.inverse) {
            for (delta, gain) in deltas.iter_mut().zip(self.gain) {
                *delta *= gain;
            }
            let mean = sum(deltas, |d| d) / units as f32;
            let slope = dot(deltas, normalized) / units as f32;
            for (delta, x) in deltas.iter_mut().zip(normalized) {
                *delta = inverse * (*delta - mean - x * slope);
            }
        }
    }
}

#[inline(always)]
fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += of(*value);
        }
    }
    let total = lanes.iter().fold(0.0, |total, lane| total + lane);
    rest.iter().fold(total, |total, value| total + of(*value))
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] = a[lane].mul_add(b[lane], lanes[lane]);
        }
    }
    let total = lanes.iter().fold(0.0, |total, lane| total + lane);
    a_rest.iter().zip(b_rest).fold(total, |total, (a, b)| a.mul_add(*b, total))
}
