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
///
/// How many parts a step has depends on how many rows were drawn for it, which nobody is to learn. So each part is rounded in the
/// same way whichever it is, and an integer comes off the grid in the same way however many parts it is the sum of.
#[derive(Debug, Clone, Copy)]
pub struct StepGrid {
    /// Steps of the grid to a unit of the gradient.
    scale: f32,
    /// A step of the grid in what is released.
    unit: f32,
    /// Whether 32 bits hold a part with its noise.
    narrow: bool,
    set: InstructionSet,
}

impl StepGrid {
    /// Everything on the grid, each part and each sum with its noise, has to stay below this in magnitude.
    pub const LARGEST_SUM: f64 = (1u64 << 51) as f64;

    /// The grid of `scale` steps to a unit, for sums that are divided by `denominator`. No number of one part comes to more
    /// than `largest_part` steps with its noise, which must not depend on the rows; where 32 bits hold it, it goes faster.
    pub fn new(scale: f32, denominator: f64, largest_part: f64) -> StepGrid {
        StepGrid {
            scale,
            unit: (1.0 / (f64::from(scale) * denominator)) as f32,
            narrow: largest_part < f64::from(i32::MAX),
            set: InstructionSet::detect(),
        }
    }

    /// Rounds a part of a sum onto the grid, and adds it to the others; an empty `sum` becomes as long as the part.
    pub fn add(&self, part: &[f32], sum: &mut Vec<i64>) {
        sum.resize(part.len(), 0);
        if self.narrow {
            self.set.run(Add::<true> { scale: self.scale, part, sum });
        } else {
            self.set.run(Add::<false> { scale: self.scale, part, sum });
        }
    }

    /// Rounds the last part onto the grid, adds the other parts and the noise to it, and writes the quotient over it. Both
    /// are as long as `last`, or empty where there are none.
    pub fn release(&self, last: &mut [f32], sum: &[i64], noise: &[i32]) {
        let Self { scale, unit, .. } = *self;
        match (sum.is_empty(), noise.is_empty()) {
            (true, true) if self.narrow => {
                self.set.run(ReleaseNarrow { scale, unit, last, noise: std::iter::repeat(0) });
            }
            (true, false) if self.narrow => {
                self.set.run(ReleaseNarrow { scale, unit, last, noise: noise.iter().copied() });
            }
            (true, true) => self.release_wide(last, std::iter::repeat(0)),
            (true, false) => self.release_wide(last, noise.iter().map(|&noise| i64::from(noise))),
            (false, true) => self.release_wide(last, sum.iter().copied()),
            (false, false) => {
                self.release_wide(last, sum.iter().zip(noise).map(|(&sum, &noise)| sum + i64::from(noise)));
            }
        }
    }

    fn release_wide(&self, last: &mut [f32], more: impl Iterator<Item = i64>) {
        let Self { scale, unit, set, .. } = *self;
        if self.narrow {
            set.run(Release::<true, _> { scale, unit, last, more });
        } else {
            set.run(Release::<false, _> { scale, unit, last, more });
        }
    }
}

/// The nearest integer of a number below 2^51 in magnitude.
#[inline(always)]
fn wide_rounded(value: f32, scale: f32) -> i64 {
    f64::from(value).mul_add(f64::from(scale), ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i64
}

/// The nearest integer of a number, or the one next to it if it is as near to within 2^-15; it has to fit 32 bits.
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

#[inline(always)]
fn rounded<const NARROW: bool>(value: f32, scale: f32) -> i64 {
    if NARROW { i64::from(narrow_rounded(value, scale)) } else { wide_rounded(value, scale) }
}

struct Add<'a, const NARROW: bool> {
    scale: f32,
    part: &'a [f32],
    sum: &'a mut [i64],
}

impl<const NARROW: bool> Job for Add<'_, NARROW> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for (sum, &part) in self.sum.iter_mut().zip(self.part) {
            *sum += rounded::<NARROW>(part, self.scale);
        }
    }
}

struct Release<'a, const NARROW: bool, I> {
    scale: f32,
    unit: f32,
    last: &'a mut [f32],
    more: I,
}

