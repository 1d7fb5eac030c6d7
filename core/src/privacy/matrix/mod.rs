//! The matrix mechanism: private prefix sums without sampling, by noise that is correlated over the rounds.
//!
//! A [`Factor`] of the prefix sums has a sensitivity under a [`Participation`] and an error; [`CorrelatedNoise`] makes its noise,
//! round by round. All rounds together are *one* Gaussian release of noise multiplier `deviation / (sensitivity * clip)`
//! without amplification: [`event`].
//!
//! Sources: Denisov et al. 2022; Choquette-Choo et al. 2023 (banded); McMahan, Xu and Zhang 2024 (BLT); Kalinin and Lampert 2024 (sensitivity).

mod blt;
mod factor;
mod noise;
mod participation;
#[cfg(test)]
mod reference;

pub use blt::{Blt, Buffer};
pub use factor::{Factor, Loss, binary_tree_loss};
pub use noise::{CorrelatedNoise, MOST_FRACTION_BITS};
pub use participation::{MOST_ROUNDS, Participation};

use super::event::{Event, EventError, Mechanism, Neighbouring, Sampling};

/// Why a matrix mechanism cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MatrixError {
    /// Participations that do not fit into the rounds.
    #[error("{times} participations at least {separation} rounds apart do not fit into {rounds} rounds (at most {max} rounds, each number 1 or more)", max = MOST_ROUNDS)]
    Participation {
        /// Rounds.
        rounds: usize,
        /// Rounds from one participation to the next.
        separation: usize,
        /// Participations.
        times: usize,
    },
    /// No band.
    #[error("a banded factor needs 1 band or more")]
    Bands,
    /// Parameters that are no BLT factor, or whose coefficients rise.
    #[error(
        "a BLT factor has 1 to 16 buffers, each theta between 0 and 1, each omega above 0, and omegas that add up to 1 at most"
    )]
    Blt,
    /// A factor that would remember every round.
    #[error("the square-root factor remembers every round: use a banded or a BLT factor to make noise")]
    NotStreaming,
    /// Fraction bits beyond the largest number.
    #[error("{0} fraction bits of fresh noise: give at most {max}", max = MOST_FRACTION_BITS)]
    FractionBits(u32),
    /// A vector of another length.
    #[error("fresh noise of {given} numbers for a model of {expected}")]
    Dimension {
        /// Its length.
        given: usize,
        /// The length wanted.
        expected: usize,
    },
    /// Fresh noise so large that sums of it could overflow.
    #[error(
        "fresh noise at coordinate {index} is beyond 2^38 units: use fewer fraction bits or a coarser grid"
    )]
    TooMuchNoise {
        /// The coordinate.
        index: usize,
    },
    /// Bytes that are not the state of this generator.
    #[error(
        "these bytes are not the noise state of this factor and model: the plan changed since they were written"
    )]
    State,
}

/// The event of all rounds of a matrix mechanism: its noise multiplier is that of fresh noise over sensitivity times clip.
/// Units take part in rounds or do not, and neighbours differ in all contributions of one unit, set to zero.
///
/// # Errors
/// [`EventError::Noise`].
pub fn event(noise_multiplier: f64) -> Result<Event, EventError> {
    Event::new(Mechanism::Gaussian { noise_multiplier }, Sampling::All {}, Neighbouring::ZeroOut, 1)
}
