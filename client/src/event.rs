//! What an agent tells of its way.

use privet_core::protocol::{DeclineReason, HexDigest};

/// Something that happened to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentEvent {
    /// It is enrolled.
    Enrolled {
        /// Its number, from 1.
        client: u32,
    },
    /// It takes part in a round: fetches the model and trains.
    Training {
        /// The round.
        round: u32,
    },
    /// Its training came to nothing where that is as private as its rows: it sends zeros under its protection, and nobody else is
    /// told.
    Zeros {
        /// The round.
        round: u32,
    },
    /// Its update is counted; in a masked round, if the round can be unmasked.
    Counted {
        /// The round.
        round: u32,
        /// Its weight in the mean.
        weight: u32,
    },
    /// The round was closed before its update was there, or no longer waits for it.
    Missed {
        /// The round.
        round: u32,
    },
    /// It left a masked round, because of what the coordinator sent.
    Left {
        /// The round.
        round: u32,
    },
    /// Its training failed; the coordinator knows.
    Declined {
        /// The round.
        round: u32,
        /// Why.
        reason: DeclineReason,
    },
}

/// How an agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The federation has finished.
    Finished {
        /// The final model.
        model_sha256: HexDigest,
    },
    /// It was told to stop before.
    Stopped,
}

/// What an agent leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The rounds in which its update is counted.
    pub counted: Vec<u32>,
}
