//! The grid of integers that a step's sum goes onto, where its noise is added, and that it comes off again.

use crate::instructions::{InstructionSet, Job};

/// Added to a number below 2^51 in magnitude this rounds it to an integer, and leaves that in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// Goes between gradients in single precision and integers. Every instruction set gives the same bits.
#[derive(Debug, Clone, Copy)]
pub struct StepGrid {
    /// Steps of the grid to a unit of the gradient.
    scale: f64,
    /// A step of the grid in what is released.
    unit: f64,
    set: InstructionSet,
}

impl StepGrid {
    /// Everything on the grid, each part and each sum with its noise, has to stay below this in magnitude.
    pub const LARGEST_SUM: f64 = (1u64 << 51) as f64;

    /// The grid of `scale` steps to a unit, for sums that are divided by `denominator`.
    pub fn new(scale: f64, denominator: f64) -> StepGrid {
        StepGrid { scale, unit: 1.0 / (scale * denominator), set: InstructionSet::detect() }
    }

    /// Rounds a part of a sum onto the grid, and adds it to the others; an empty `sum` becomes as long as the part.
    pub fn add(&self, part: &[f32], sum: &mut Vec<i64>) {
        sum.resize(part.len(), 0);
        self.set.run(Add { scale: self.scale, part, sum });
    }

    /// Rounds the last part onto the grid, adds the other parts and the noise to it, and writes the quotient over it. Both
    /// are as long as `last`, or empty where there are none.
    pub fn release(&self, last: &mut [f32], sum: &[i64], noise: &[i32]) {
        let Self { scale, unit, set } = *self;
        match (sum.is_empty(), noise.is_empty()) {
            (true, true) => set.run(Release { scale, unit, last, more: std::iter::repeat(0) }),
            (true, false) => {
                set.run(Release { scale, unit, last, more: noise.iter().map(|&noise| i64::from(noise)) });
            }
            (false, true) => set.run(Release { scale, unit, last, more: sum.iter().copied() }),
            (false, false) => {
                let more = sum.iter().zip(noise).map(|(&sum, &noise)| sum + i64::from(noise));
                set.run(Release { scale, unit, last, more });
            }
        }
    }
}

/// The nearest integer of a number below 2^51 in magnitude, in the low bits of the result.
#[inline(always)]
fn rounded(value: f32, scale: f64) -> u64 {
    f64::from(value).mul_add(scale, ROUND).to_bits()
}

struct Add<'a> {
    scale: f64,
    part: &'a [f32],
    sum: &'a mut [i64],
}

impl Job for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for (sum, &part) in self.sum.iter_mut().zip(self.part) {
            *sum += rounded(part, self.scale).wrapping_sub(ROUND.to_bits()) as i64;
        }
    }
}

struct Release<'a, I> {
    scale: f64,
    unit: f64,
    last: &'a mut [f32],
    more: I,
}

impl<I: Iterator<Item = i64>> Job for Release<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for (value, more) in self.last.iter_mut().zip(self.more) {
            // The low bits of what was rounded are the integer: added to there, it comes back as a number.
            let total = f64::from_bits(rounded(*value, self.scale).wrapping_add(more as u64)) - ROUND;
            *value = (total * self.unit) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_released_is_the_integer_sum_with_its_noise_divided_on_every_instruction_set() {
        // So few bits that a scaled number is exact in double precision.
        let (scale, denominator) = (1000.25, 7.0);
        let part = |from: i32| (0..1003).map(move |at| (at * 37 + from) as f32 * 0.37 - 9000.0);
        let (first, last): (Vec<f32>, Vec<f32>) = (part(5).collect(), part(77).collect());
        let noise: Vec<i32> = (0..1003).map(|at| 1_000_003 * (at % 5 - 2) + at).collect();
        let step = |value: f32| (f64::from(value) * scale).round_ties_even() as i64;
        for set in InstructionSet::available() {
            let grid = StepGrid { set, ..StepGrid::new(scale, denominator) };
            for parts in [0, 1, 2] {
                for noised in [false, true] {
                    let mut sum = Vec::new();
                    (0..parts).for_each(|_| grid.add(&first, &mut sum));
                    let noise = if noised { &noise[..] } else { &[] };
                    let mut released = last.clone();
                    grid.release(&mut released, &sum, noise);
                    for (at, &released) in released.iter().enumerate() {
                        let others = parts * step(first[at]);
                        let total =
                            step(last[at]) + others + noise.get(at).map_or(0, |&noise| i64::from(noise));
                        let wanted = (total as f64 * (1.0 / (scale * denominator))) as f32;
                        assert_eq!(released, wanted, "{} {parts} {noised} {at}", set.name());
                    }
                }
            }
        }
    }

    #[test]
    fn up_to_the_largest_sum_nothing_is_lost() {
        let grid = StepGrid::new(1.0, 1.0);
        let mut sum = Vec::new();
        // Exact in single precision: whole numbers of few bits.
        for part in [2f32.powi(50), 2f32.powi(50) - 2f32.powi(27), -2f32.powi(49)] {
            grid.add(&[part, -part], &mut sum);
        }
        let wanted = (1i64 << 51) - (1 << 27) - (1 << 49);
        assert_eq!(sum, [wanted, -wanted]);
    }
}
