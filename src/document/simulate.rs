//! The document of `privet simulate`, and the `summary.json` of a coordinator: one federated run.

use super::explanation::Explanation;
use super::metrics::Metrics;
use super::origin::Origin;
use super::round::{Bytes, Round};
use serde::{Deserialize, Serialize};

/// One federated run from its first round to its last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Simulation {
    /// Which privet, plan and data.
    #[serde(flatten)]
    pub(crate) origin: Origin,
    /// The seed everything random was drawn from.
    pub(crate) seed: u64,
    /// The model at the end.
    #[serde(rename = "final")]
    pub(crate) outcome: Outcome,
    /// How long it took.
    pub(crate) seconds: RunSeconds,
    /// Message bodies of the whole run, all clients together.
    pub(crate) bytes: Bytes,
    /// What is promised and was spent; left out of a run that promises no privacy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) privacy: Option<Privacy>,
    /// The rounds in order, as in `metrics.jsonl`.
    pub(crate) rounds: Vec<Round>,
    /// What the final model goes by; left out where features have no names, and by a coordinator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) explanation: Option<Explanation>,
}

/// The promise of a private run, and what of it was spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Privacy {
    /// Whom the promise is made to: `client` or `example`.
    pub(crate) unit: String,
    /// Who must be trusted for it.
    pub(crate) trusted: String,
    /// What was spent, all rounds together.
    pub(crate) epsilon: f64,
    /// The probability with which the promise may fail.
    pub(crate) delta: f64,
    /// The epsilon that is never passed; `null` without one.
    pub(crate) target_epsilon: Option<f64>,
    /// Standard deviation of the noise over the sensitivity.
    pub(crate) noise_multiplier: f64,
    /// The most that an update may measure, or the gradient of one example; of the first round, if it adapts.
    pub(crate) clip: f64,
    /// Whether the promise holds: not if the noise was drawn from a seed that somebody knows.
    pub(crate) guarantee: bool,
    /// Whether the run ended because the next round would have passed the target.
    pub(crate) exhausted: bool,
}

/// The model after the last round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Fraction of test rows classified rightly; `null` for a regression.
    pub(crate) test_accuracy: Option<f64>,
    /// Mean loss over the test rows; `null` when there are none to judge by.
    pub(crate) test_loss: Option<f64>,
    /// The rest of what `privet evaluate` tells of the model on the test rows; left out when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<Metrics>,
    /// SHA-256 of `model.safetensors`, lower-case hexadecimal.
    pub(crate) model_sha256: String,
}

/// Wall-clock seconds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunSeconds {
    /// All rounds, loading of the data excluded.
    pub(crate) total: f64,
    /// Median over the rounds' `seconds.total`; `null` without a round.
    pub(crate) per_round_median: Option<f64>,
}

impl RunSeconds {
    /// The given total, and the median of the rounds.
    pub(crate) fn of(total: f64, rounds: &[Round]) -> RunSeconds {
        RunSeconds {
            total,
            per_round_median: median(rounds.iter().map(|round| round.seconds.total).collect()),
        }
    }
}

impl Bytes {
    /// Sum over the rounds.
    pub(crate) fn of(rounds: &[Round]) -> Bytes {
        rounds.iter().fold(Bytes::default(), |sum, round| Bytes {
            up: sum.up + round.bytes.up,
            down: sum.down + round.bytes.down,
        })
    }
}

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[upper]),
        _ => Some((values[upper - 1] + values[upper]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_odd_even_and_no_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
