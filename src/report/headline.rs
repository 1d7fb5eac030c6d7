//! The answer, in one sentence.

use crate::document::compare::{CENTRALIZED, Comparison, FEDERATED, LOCAL_ONLY, Regime};
use crate::document::estimate::Interval;
use crate::quantity;

/// What federated learning cost and what it gained; the number of seeds decides how sure the words are.
pub(super) fn of_comparison(comparison: &Comparison) -> String {
    let row = |name| comparison.row(name);
    let (Some(federated), Some(centralized)) = (row(FEDERATED), row(CENTRALIZED)) else {
        return format!("{} ways to learn from the same data, at the same budget.", comparison.rows.len());
    };
    let accuracy = |regime: &Regime| regime.test_accuracy.as_ref().map(|accuracy| accuracy.interval());
    match (accuracy(federated), accuracy(centralized)) {
        (Some(reached), Some(pooled)) => {
            let mut sentence = format!(
                "Federated learning reached {} % test accuracy, {} training on the pooled rows ({} %)",
                quantity::percent_with_interval(reached),
                distance(accuracy_above(federated, centralized)),
                quantity::percent_with_interval(pooled)
            );
            if let Some(alone) = row(LOCAL_ONLY)
                && let Some(reached_alone) = accuracy(alone)
            {
                sentence += &format!(
                    " and {} what a client reaches alone ({} %)",
                    distance(accuracy_above(federated, alone)),
                    quantity::percent_with_interval(reached_alone)
                );
            }
            sentence + "."
        }
        _ => format!(
            "Federated learning reached a test loss of {}, where training on the pooled rows reached {}.",
            quantity::with_interval(federated.test_loss.interval(), 4),
            quantity::with_interval(centralized.test_loss.interval(), 4)
        ),
    }
}

fn accuracy_above(regime: &Regime, other: &Regime) -> Option<Interval> {
    regime.test_accuracy.as_ref()?.above(other.test_accuracy.as_ref()?)
}

/// "2.50 ± 0.10 points below", or that the seeds cannot tell.
fn distance(above: Option<Interval>) -> String {
    let Some(Interval { mean, ci95 }) = above else { return "against".to_owned() };
    if ci95.is_some_and(|half| half >= mean.abs()) {
        return "within the spread of the seeds of".to_owned();
    }
    let size = quantity::percent_with_interval(Interval { mean: mean.abs(), ci95 });
    format!("{size} points {}", if mean < 0.0 { "below" } else { "above" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::estimate::Estimate;
    use crate::document::sample;

    #[test]
    fn the_sentence_gives_both_distances() {
        assert_eq!(
            of_comparison(&sample::comparison()),
            "Federated learning reached 92.50 ± 6.21 % test accuracy, 2.50 ± 0.00 points below training on the \
             pooled rows (95.00 ± 6.21 %) and 12.50 ± 0.00 points above what a client reaches alone (80.00 ± 6.21 %)."
        );
    }

    #[test]
    fn a_difference_the_seeds_cannot_tell_is_not_claimed() {
        let mut comparison = sample::comparison();
        comparison.rows[2].test_accuracy = Estimate::of(vec![0.99, 0.94, 0.93]);
        let sentence = of_comparison(&comparison);
        assert!(
            sentence.contains("within the spread of the seeds of training on the pooled rows"),
            "{sentence}"
        );
    }

    #[test]
    fn a_regression_is_told_by_its_loss() {
        let mut comparison = sample::comparison();
        comparison.rows.iter_mut().for_each(|row| row.test_accuracy = None);
        assert!(of_comparison(&comparison).contains("test loss of 0.2500 ± 0.6210"));
    }
}
