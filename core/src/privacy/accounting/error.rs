//! What can be wrong with a question to the accountants.

use crate::privacy::event::EventError;

/// Why a privacy question has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AccountingError {
    /// An event that cannot be.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A delta outside (0, 1).
    #[error(
        "delta is {0}: it is a probability above 0 and below 1; a usual choice is 1 over ten times the number of units"
    )]
    Delta(f64),
    /// An epsilon that is negative, infinite or not a number.
    #[error("epsilon is {0}: give a finite number, 0 or above")]
    Epsilon(f64),
    /// A target epsilon that is not a positive number.
    #[error("the target epsilon is {0}: give a finite number above 0")]
    Target(f64),
    /// No events at all where at least one is needed.
    #[error("there is no event to account for: name at least one release")]
    NoEvents,
    /// No event has this many releases together.
    #[error("{0} releases in all: the accountants take at most {max}", max = crate::privacy::event::MAX_COUNT)]
    TooManyReleases(u64),
    /// Events under different relations have no common guarantee.
    #[error(
        "events under different neighbouring relations cannot be composed: account for each relation on its own"
    )]
    MixedNeighbours,
    /// Even the most noise leaves epsilon above the target.
    #[error(
        "no noise up to {limit} reaches epsilon {target}: at that noise epsilon is still {reached}; allow a larger epsilon, fewer rounds or a smaller sampling rate"
    )]
    NoNoiseReaches {
        /// The epsilon asked for.
        target: f64,
        /// The most noise that was tried.
        limit: f64,
        /// Epsilon at that noise.
        reached: f64,
    },
    /// Even one round spends more than the target.
    #[error(
        "one round already spends epsilon {spent}, more than the target {target}: add noise or sample fewer units"
    )]
    NoRoundFits {
        /// The epsilon asked for.
        target: f64,
        /// What one round spends.
        spent: f64,
    },
    /// No sampling rate meets the target.
    #[error(
        "no sampling rate down to {limit} meets epsilon {target}: epsilon is still {reached}; add noise or run fewer rounds"
    )]
    NoRateFits {
        /// The epsilon asked for.
        target: f64,
        /// The smallest rate that was tried.
        limit: f64,
        /// Epsilon at that rate.
        reached: f64,
    },
    /// No accountant gives a finite bound.
    #[error("no accountant gives a finite epsilon for these events: the noise is too small for them")]
    NoFiniteBound,
}
