//! The document of `privet compare`: what federated learning costs in accuracy, time and traffic.

use super::estimate::{Estimate, Interval};
use super::explanation::Explanation;
use super::origin::Origin;
use serde::{Deserialize, Serialize};

/// Name of the row of the model trained on the pooled rows of all clients.
pub(crate) const CENTRALIZED: &str = "centralized";
/// Name of the row of the models each client trains on its own rows; measures are means over the clients.
pub(crate) const LOCAL_ONLY: &str = "local-only";
/// Name of the row of the federated model.
pub(crate) const FEDERATED: &str = "federated";

/// What a private variant adds to the name of its row, by whom the promise is made to.
pub(crate) fn private_name(regime: &str, unit: &str, target: Option<f64>) -> String {
    let promise = target.map_or_else(String::new, |target| format!(", epsilon {target}"));
    format!("{regime} + {unit}-level DP{promise}")
}

/// All regimes on the same data, from the same initial model, at the same budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// Which privet, plan and data.
    #[serde(flatten)]
    pub(crate) origin: Origin,
    /// The seeds; one run of every regime each.
    pub(crate) seeds: Vec<u64>,
    /// Rounds of the federated run.
    pub(crate) rounds: u32,
    /// Example-gradients each regime was given in one run, over all its clients together.
    pub(crate) budget: u64,
    /// One regime each, the centralized baseline first.
    pub(crate) rows: Vec<Regime>,
    /// What the federated model of the first seed goes by; left out where features have no names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) explanation: Option<Explanation>,
}

impl Comparison {
    /// The row of that name.
    pub(crate) fn row(&self, name: &str) -> Option<&Regime> {
        self.rows.iter().find(|row| row.name == name)
    }
}

/// One way to learn from the data, and how well it did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Regime {
    /// `centralized`, `local-only`, `federated`, one of them with `+ ...` for a protected variant, or a name of the plan's own.
    pub(crate) name: String,
    /// Fraction of test rows classified rightly; `null` for a regression.
    pub(crate) test_accuracy: Option<Estimate>,
    /// Mean loss over the test rows.
    pub(crate) test_loss: Estimate,
    /// Wall-clock seconds of one run, mean over seeds.
    pub(crate) seconds: f64,
    /// Bytes all clients together sent in one run, mean over seeds; 0 where nothing travels.
    pub(crate) bytes_up: u64,
    /// Bytes all clients together received in one run, mean over seeds.
    pub(crate) bytes_down: u64,
    /// The way there, from the initial model to the final one; examples ascend.
    pub(crate) curve: Vec<CurvePoint>,
    /// Whom privacy is promised to, `client` or `example`; left out of a regime that promises none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    /// The privacy loss spent; left out of a regime that promises none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) epsilon: Option<f64>,
    /// The probability the promise of `epsilon` is allowed to fail with; left out together with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delta: Option<f64>,
    /// Who must be trusted for the promise to hold; left out together with `epsilon`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trusted: Option<String>,
}

/// How good a regime's model was after part of the budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CurvePoint {
    /// Example-gradients spent so far; for `local-only` by all clients together.
    pub(crate) examples: u64,
    /// The round just finished; left out of regimes without rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) round: Option<u32>,
    /// Test accuracy as in the row; `null` for a regression.
    pub(crate) test_accuracy: Option<Interval>,
    /// Test loss as in the row.
    pub(crate) test_loss: Interval,
}
