//! Which instruction set the loops run on, and the one `unsafe` call that enters it.
//!
//! A loop is written once, as plain safe Rust in a `Job`. Compiled inside a function with `#[target_feature]` it
//! becomes AVX-512 or AVX2 code; compiled outside of one it is whatever the target always has (on AArch64 that is
//! NEON). All of them do the same operations in the same order, so all of them give the same bits.
#![allow(unsafe_code)] // the call into a `#[target_feature]` function, checked by `InstructionSet`'s constructors

/// Work that is compiled once for every instruction set.
///
/// `run` has to be `#[inline(always)]`, with everything that it calls in its loops: only what is inlined into the
/// function that enables the instructions is compiled with them.
pub(crate) trait Job {
    /// What comes back.
    type Output;

    /// Does the work; where it uses register tiles, with tiles of at most `COLUMNS` columns.
    fn run<const COLUMNS: usize>(self) -> Self::Output;
}

/// An instruction set that this machine has. All of them give the same bits; they differ in speed.
///
/// Only this type's own functions make one, after asking the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstructionSet(Isa);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Baseline,
}

impl InstructionSet {
    /// The fastest one that this machine has.
    pub fn detect() -> InstructionSet {
        InstructionSet::available().next().expect("the baseline is always there")
    }

    /// All that this machine has, the fastest first; the last one needs nothing that the target does not always have.
    pub fn available() -> impl Iterator<Item = InstructionSet> {
        #[cfg(target_arch = "x86_64")]
        let faster = {
            let avx512 = is_x86_feature_detected!("avx512f").then_some(InstructionSet(Isa::Avx512));
            let avx2 = (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"))
                .then_some(InstructionSet(Isa::Avx2));
            [avx512, avx2].into_iter().flatten()
        };
        #[cfg(not(target_arch = "x86_64"))]
        let faster = std::iter::empty();
        faster.chain([InstructionSet::BASELINE])
    }

    /// Without any instruction that the target does not always have: NEON on AArch64, else portable code.
    pub const BASELINE: InstructionSet = InstructionSet(Isa::Baseline);

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            Isa::Baseline if cfg!(target_arch = "aarch64") => "neon",
            Isa::Baseline => "portable",
        }
    }

    /// The columns of the widest register tile that it does best with, which [`Job::run`] gets.
    ///
    /// A tile of six rows and what is multiplied into it have to fit the registers: 32 of 16 numbers, 16 of 8, or 32 of 4 (NEON).
    pub(crate) fn columns(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => 64,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => 16,
            Isa::Baseline => 16,
        }
    }

    /// Whether a product reads its left matrix in panels (`nn/kernel/panels.rs`): not where a tile is wide enough to hide what the
    /// panels save.
    pub(crate) fn reads_panels(self) -> bool {
        self.columns() < 64
    }

    /// Runs a job on it.
    pub(crate) fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            // SAFETY: a `InstructionSet` of AVX-512 is made in `available` alone, after the machine said that it has avx512f.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { avx512(job) },
            // SAFETY: a `InstructionSet` of AVX2 is made in `available` alone, after the machine said that it has avx2 and fma.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2(job) },
            Isa::Baseline => job.run::<16>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512<J: Job>(job: J) -> J::Output {
    job.run::<64>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<J: Job>(job: J) -> J::Output {
    job.run::<16>()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Columns;

    impl Job for Columns {
        type Output = usize;
        #[inline(always)]
        fn run<const COLUMNS: usize>(self) -> usize {
            COLUMNS
        }
    }

    struct Sum<'a>(&'a [f32]);

    impl Job for Sum<'_> {
        type Output = f32;
        #[inline(always)]
        fn run<const COLUMNS: usize>(self) -> f32 {
            self.0.iter().fold(0.0, |sum, value| value.mul_add(3.0, sum))
        }
    }

    #[test]
    fn every_instruction_set_of_this_machine_runs_a_job() {
        let values: Vec<f32> = (0..100).map(|value| value as f32).collect();
        for set in InstructionSet::available() {
            assert_eq!(set.run(Sum(&values)), 14850.0, "{}", set.name());
        }
    }

    #[test]
    fn jobs_get_the_columns_that_the_tile_says() {
        for set in InstructionSet::available() {
            assert_eq!(set.run(Columns), set.columns(), "{}", set.name());
        }
    }

    #[test]
    fn the_baseline_comes_last() {
        assert_eq!(InstructionSet::available().last(), Some(InstructionSet::BASELINE));
    }
}
