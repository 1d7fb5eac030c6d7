//! Noise on integers, from a cryptographic stream.
//!
//! [`DiscreteGaussian`], [`DiscreteLaplace`] and [`Skellam`] draw from their laws by rejection (Canonne, Kamath and Steinke 2020), every
//! decision made in up to 256 bits: one draw is within total variation 2^-180 of its law, which is exact for every purpose. [`TableSampler`] is ten times faster and within a stated distance of the law, which the ledger
//! charges to delta. No floating-point number ever becomes noise: Mironov 2012 shows what its low bits betray.
//!
//! Invariant: equal streams give equal noise on every machine.

mod coin;
mod discrete_gaussian;
mod discrete_laplace;
mod fixed;
mod layered;
mod skellam;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod variance;

pub use discrete_gaussian::DiscreteGaussian;
pub use discrete_laplace::DiscreteLaplace;
pub use layered::LayeredSampler;
pub use skellam::Skellam;
pub use table::TableSampler;
pub use variance::Variance;

/// Why a law cannot be sampled.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SamplingError {
    /// A deviation that is not in the range of the sampler.
    #[error("noise of standard deviation {0} grid steps cannot be drawn here: choose a grid on which it lies between {least} and {largest} (65536 for Skellam)", least = Variance::LEAST_DEVIATION, largest = Variance::LARGEST_DEVIATION)]
    Deviation(f64),
    /// A scale that is not a ratio of integers between 1 and 2^40.
    #[error("discrete Laplace noise of scale {numerator}/{denominator}: give both between 1 and 2^40")]
    Scale {
        /// Above the line.
        numerator: u64,
        /// Below it.
        denominator: u64,
    },
    /// A table of more than a million entries.
    #[error("a table of {entries} entries: use a coarser grid, or the exact sampler")]
    TableTooLarge {
        /// How many it would have.
        entries: usize,
    },
}
