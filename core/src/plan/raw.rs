//! A plan as typed: what the file says, with every default filled in, and nothing checked yet.

use super::SamplingRule;
use super::search::TuneSection;
use crate::data::{DataConfig, PartitionConfig};
use crate::encoding::Rounding;
use crate::nn::{ModelConfig, TrainingConfig};
use serde::{Deserialize, Serialize};

/// A plan as typed. [`super::Plan`] is the checked one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawPlan {
    /// What federation it is.
    #[serde(default)]
    pub federation: FederationSection,
    /// The rows.
    pub data: DataConfig,
    /// Which client has which rows.
    #[serde(default)]
    pub partition: PartitionConfig,
    /// The network.
    #[serde(default)]
    pub model: ModelConfig,
    /// What a participant does in a round.
    #[serde(default)]
    pub training: TrainingConfig,
    /// Who takes part in a round, and how long it waits.
    #[serde(default)]
    pub cohort: CohortSection,
    /// How updates become the next model.
    #[serde(default)]
    pub aggregation: AggregationSection,
    /// The grid on which updates are written.
    #[serde(default)]
    pub encoding: EncodingSection,
    /// What a search over this plan tries. Read, but never written: it is no part of what the federation is.
    #[serde(default, skip_serializing)]
    pub tune: TuneSection,
    /// What is promised about privacy; nothing if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<PrivacySection>,
    /// How updates are hidden from the coordinator; they are not if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure_aggregation: Option<SecureAggregationSection>,
    /// What a comparison shows besides; nothing if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<CompareSection>,
}

/// `[federation]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FederationSection {
    /// Its name, for reports and folders.
    pub name: String,
    /// The seed of everything random but secrets and noise.
    pub seed: u64,
    /// How many rounds there are: 1 or more.
    pub rounds: u32,
}

/// `[cohort]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CohortSection {
    /// How clients are drawn.
    pub sampling: SamplingRule,
    /// The client fraction `C`: in (0, 1].
    pub fraction: f64,
    /// How many clients are asked for each contribution that is wanted: in [1, 10].
    pub over_selection: f64,
    /// How many contributions a round needs at the least: 1 or more, or 0 where the coordinator adds noise.
    pub minimum: u32,
    /// How many seconds a round waits for its cohort: 1 or more.
    pub deadline_seconds: u64,
    /// How many clients must have enrolled before the first round; all of them if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_for: Option<u32>,
}

/// `[aggregation]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AggregationSection {
    /// How the mean update becomes the next model.
    pub strategy: StrategyName,
    /// What an update weighs in the mean.
    pub weights: WeightsName,
    /// The largest weight of one update; with weights by examples only. As large as sums allow if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_cap: Option<u32>,
    /// How far the model goes in the direction of the mean update: above 0.
    pub server_learning_rate: f64,
}

/// The strategies by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrategyName {
    /// FederatedAveraging, McMahan et al. 2017.
    FederatedAveraging,
}

/// The rules for weights by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightsName {
    /// The number of the participant's examples.
    Examples,
    /// 1.
    Uniform,
}

/// `[privacy]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PrivacySection {
    /// Whom the promise is made to.
    #[serde(default)]
    pub unit: UnitName,
    /// Who adds the noise.
    #[serde(default)]
    pub noise_at: NoiseAtName,
    /// The clip: the most that an update may measure (L2), above 0. What is longer is shortened to it.
    pub clip: f64,
    /// The probability with which the promise may fail: in (0, 1), and well below 1 over the number of clients.
    pub delta: f64,
    /// The standard deviation of the noise over the sensitivity. Found from the target if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_multiplier: Option<f64>,
    /// The epsilon that must not be passed: the federation stops before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_epsilon: Option<f64>,
    /// How many participants' shares carry the whole noise; the minimum of a round if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_shares: Option<u32>,
    /// How many rows a client usually holds, which is public: where single examples are protected, `batch-size` over it is
    /// the rate at which each is drawn. The mean over the clients if left out, where the rows are at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_per_client: Option<u32>,
}

/// Whom a promise is made to, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitName {
    /// A client with all its rows.
    #[default]
    Client,
    /// A single row of a client.
    Example,
}

/// Who adds the noise, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseAtName {
    /// The coordinator, to the sum.
    #[default]
    Coordinator,
    /// The participants, in shares.
    Clients,
    /// Each participant for itself.
    Local,
}

/// `[secure-aggregation]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SecureAggregationSection {
    /// Which part of a cohort may work together against the others: in [0, 1).
    pub adversarial_fraction: f64,
    /// Which part of a cohort may vanish on the way: in [0, 1).
    pub dropout_fraction: f64,
    /// What the coordinator may do.
    pub coordinator: AdversaryName,
    /// How many seconds a stage waits: 1 or more. The first, in which participants train, waits for
    /// `cohort.deadline-seconds`.
    pub stage_seconds: u64,
    /// How many bits a coordinate has on its way: 16 to 32, or 64. As few as the sum allows if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
}

/// What a coordinator may do, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdversaryName {
    /// It follows the protocol, and looks at all that it sees.
    Curious,
    /// It may lie about who dropped out.
    Lying,
}

/// `[compare]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CompareSection {
    /// The target epsilons of the private rows, one row each: the promise of `[privacy]` with the noise that the target
    /// asks for.
    pub target_epsilons: Vec<f64>,
}

/// `[encoding]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct EncodingSection {
    /// A step of the grid is `2^-fraction_bits`: in [8, 30].
    pub fraction_bits: u32,
    /// How a coordinate between two steps is written.
    pub rounding: Rounding,
    /// The largest magnitude of a coordinate of an update: above 0. As large as the grid allows if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest: Option<f64>,
}

impl Default for FederationSection {
    fn default() -> Self {
        FederationSection { name: "federation".into(), seed: 1, rounds: 20 }
    }
}

impl Default for CohortSection {
    fn default() -> Self {
        CohortSection {
            sampling: SamplingRule::Fixed,
            fraction: 1.0,
            over_selection: 1.0,
            minimum: 1,
            deadline_seconds: 600,
            wait_for: None,
        }
    }
}

impl Default for AggregationSection {
    fn default() -> Self {
        AggregationSection {
            strategy: StrategyName::FederatedAveraging,
            weights: WeightsName::Examples,
            weight_cap: None,
            server_learning_rate: 1.0,
        }
    }
}

impl Default for SecureAggregationSection {
    fn default() -> Self {
        SecureAggregationSection {
            adversarial_fraction: 0.1,
            dropout_fraction: 0.1,
            coordinator: AdversaryName::Lying,
            stage_seconds: 60,
            bits: None,
        }
    }
}

impl Default for EncodingSection {
    /// Steps of 6e-8 and values up to 128: as fine as `f32` near 1.
    fn default() -> Self {
        EncodingSection { fraction_bits: 24, rounding: Rounding::Nearest, largest: None }
    }
}
