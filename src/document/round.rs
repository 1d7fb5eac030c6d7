//! One line of `metrics.jsonl`: what a round did and what it cost.

use serde::{Deserialize, Serialize};

/// A finished round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Round {
    /// Seed of the run the round belongs to.
    pub(crate) seed: u64,
    /// Number of the round, from 1.
    pub(crate) round: u32,
    /// Mean training loss the contributions reported, weighted as they were; `null` when none was reported.
    pub(crate) train_loss: Option<f64>,
    /// Mean loss of the new model over the test rows; `null` when the model was not judged after this round.
    pub(crate) test_loss: Option<f64>,
    /// Fraction of test rows the new model classifies rightly; `null` for a regression, or when not judged.
    pub(crate) test_accuracy: Option<f64>,
    /// Ids of the clients selected, ascending; empty where a promise of privacy rests on nobody knowing them.
    pub(crate) cohort: Vec<u32>,
    /// Updates that are in the new model.
    pub(crate) contributed: u32,
    /// Selected clients that said they would not take part.
    pub(crate) declined: u32,
    /// Selected clients whose update did not come before the round closed.
    pub(crate) late: u32,
    /// Message bodies of this round, all clients together.
    pub(crate) bytes: Bytes,
    /// Where the time went.
    pub(crate) seconds: RoundSeconds,
    /// The row of a comparison that the round belongs to; left out of the federated run without masks and privacy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) row: Option<String>,
    /// How the masks went; left out of a round without masks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) masked: Option<Masked>,
    /// Privacy spent by the end of this round; left out where none is promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) epsilon: Option<f64>,
    /// Standard deviation of the noise in each coordinate of the mean update; left out where no privacy is promised or
    /// nothing was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) noise_deviation: Option<f64>,
    /// The clip of the round; this and the two that follow as for `noise_deviation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clip: Option<f64>,
    /// Norm of the mean update over that of its noise, told from the noised mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signal_to_noise: Option<f64>,
    /// Share of updates within the clip, told from noised votes; left out where the clip does not adapt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) within_clip: Option<f64>,
    /// What only a simulation can know; left out where no privacy is promised, and over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unprotected: Option<Unprotected>,
}

/// Statistics of the simulated clients' own updates, or of the gradients of their examples where those are protected, without
/// noise: no promise covers them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unprotected {
    /// Share of updates or gradients that were longer than the clip.
    pub(crate) clipped: f64,
    /// Their median norm before they were clipped.
    pub(crate) median_norm: f64,
    /// How many were zeros because a training failed, or a gradient was not finite.
    pub(crate) zeros: u64,
}

/// How the masks of a round went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Masked {
    /// Who was missed at which stage, each at the first.
    pub(crate) missed: Vec<StageClients>,
    /// Who came after the end of a stage, while the round was open.
    pub(crate) late: Vec<StageClients>,
    /// Who sent another message for a stage than its first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) repeated: Vec<StageClients>,
    /// Who gave a wrong share of whose secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) altered: Vec<AlteredShares>,
    /// Who left the round because of whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) complaints: Vec<Complaint>,
    /// Why nothing was released; left out if the sum was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

/// Clients at a stage of secure aggregation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StageClients {
    /// `advertise`, `share`, `input`, `confirm` or `answer`.
    pub(crate) stage: String,
    /// Their ids, ascending.
    pub(crate) clients: Vec<u32>,
}

/// Wrong shares of one client's secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AlteredShares {
    /// Whose secret.
    pub(crate) owner: u32,
    /// Who gave them, ascending.
    pub(crate) holders: Vec<u32>,
}

/// Complaints of one client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Complaint {
    /// Of whom.
    pub(crate) accused: u32,
    /// Who complained, ascending.
    pub(crate) accusers: Vec<u32>,
}

/// Volumes of message bodies, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bytes {
    /// From the clients to the coordinator.
    pub(crate) up: u64,
    /// From the coordinator to the clients.
    pub(crate) down: u64,
}

/// Wall-clock seconds of a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoundSeconds {
    /// Local training, summed over participants (more than `total` when several train at once); `null` when the
    /// participants are elsewhere and did not say.
    pub(crate) training: Option<f64>,
    /// Turning updates into messages, masks included, summed over participants; `null` as for `training`.
    pub(crate) encoding: Option<f64>,
    /// Checking and adding updates, and making the next model.
    pub(crate) aggregating: f64,
    /// Judging the new model on the test rows; 0 when it was not judged.
    pub(crate) evaluating: f64,
    /// From the selection of the cohort to the end of the evaluation.
    pub(crate) total: f64,
}
