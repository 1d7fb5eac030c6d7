//! Epsilon over the rounds, as a file of its own.

use super::PrivacyError;
use crate::error::CommandError;
use crate::report;
use privet_core::privacy::Event;
use privet_core::privacy::accounting::Accountant;
use std::fs;
use std::path::Path;

/// How many points the curve has at most: each asks the accountant once.
const POINTS: u64 = 25;

/// Draws what 1, 2, ... times the event cost, up to its own count.
pub(super) fn write(path: &Path, event: Event, delta: f64) -> Result<(), CommandError> {
    let kind = path.extension().and_then(|kind| kind.to_str());
    let chart = match kind {
        Some("svg") => report::Chart::Svg,
        Some("html") => report::Chart::Html,
        _ => return Err(PrivacyError::ChartKind(path.to_owned()).into()),
    };
    let mut accountant = Accountant::default();
    let counts = counts(event.count());
    let points = counts.into_iter().map(|count| {
        let event = event.repeated(count).map_err(PrivacyError::from)?;
        let (epsilon, _) = accountant.epsilon(&[event], delta).map_err(PrivacyError::from)?;
        Ok((count as f64, epsilon))
    });
    let points = points.collect::<Result<Vec<_>, PrivacyError>>()?;
    let text = report::epsilon_over_rounds(&points, delta, chart)?;
    fs::write(path, text).map_err(|source| CommandError::Write { path: path.to_owned(), source })
}

/// From 1 to `last`, evenly spread.
fn counts(last: u64) -> Vec<u64> {
    let mut counts: Vec<u64> = (0..POINTS).map(|at| 1 + (last - 1) * at / (POINTS - 1)).collect();
    counts.dedup();
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_begins_with_one_round_and_ends_with_all() {
        assert_eq!(counts(1), [1]);
        assert_eq!(counts(3), [1, 2, 3]);
        let many = counts(10_000);
        assert_eq!((many[0], many[many.len() - 1], many.len()), (1, 10_000, POINTS as usize));
    }
}
