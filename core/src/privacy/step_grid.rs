//! The grid of integers that a step's sum goes onto, where its noise is added, and that it comes off again.

use crate::instructions::{InstructionSet, Job};

/// Added to a number below 2^51 in magnitude this rounds it to an integer, and leaves that in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Added to a number below 2^32 in magnitude this rounds it to a multiple of 2^[`COARSE_BITS`], and leaves that in the low bits.
const COARSE: f32 = 12_884_901_888.0;
const COARSE_BITS: u32 = 10;
/// Added to a number below 2^22 in magnitude this rounds it to an integer, and leaves that in the low bits.
const FINE: f32 = 12_582_912.0;

/// Goes between gradients in single precision and integers, each of them at most `1/2 + 2^-15` steps from its number. Every
/// instruction set gives the same bits.
#[derive(Debug, Clone, Copy)]
pub struct StepGrid {
    /// Steps of the grid to a unit of the gradient.
    scale: f32,
    /// A step of the grid in what is released.
    unit: f64,
    /// Whether 32 bits hold a part with its noise.
    narrow: bool,
    set: InstructionSet,
}

impl StepGrid {
    /// Everything on the grid, each part and each sum with its noise, has to stay below this in magnitude.
    pub const LARGEST_SUM: f64 = (1u64 << 51) as f64;

    /// The grid of `scale` steps to a unit, for sums that are divided by `denominator`. No number of one part comes to more
    /// than `largest_part` steps with its noise; the less that is, the faster.
    pub fn new(scale: f32, denominator: f64, largest_part: f64) -> StepGrid {
        StepGrid {
            scale,
            unit: 1.0 / (f64::from(scale) * denominator),
            narrow: largest_part < f64::from(i32::MAX),
            set: InstructionSet::detect(),
        }
    }

    /// Rounds a part of a sum onto the grid, and adds it to the others; an empty `sum` becomes as long as the part.
    pub fn add(&self, part: &[f32], sum: &mut Vec<i64>) {
        sum.resize(part.len(), 0);
        self.set.run(Add { scale: f64::from(self.scale), part, sum });
    }

    /// Rounds the last part onto the grid, adds the other parts and the noise to it, and writes the quotient over it. Both
    /// are as long as `last`, or empty where there are none.
    pub fn release(&self, last: &mut [f32], sum: &[i64], noise: &[i32]) {
        let Self { scale, unit, narrow, set } = *self;
        if narrow && sum.is_empty() {
            let unit = unit as f32;
            return if noise.is_empty() {
                set.run(NarrowRelease { scale, unit, last, noise: std::iter::repeat(0) })
            } else {
                set.run(NarrowRelease { scale, unit, last, noise: noise.iter().copied() })
            };
        }
        let scale = f64::from(scale);
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

/// The nearest integer of a number below 2^31 in magnitude, or the one next to it if it is as near to within 2^-15.
///
/// Twice as many numbers go through a vector as in double precision. Both products are exact until something is added to
/// them: what is left after the coarse integer is at most 512, and is rounded by at most 2^-15 before it is rounded to an integer.
#[inline(always)]
fn narrow_rounded(value: f32, scale: f32) -> i32 {
    let coarse = value.mul_add(scale, COARSE);
    let fine = value.mul_add(scale, COARSE - coarse) + FINE;
    let steps = |rounded: f32, zero: f32| rounded.to_bits().wrapping_sub(zero.to_bits()) as i32;
    (steps(coarse, COARSE) << COARSE_BITS).wrapping_add(steps(fine, FINE))
}

/// [`Release`] for a step of one part, in 32 bits.
struct NarrowRelease<'a, I> {
    scale: f32,
    unit: f32,
    last: &'a mut [f32],
    noise: I,
}

impl<I: Iterator<Item = i32>> Job for NarrowRelease<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for (value, noise) in self.last.iter_mut().zip(self.noise) {
            *value = narrow_rounded(*value, self.scale).wrapping_add(noise) as f32 * self.unit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_released_is_the_integer_sum_with_its_noise_divided_on_every_instruction_set() {
        // So few bits that a scaled number is exact in double precision.
        let (scale, denominator) = (1000.25f32, 7.0);
        let exact = f64::from(scale);
        let part = |from: i32| (0..1003).map(move |at| (at * 37 + from) as f32 * 0.37 - 9000.0);
        let (first, last): (Vec<f32>, Vec<f32>) = (part(5).collect(), part(77).collect());
        let noise: Vec<i32> = (0..1003).map(|at| 1_000_003 * (at % 5 - 2) + at).collect();
        let step = |value: f32| (f64::from(value) * exact).round_ties_even() as i64;
        for set in InstructionSet::available() {
            let grid = StepGrid { set, ..StepGrid::new(scale, denominator, StepGrid::LARGEST_SUM) };
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
                        let wanted = (total as f64 * (1.0 / (exact * denominator))) as f32;
                        assert_eq!(released, wanted, "{} {parts} {noised} {at}", set.name());
                    }
                }
            }
        }
    }

    #[test]
    fn in_32_bits_it_is_the_nearest_integer_all_the_same() {
        let scale = 311_003.37f32;
        let mut values: Vec<f32> = (0..40_000).map(|at| (at - 20_000) as f32 * 0.345).collect();
        // Small ones, halves of a step, and the ends of the range.
        values.extend((0..2000).map(|at| (at - 1000) as f32 * 0.5 / scale));
        values.extend([2.147e9 / scale, -2.147e9 / scale, 0.0, -0.0]);
        for &value in &values {
            let (steps, exact) = (narrow_rounded(value, scale), f64::from(value) * f64::from(scale));
            let bound = 0.5 + 2f64.powi(-15);
            assert!((f64::from(steps) - exact).abs() <= bound, "{value}: {steps} for {exact}");
        }
        let noise: Vec<i32> = (0..values.len() as i32).map(|at| at % 1001 - 500).collect();
        for set in InstructionSet::available() {
            let grid = StepGrid { set, ..StepGrid::new(scale, 48.0, 2.1474e9) };
            assert!(grid.narrow);
            for noise in [&[], &noise[..]] {
                let mut released = values.clone();
                grid.release(&mut released, &[], noise);
                for (at, (value, released)) in values.iter().zip(released).enumerate() {
                    let steps = narrow_rounded(*value, scale) + noise.get(at).unwrap_or(&0);
                    assert_eq!(released, steps as f32 * grid.unit as f32, "{} {value}", set.name());
                }
            }
        }
    }

    #[test]
    fn a_part_that_32_bits_do_not_hold_is_released_whole() {
        let value = 3.5e9f32;
        let grid = StepGrid::new(1.0, 1.0, 4e9);
        let mut released = [value, -value];
        grid.release(&mut released, &[], &[1 << 20, 0]);
        assert_eq!(released, [(3.5e9 + f64::from(1 << 20)) as f32, -value]);
    }

    #[test]
    fn up_to_the_largest_sum_nothing_is_lost() {
        let grid = StepGrid::new(1.0, 1.0, StepGrid::LARGEST_SUM);
        let mut sum = Vec::new();
        // Exact in single precision: whole numbers of few bits.
        for part in [2f32.powi(50), 2f32.powi(50) - 2f32.powi(27), -2f32.powi(49)] {
            grid.add(&[part, -part], &mut sum);
        }
        let wanted = (1i64 << 51) - (1 << 27) - (1 << 49);
        assert_eq!(sum, [wanted, -wanted]);
    }
}
