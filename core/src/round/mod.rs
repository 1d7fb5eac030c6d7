//! The coordinator's half of a round: a pure state machine.
//!
//! ```text
//! Gathering --enough clients--> Collecting --all reported, or enough, or deadline--> released or abandoned
//!                                   ^                                                        |
//!                                   +------------------- next round ------------------------+--> Finished
//! ```
//!
//! Where the plan says so, a round is masked ([`MaskedRound`]): it goes through the stages of [`crate::secagg`] and ends
//! with the very sum that [`Collecting`] would have made.
//!
//! [`Federation::step`] takes the state, an event and the time, and gives the next state and what is to be done
//! about it. The HTTP service and the simulator both only carry events to it. The records of rounds that are over go out with
//! [`Effect::Closed`] and are remembered by whoever carries the events; what comes for such a round is answered by its record
//! ([`Belated`]).

mod belated;
mod cohort;
mod collecting;
mod correlated;
mod event;
mod federation;
mod guard;
mod inclusion;
mod lease;
mod masked;
mod past;
#[cfg(test)]
mod properties;
mod record;
mod refusal;
mod releases;
mod resume;
mod rules;
mod sealed;
mod standing;
#[cfg(test)]
mod testing;
mod time;
mod turn;

pub use belated::{Belated, BelatedContent};
pub use collecting::Collecting;
pub use correlated::NoiseState;
pub use event::{Effect, Event, Submission};
pub use federation::{Assignment, Federation, Phase};
pub use guard::Recorded;
pub use inclusion::{InclusionError, check_inclusion};
pub use lease::{Holding, LEASES, Lease, LeaseKey};
pub use masked::{Answered, Interrupted, MaskedRound, StageContent, StageMessage, Unmasked};
pub use past::Past;
pub use record::{Complaints, Contribution, Diagnostics, MaskedRecord, Outcome, Receipt, RoundRecord};
pub use refusal::Refusal;
pub use releases::Releases;
pub use resume::{ResumeError, Saved};
pub use rules::{MaskingRules, Rules};
pub use sealed::{Chain, ChainError, SealedRecord, check_chain};
pub use time::Timestamp;
