//! Many participants and one coordinator in one process.
//!
//! [`Simulation`] drives the same engine as the service, with the same local training as the client's agent; only
//! the messages between them are left out, unless rounds are masked: then messages are what it is about. [`centralized`] and [`local_only`] are the baselines that a federation
//! is compared with, at the same number of example-gradients.

mod baseline;
mod federated;
mod masked;
mod private_baseline;
mod validation;
mod workers;

pub use baseline::{BaselineError, Checkpoint, Scores, Start, centralized, local_only};
pub use federated::{RoundReport, Seconds, Simulation, SimulationError};
pub use private_baseline::{PooledPromise, centralized_by_example};
pub use validation::{Regime, ValidationError, validate};
pub use workers::Clock;
