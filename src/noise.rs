//! Where noise comes from: the operating system, or a user who gives the guarantee up.

use crate::error::CommandError;
use privet_core::privacy::NoiseSeed;
use std::sync::Arc;

/// What is said of a run whose noise anybody could draw again.
pub(crate) const NO_GUARANTEE: &str =
    "the noise is drawn from a seed that was given: this run carries no privacy guarantee";

/// A seed of noise: fresh from the operating system, or made of the number that was given and the run's seed.
pub(crate) fn seed(given: Option<u64>, run: u64) -> Result<Arc<NoiseSeed>, CommandError> {
    let mut bytes = [0; 32];
    Ok(Arc::new(match given {
        Some(given) => {
            bytes[..8].copy_from_slice(&given.to_le_bytes());
            bytes[8..16].copy_from_slice(&run.to_le_bytes());
            NoiseSeed::given(bytes)
        }
        None => {
            getrandom::fill(&mut bytes).map_err(CommandError::Random)?;
            NoiseSeed::from_bytes(&mut bytes)
        }
    }))
}
