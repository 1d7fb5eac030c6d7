//! Why something cannot be a privacy event.

use super::{MAX_COUNT, NOISE_RANGE, Neighbouring};

/// Why something cannot be a privacy event.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EventError {
    /// Noise that is not a positive number in [`NOISE_RANGE`].
    #[error("the noise is {0}: give a number between {lo} and {hi}", lo = NOISE_RANGE.0, hi = NOISE_RANGE.1)]
    Noise(f64),
    /// A sampling rate outside (0, 1].
    #[error("the sampling rate is {0}: it is a probability above 0 and at most 1")]
    Rate(f64),
    /// A sample that its population cannot give.
    #[error("a sample of {sample} from {population} units: give 1 or more and at most the population")]
    Sample {
        /// How many were to take part.
        sample: u64,
        /// How many there are.
        population: u64,
    },
    /// No composition, or more than [`MAX_COUNT`].
    #[error("{0} releases: give between 1 and {max}", max = MAX_COUNT)]
    Count(u64),
    /// A sensitivity that is not positive.
    #[error("the sensitivity is {0}: give a positive number")]
    Sensitivity(f64),
    /// A tree without levels or repetitions, or of more than 64 levels or 10^6 repetitions.
    #[error("a tree of height {height} with {restarts} restarts: give 1 to 64 and 1 to 1000000")]
    Tree {
        /// Nodes from leaf to root.
        height: u32,
        /// Trees of which one unit is a leaf.
        restarts: u32,
    },
    /// Noise in shares without clients or without dimensions.
    #[error("shares of {clients} clients over {dimension} dimensions: give 1 or more of each")]
    Shares {
        /// How many shares.
        clients: u32,
        /// How long the vector.
        dimension: u64,
    },
    /// Without replacement the number of units cannot change.
    #[error(
        "fixed-size sampling is accounted under replace-one: with one unit more or less the size of the sample would itself tell; choose replace-one neighbours or Poisson sampling"
    )]
    FixedSizeNeedsReplaceOne,
    /// A combination without a bound.
    #[error(
        "no bound is known for {mechanism} noise under {sampling} sampling and {neighbouring:?} neighbours: use Gaussian noise, or add-or-remove-one neighbours with Poisson sampling or none"
    )]
    NoBound {
        /// The mechanism's name.
        mechanism: &'static str,
        /// The sampling rule's name.
        sampling: &'static str,
        /// The relation.
        neighbouring: Neighbouring,
    },
}
