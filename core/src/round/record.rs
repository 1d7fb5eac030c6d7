//! What remains of a round.

use super::Timestamp;
use crate::protocol::HexDigest;
use crate::secagg::{Altered, Missing, Stage};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An update that has been counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// The weight it has in the mean.
    pub weight: u32,
    /// The digest of the body that brought it; none in a simulation, where nothing is sent, nor sent twice.
    pub digest: Option<HexDigest>,
}

/// What a participant gets for an update: it is counted, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The round in which it counts.
    pub round: u32,
    /// The client that sent it.
    pub client: u32,
    /// What is counted.
    pub contribution: Contribution,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its sum was released and made the next model.
    Released {
        /// The weight of all contributions together.
        weight: u64,
        /// The weighted mean of the participants' training losses; none where privacy is promised, which keeps
        /// them at home.
        train_loss: Option<f64>,
    },
    /// It had too few contributions, or its masks could not be taken off: nothing was released and the model stayed.
    Abandoned {
        /// How many contributions the plan asks for at the least.
        minimum: u32,
    },
}

/// The record of a round that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// Its number, from 1.
    pub round: u32,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it was closed.
    pub closed: Timestamp,
    /// The clients that were asked.
    pub cohort: BTreeSet<u32>,
    /// The updates that were counted, by client.
    pub contributions: BTreeMap<u32, Contribution>,
    /// The clients that said they could not take part.
    pub declined: BTreeSet<u32>,
    /// The clients whose update came after the end. In a masked round those that were missed at a stage before: who was not
    /// sends again what it had sent in time. Empty when a round closes: whoever keeps records learns of them afterwards.
    pub late: BTreeSet<u32>,
    /// How it ended.
    pub outcome: Outcome,
    /// The epsilon spent by its end, where privacy is promised.
    #[serde(default)]
    pub epsilon: Option<f64>,
    /// What a released round tells of its privacy, where that is promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Diagnostics>,
    /// How the masks went, if there were any: then nobody knows what one update weighs, and `contributions` is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<MaskedRecord>,
}

/// What a private round tells of itself. All of it follows from the plan and from what the round released with noise, so
/// that it costs nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// The clip: the most that an update could measure, or, where single examples are protected, the gradient of one.
    pub clip: f64,
    /// The standard deviation of the noise in each coordinate of the mean update, or, where single examples are
    /// protected, of the mean gradient of a step.
    pub noise_deviation: f64,
    /// The norm of the mean update over that of its noise, as the noised mean tells of it: 0 where it is lost in the
    /// noise. None where single examples are protected: what their noise adds up to in a model, no formula says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal_to_noise: Option<f64>,
    /// The share of updates within the clip, as the noised votes tell of it; none where the clip does not adapt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_clip: Option<f64>,
}

/// What remains of the masks of a round. It names clients, and holds nothing of what they sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MaskedRecord {
    /// Whose masked inputs had arrived: they are in the released sum, or in nothing if the round failed.
    pub inputs: BTreeSet<u32>,
    /// Who was missed at which stage, each at the first.
    pub missed: BTreeMap<Stage, BTreeSet<u32>>,
    /// Who came after the end of a stage, while the round was open.
    pub late: BTreeMap<Stage, BTreeSet<u32>>,
    /// Who sent another message for a stage than its first, which counts.
    #[serde(default, skip_serializing_if = "Missing::is_empty")]
    pub repeated: Missing,
    /// Who gave a wrong share of whose secret: the holders, by owner. The holder altered it, or the owner dealt it so.
    #[serde(default, skip_serializing_if = "Altered::is_empty")]
    pub altered: Altered,
    /// Who left the round because of whom: the accusers, by the accused. A complaint can be a lie, and has no
    /// consequence.
    #[serde(default, skip_serializing_if = "Complaints::is_empty")]
    pub complaints: Complaints,
    /// Why nothing was released, if nothing was.
    pub failure: Option<String>,
}

/// Who left a masked round because of whom: the accusers, by the accused.
pub type Complaints = BTreeMap<u32, BTreeSet<u32>>;

impl RoundRecord {
    /// Those whose update was counted: it is in the sum, if that was released.
    pub fn contributors(&self) -> Vec<u32> {
        match &self.masked {
            Some(masked) => masked.inputs.iter().copied().collect(),
            None => self.contributions.keys().copied().collect(),
        }
    }

    /// The receipt of a client whose update was counted.
    pub fn receipt(&self, client: u32) -> Option<Receipt> {
        let contribution = *self.contributions.get(&client)?;
        Some(Receipt { round: self.round, client, contribution })
    }
}
