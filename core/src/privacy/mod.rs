//! Differential privacy: what a release may reveal, how that is bounded, and how much was spent.
//!
//! - [`Event`] says what was released: mechanism, sampling, neighbouring relation, count.
//! - [`accounting`] bounds what events cost together, and finds the noise, the rounds or the rate a target allows.
//! - [`Ledger`] keeps the events of a federation and says whether the next one fits.
//! - [`Clip`] bounds what one unit contributes and *is* the sensitivity; [`AdaptiveClip`] lets it follow a quantile.
//! - [`ExampleNoise`] makes a step of local training private to every single example, and [`PoissonSample`] draws its rows.
//! - [`matrix`] correlates noise over rounds, for privacy without sampling.
//! - [`sampling`] draws noise on integers; [`NoiseSeed`] is the secret it is drawn from.

pub mod accounting;
mod adaptive_clipping;
mod clipping;
mod event;
mod example_noise;
mod ledger;
pub mod matrix;
mod noise_seed;
mod poisson;
pub mod sampling;
mod step_grid;

pub use adaptive_clipping::{Adaptation, AdaptiveClip, AdaptiveClippingError, NoiseSplit};
pub use clipping::{Clip, Clipped, ClippingError};
pub use event::{Event, EventError, MAX_COUNT, Mechanism, NOISE_RANGE, Neighbouring, Sampling, Shares};
pub use example_noise::{ExampleMechanism, ExampleNoise, ExampleNoiseError, STEP_DISTANCE};
pub use ledger::{Ledger, LedgerError, Next};
pub use noise_seed::{NoisePurpose, NoiseSeed, NoiseStream};
pub use poisson::PoissonSample;
pub use step_grid::StepGrid;
