//! The JSON messages.

use super::{HexDigest, LeaseToken, Token};
use crate::identity::IdentityKey;
use crate::privacy::{Clip, Ledger};
use crate::secagg::Stage;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What anybody may know of a federation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FederationState {
    /// Its name, from the plan.
    pub name: String,
    /// The resolved plan, as TOML: every participant works by it.
    pub plan: String,
    /// The SHA-256 of that text.
    pub plan_sha256: HexDigest,
    /// What the federation waits for.
    pub phase: PhaseName,
    /// The round that is open, or the last one that was.
    pub round: u32,
    /// How many rounds there are.
    pub rounds: u32,
    /// How many clients have enrolled.
    pub enrolled: u32,
    /// How many must have before the first round opens.
    pub wait_for: u32,
    /// How many can.
    pub places: u32,
    /// The current model.
    pub model_sha256: HexDigest,
}

/// The name of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    /// Waiting for clients to enrol.
    Gathering,
    /// A round is open.
    Collecting,
    /// The model is final.
    Finished,
}

/// A client asks to be enrolled, and signs that with the key. The same key again gives the same answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The client's public key.
    pub key: IdentityKey,
    /// The place it wants, from 1: the number of its partition. Any place if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u32>,
    /// The one-time token by which it is invited, if it needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

/// The client is enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The number by which the federation knows it, from 1.
    pub client: u32,
    /// The plan by which the federation works.
    pub plan_sha256: HexDigest,
}

/// A client that has enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolledClient {
    /// Its number, from 1.
    pub client: u32,
    /// Its public key.
    pub key: IdentityKey,
    /// Whether it has been shut out.
    #[serde(default)]
    pub revoked: bool,
}

/// "Is there anything for me?"
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckIn {
    /// Who asks.
    pub client: u32,
}

/// What there is for a client that checked in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum CheckInAnswer {
    /// Train this model and send the update for this round.
    Train {
        /// The round, from 1.
        round: u32,
        /// The model to start from.
        model_sha256: HexDigest,
        /// How long the round will still wait.
        milliseconds_left: u64,
        /// For how long the client has the task.
        lease: TaskLease,
        /// The clip of the round, where the plan's adapts: the most that the update may measure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clip: Option<Clip>,
    },
    /// Do your part in a stage of a masked round; the first is to train this model and to advertise.
    Mask {
        /// The round, from 1.
        round: u32,
        /// The stage.
        stage: Stage,
        /// The model to start from.
        model_sha256: HexDigest,
        /// How long the stage will still wait.
        milliseconds_left: u64,
        /// For how long the client has the task.
        lease: TaskLease,
        /// The clip of the round, where the plan's adapts: the most that the update may measure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clip: Option<Clip>,
    },
    /// Nothing yet; ask again after the time in `Retry-After`.
    Wait,
    /// Nothing any more: this model is final.
    Finished {
        /// The final model.
        model_sha256: HexDigest,
    },
}

/// For how long a client has a task. Whoever asks again while that lasts gets the same lease; afterwards, the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskLease {
    /// What is shown with the update, or with the message of the stage.
    pub token: LeaseToken,
    /// How long it is good: what begins to arrive in that time is taken.
    pub milliseconds_left: u64,
}

/// A participant cannot take part in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decline {
    /// Why.
    pub reason: DeclineReason,
    /// Because of whom, where another participant of a masked round is the cause. It goes on record and has no
    /// consequence for the accused: it can be a lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accused: Option<u32>,
}

/// Why a participant cannot take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeclineReason {
    /// Its training gave NaN or infinity.
    Diverged,
    /// Its update does not fit the encoding.
    OutOfRange,
    /// By its own account of its privacy it must not train.
    Privacy,
    /// Its secrets of a masked round are gone, or it has answered in it before: it has left the round.
    Left,
    /// What it was sent in a masked round would harm it: it has left the round.
    Refused,
}

/// An update is counted, once. The same update again gives the same receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptMessage {
    /// The round in which it counts.
    pub round: u32,
    /// Who sent it.
    pub client: u32,
    /// Its weight in the mean.
    pub weight: u32,
    /// The SHA-256 of the body that was sent.
    pub update_sha256: HexDigest,
}

/// The message of a stage is taken, once. The same message again gives the same receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReceipt {
    /// The round.
    pub round: u32,
    /// The stage.
    pub stage: Stage,
    /// Who sent it.
    pub client: u32,
    /// The SHA-256 of the body that was sent.
    pub message_sha256: HexDigest,
}

/// How the masks of a round went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskedSummary {
    /// Who was missed at which stage, each at the first.
    pub missed: BTreeMap<Stage, BTreeSet<u32>>,
    /// Who came after the end of a stage, while the round was open.
    pub late: BTreeMap<Stage, BTreeSet<u32>>,
    /// Who sent another message for a stage than its first, which counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repeated: BTreeMap<Stage, BTreeSet<u32>>,
    /// Who gave a wrong share of whose secret: the holders, by owner. The holder altered it, or the owner dealt it so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub altered: BTreeMap<u32, BTreeSet<u32>>,
    /// Who left the round because of whom: the accusers, by the accused. A complaint can be a lie.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub complaints: BTreeMap<u32, BTreeSet<u32>>,
    /// Why nothing was released, if nothing was: then what was acknowledged is in no sum.
    pub failure: Option<String>,
}

/// What a federation has spent of its privacy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrivacyState {
    /// What was spent by all rounds that have been opened.
    pub epsilon: f64,
    /// The probability with which that may fail.
    pub delta: f64,
    /// The epsilon that is never passed, if there is one.
    pub target_epsilon: Option<f64>,
    /// How many releases were made: rounds that were opened, or steps of local training where single examples are protected.
    pub releases: u64,
    /// Whether the federation ended because the next round would have passed the target.
    pub exhausted: bool,
    /// Who must be trusted for it.
    pub trusted: String,
    /// The most that an update may measure, in the round that is open or was the last.
    pub clip: f64,
    /// The standard deviation of the noise over the sensitivity.
    pub noise_multiplier: f64,
    /// Every release, as the accountant takes it.
    pub ledger: Ledger,
}

/// A round that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundSummary {
    /// Its number, from 1.
    pub round: u32,
    /// When it was opened, in milliseconds since the Unix epoch.
    pub opened: u64,
    /// When it was closed, in milliseconds since the Unix epoch.
    pub closed: u64,
    /// The clients that were asked. This list and the three that follow are empty where a promise of privacy rests on
    /// nobody knowing who takes part.
    pub cohort: Vec<u32>,
    /// Those whose update counts.
    pub contributed: Vec<u32>,
    /// Those that could not take part.
    pub declined: Vec<u32>,
    /// Those that came too late.
    pub late: Vec<u32>,
    /// How it ended.
    pub outcome: RoundOutcome,
    /// The epsilon spent by its end, where privacy is promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// The most that an update could measure, where privacy is promised and the round was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// How its masks went, if it had any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<MaskedSummary>,
    /// The model after it.
    pub model_sha256: HexDigest,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RoundOutcome {
    /// Its sum made a new model.
    Released {
        /// The mean training loss of its participants; none where privacy is promised.
        train_loss: Option<f64>,
    },
    /// It had too few contributions; nothing was released.
    Abandoned {
        /// How many it needed.
        minimum: u32,
    },
}
