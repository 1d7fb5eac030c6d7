//! Why a promise of privacy cannot be made.

use super::ValueFault;
use crate::privacy::accounting::AccountingError;
use crate::privacy::matrix::MatrixError;
use crate::privacy::{AdaptiveClippingError, ClippingError, EventError, ExampleNoiseError, LedgerError};

/// Why a promise of privacy cannot be made.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PrivacyFault {
    /// There is no such clip.
    #[error(transparent)]
    Clip(#[from] ClippingError),
    /// The clip cannot adapt like this.
    #[error(transparent)]
    Adaptive(AdaptiveClippingError),
    /// Noise on the count of votes that is not a positive number.
    #[error(
        "bit-noise is {0}: give a positive number, for example a twentieth of the cohort, or leave it out"
    )]
    BitNoise(f64),
    /// The votes on the clip alone would spend the whole budget.
    #[error(
        "votes with a bit-noise of {bit_noise} spend more than a noise multiplier of {noise_multiplier} allows: raise \
         bit-noise above {least}, or leave it out"
    )]
    VotesSpendAll {
        /// The deviation of the count's noise.
        bit_noise: f64,
        /// The multiplier for votes and updates together.
        noise_multiplier: f64,
        /// What must be passed.
        least: f64,
    },
    /// Noise cannot be correlated like this.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    /// There is no such noise.
    #[error(transparent)]
    Event(#[from] EventError),
    /// There is no such delta or target, or nothing reaches it.
    #[error(transparent)]
    Accounting(#[from] AccountingError),
    /// What is spent cannot be said.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// So little noise that no accountant has a meaningful answer.
    #[error(
        "the {rounds} rounds of the plan would cost an epsilon far above 20, which promises nothing: add noise, or train for \
         fewer steps"
    )]
    NothingPromised {
        /// How many rounds.
        rounds: u32,
    },
    /// The noise does not go with the model.
    #[error(transparent)]
    Examples(#[from] ExampleNoiseError),
}

/// In the words of the plan's keys.
impl From<AdaptiveClippingError> for PrivacyFault {
    fn from(error: AdaptiveClippingError) -> PrivacyFault {
        match error {
            AdaptiveClippingError::CountDeviation(bit_noise) => PrivacyFault::BitNoise(bit_noise),
            AdaptiveClippingError::NothingLeft { count_deviation: bit_noise, noise_multiplier, least } => {
                PrivacyFault::VotesSpendAll { bit_noise, noise_multiplier, least }
            }
            error => PrivacyFault::Adaptive(error),
        }
    }
}

impl From<PrivacyFault> for ValueFault {
    fn from(fault: PrivacyFault) -> ValueFault {
        ValueFault::Privacy(fault)
    }
}
