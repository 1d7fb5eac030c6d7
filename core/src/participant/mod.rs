//! The client's half of a round: typed states, each consumed by the next.
//!
//! ```text
//! Assigned --model file--> Ready --training--> Trained --receipt--> done
//!                                     \--> Declined
//! ```
//!
//! The client's agent moves messages between these states and the coordinator; the simulator skips the messages
//! and calls [`LocalTraining`], which both share.

mod local_training;
mod private_training;
mod protecting;
mod states;

pub use local_training::{LocalTraining, LocalTrainingError, Task, Worker};
pub use private_training::TrainedRounds;
pub use states::{Assigned, Declined, Participant, ParticipantError, Ready, Trained};
