//! Which instruction set the loops run on, and the one `unsafe` call that enters it.
//!
//! A loop is written once, as plain safe Rust in a [`Job`]. Compiled inside a function with `#[target_feature]` it
//! becomes AVX-512 or AVX2 code; compiled outside of one it is whatever the target always has (on AArch64 that is
//! NEON). All of them do the same operations in the same order, so all of them give the same bits.
#![allow(unsafe_code)] // the call into a `#[target_feature]` function, checked by `Path`'s constructors

/// Work that is compiled once for every instruction set.
///
/// `run` has to be `#[inline(always)]`, with everything that it calls in its loops: only what is inlined into the
/// function that enables the instructions is compiled with them.
pub(in crate::nn) trait Job {
    /// What comes back.
    type Output;

    /// Does the work with register tiles of at most `ROWS` rows by `COLUMNS` columns.
    fn run<const ROWS: usize, const COLUMNS: usize>(self) -> Self::Output;
}

/// An instruction set that this machine has. Only this file can make one, after asking the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::nn) struct Path(Isa);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Baseline,
}

impl Path {
    /// The fastest one that this machine has.
    pub(in crate::nn) fn detect() -> Path {
        Path::available().next().expect("the baseline is always there")
    }

    /// All that this machine has, the fastest first; the last one needs nothing that the target does not always have.
    pub(in crate::nn) fn available() -> impl Iterator<Item = Path> {
        #[cfg(target_arch = "x86_64")]
        let faster = {
            let avx512 = is_x86_feature_detected!("avx512f").then_some(Path(Isa::Avx512));
            let avx2 = (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"))
                .then_some(Path(Isa::Avx2));
            [avx512, avx2].into_iter().flatten()
        };
        #[cfg(not(target_arch = "x86_64"))]
        let faster = std::iter::empty();
        faster.chain([Path::BASELINE])
    }

    /// Without any instruction that the target does not always have: NEON on AArch64, else portable code.
    pub(in crate::nn) const BASELINE: Path = Path(Isa::Baseline);

    /// Its name, for test failures.
    #[cfg(test)]
    pub(in crate::nn) fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            Isa::Baseline if cfg!(target_arch = "aarch64") => "neon",
            Isa::Baseline => "portable",
        }
    }

    /// Runs a job on it.
    pub(in crate::nn) fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            // SAFETY: a `Path` of AVX-512 is made in `available` alone, after the machine said that it has avx512f.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { avx512(job) },
            // SAFETY: a `Path` of AVX2 is made in `available` alone, after the machine said that it has avx2 and fma.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2(job) },
            Isa::Baseline => job.run::<4, 16>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512<J: Job>(job: J) -> J::Output {
    job.run::<5, 64>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<J: Job>(job: J) -> J::Output {
    job.run::<5, 16>()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sum<'a>(&'a [f32]);

    impl Job for Sum<'_> {
        type Output = f32;
        #[inline(always)]
        fn run<const ROWS: usize, const COLUMNS: usize>(self) -> f32 {
            self.0.iter().fold(0.0, |sum, value| value.mul_add(3.0, sum))
        }
    }

    #[test]
    fn every_path_of_this_machine_runs_a_job() {
        let values: Vec<f32> = (0..100).map(|value| value as f32).collect();
        for path in Path::available() {
            assert_eq!(path.run(Sum(&values)), 14850.0, "{}", path.name());
        }
    }

    #[test]
    fn the_baseline_comes_last() {
        assert_eq!(Path::available().last(), Some(Path::BASELINE));
    }
}
