//! The document of `privet tune`: which values of a plan do best on rows held back from training.

use super::estimate::Estimate;
use super::origin::Origin;
use serde::{Deserialize, Serialize};

/// All candidates, judged by cross-validation on the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tuning {
    /// Which privet, plan and data. The plan is the one that the search began from.
    #[serde(flatten)]
    pub(crate) origin: Origin,
    /// The seed everything random was drawn from.
    pub(crate) seed: u64,
    /// `federated` or `centralized`.
    pub(crate) regime: String,
    /// How many folds the training rows were divided into.
    pub(crate) folds: u32,
    /// How many combinations there are; more than candidates in a random search, `null` where a key has a range.
    pub(crate) combinations: Option<usize>,
    /// The keys that vary, as `section.key`.
    pub(crate) keys: Vec<String>,
    /// Wall-clock seconds of the whole search.
    pub(crate) seconds: f64,
    /// The candidates, the best first.
    pub(crate) candidates: Vec<TunedCandidate>,
}

/// One combination of values, and how well it did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TunedCandidate {
    /// The values as TOML, in the order of the document's `keys`.
    pub(crate) values: Vec<String>,
    /// SHA-256 of the resolved plan with these values, lower-case hexadecimal.
    pub(crate) plan_sha256: String,
    /// Fraction of held-back rows classified rightly; `null` for a regression and for a candidate that failed.
    pub(crate) validation_accuracy: Option<Estimate>,
    /// Mean loss over the held-back rows; `null` for a candidate that failed.
    pub(crate) validation_loss: Option<Estimate>,
    /// Seconds of one fold, on one thread, mean over folds.
    pub(crate) seconds: f64,
    /// Why a fold could not be trained; left out where all could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

impl TunedCandidate {
    /// What candidates are ordered by, the best the least: failures last, then by accuracy, then by loss.
    pub(crate) fn rank(&self) -> (bool, f64, f64) {
        let mean = |estimate: &Option<Estimate>| estimate.as_ref().map_or(f64::INFINITY, |e| e.mean);
        let accuracy = self.validation_accuracy.as_ref().map_or(0.0, |accuracy| accuracy.mean);
        (self.failure.is_some(), -accuracy, mean(&self.validation_loss))
    }
}