impl<const NARROW: bool, I: Iterator<Item = i64>> Job for Release<'_, NARROW, I> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        for (value, more) in self.last.iter_mut().zip(self.more) {
            // Added to the low bits of this number, an integer comes back as a number without a conversion.
            let total = rounded::<NARROW>(*value, self.scale).wrapping_add(more) as u64;
            *value = (f64::from_bits(ROUND.to_bits().wrapping_add(total)) - ROUND) as f32 * self.unit;
        }
    }
}

/// [`Release`] of one part alone, in 32 bits.
struct ReleaseNarrow<'a, I> {
    scale: f32,
    unit: f32,
    last: &'a mut [f32],
    noise: I,
}

impl<I: Iterator<Item = i32>> Job for ReleaseNarrow<'_, I> {
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

    const SCALE: f32 = 311_003.37;

    /// Grids whose parts go through 32 bits and through more, on every instruction set.
    fn grids(denominator: f64) -> impl Iterator<Item = StepGrid> {
        InstructionSet::available().flat_map(move |set| {
            [2e9, StepGrid::LARGEST_SUM]
                .map(|largest| StepGrid { set, ..StepGrid::new(SCALE, denominator, largest) })
        })
    }

    /// Numbers of every size that 32 bits hold, and halves of a step.
    fn values() -> Vec<f32> {
        let wide = (0..4000).map(|at| (at - 2000) as f32 * 3.21);
        let halves = (0..2000).map(|at| (at - 1000) as f32 * 0.5 / SCALE);
        wide.chain(halves).chain([1.99e9 / SCALE, -1.99e9 / SCALE, 0.0, -0.0]).collect()
    }

    #[test]
    fn a_number_goes_to_the_nearest_integer() {
        for value in values() {
            let exact = f64::from(value) * f64::from(SCALE);
            assert_eq!(wide_rounded(value, SCALE) as f64, exact.round_ties_even());
            let narrow = narrow_rounded(value, SCALE);
            assert!((f64::from(narrow) - exact).abs() <= 0.5 + 2f64.powi(-15), "{narrow} for {exact}");
        }
    }

    #[test]
    fn what_is_released_is_the_integer_sum_with_its_noise_divided() {
        let (first, denominator) = (values(), 48.0);
        let last: Vec<f32> = first.iter().rev().copied().collect();
        let noise: Vec<i32> = (0..first.len() as i32).map(|at| at % 1001 - 500).collect();
        for grid in grids(denominator) {
            let steps = |value| {
                if grid.narrow { rounded::<true>(value, SCALE) } else { rounded::<false>(value, SCALE) }
            };
            for (parts, noise) in [(0, &[][..]), (0, &noise), (1, &[]), (1, &noise), (2, &noise)] {
                let mut sum = Vec::new();
                (0..parts).for_each(|_| grid.add(&first, &mut sum));
                let mut released = last.clone();
                grid.release(&mut released, &sum, noise);
                for (at, &released) in released.iter().enumerate() {
                    let noise = i64::from(noise.get(at).copied().unwrap_or(0));
                    let total = steps(last[at]) + parts * steps(first[at]) + noise;
                    assert_eq!(released, total as f32 * grid.unit, "{grid:?} {parts} {at}");
                    let exact = total as f64 / (f64::from(SCALE) * denominator);
                    assert!((f64::from(released) - exact).abs() <= exact.abs() * 2f64.powi(-22));
                }
            }
        }
    }

    #[test]
    fn how_many_parts_a_step_had_does_not_show() {
        let noise: Vec<i32> = (0..values().len() as i32).map(|at| at % 1_000_003 * 37 - 500).collect();
        for grid in grids(7.0) {
            let (mut one, mut two, mut sum) = (values(), values(), Vec::new());
            grid.add(&vec![0.0; one.len()], &mut sum);
            grid.release(&mut one, &[], &noise);
            grid.release(&mut two, &sum, &noise);
            let bits = |released: &[f32]| released.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&one), bits(&two), "{grid:?}");
            // Nor which of the parts was the last one.
            let (mut swapped, mut sum) = (vec![0.0; one.len()], Vec::new());
            grid.add(&values(), &mut sum);
            grid.release(&mut swapped, &sum, &noise);
            assert_eq!(bits(&one), bits(&swapped), "{grid:?}");
        }
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
