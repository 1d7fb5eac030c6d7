//! How updates become the next model.
//!
//! First they are added, as integers ([`Sum`]); then a strategy, one file each, turns the mean of a finished sum
//! into the next model.

mod federated_averaging;
mod sum;
mod sum_codec;
mod words;

pub use federated_averaging::FederatedAveraging;
pub use sum::{Mean, Sum};
pub use sum_codec::SumCodecError;
pub use words::{SumWordsError, WordLayout};
