//! The client's half of a round: typed states, each consumed by the next.
//!
//! ```text
//! Assigned --model file--> Ready --training--> Trained --receipt--> done
//!                                     \--> Declined
//! ```
//!
//! In a masked round an update leaves by another way, stage by stage: [`Masker`].
//!
//! The client's agent moves messages between these states and the coordinator; the simulator skips the messages
//! and calls [`LocalTraining`], which both share.

mod gradient_norms;
mod local_training;
mod masked;
mod own_limit;
mod private_training;
mod protecting;
mod states;
mod writing;

pub(crate) use gradient_norms::GradientNorms;
pub use local_training::{LocalTraining, LocalTrainingError, Task, Worker};
pub use masked::{Advertised, Confirmed, HiddenUpdate, Masked, MaskedRoundError, Masker, Shared};
pub use own_limit::{OwnLimit, OwnLimitError};
pub use private_training::TrainedRounds;
pub use states::{Assigned, Declined, Participant, ParticipantError, Ready, Trained};
