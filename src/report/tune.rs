//! The report of `privet tune`.

use super::ReportError;
use super::charts::{Bar, bars};
use super::figures::{figure, numbers};
use super::page::Page;
use super::palette::{FIRST, MUTED, SECOND};
use crate::document::estimate::{Estimate, Interval};
use crate::document::tune::{TunedCandidate, Tuning};
use crate::quantity;
use maud::{Markup, html};
use plotters::style::RGBColor;

/// Candidates in the table and the charts; the document has all of them.
const MOST_SHOWN: usize = 30;

/// The page of a search. `plan` is the best plan, resolved, as TOML.
///
/// # Errors
/// A chart could not be drawn, which no input should bring about.
pub(crate) fn tune(tuning: &Tuning, plan: &str) -> Result<String, ReportError> {
    let shown = &tuning.candidates[..tuning.candidates.len().min(MOST_SHOWN)];
    let contents = html! {
        section { h2 { "The candidates" } (candidates(tuning, shown)) }
        section {
            h2 { "How far they are apart" }
            div.figures { (accuracies(tuning, shown)?) (losses(tuning, shown)?) (times(tuning, shown)?) }
        }
    };
    let page = Page {
        command: "privet tune",
        origin: &tuning.origin,
        headline: headline(tuning),
        facts: vec![
            ("seed", tuning.seed.to_string()),
            ("training", tuning.regime.clone()),
            ("folds", tuning.folds.to_string()),
            ("candidates", tried(tuning)),
            ("time", quantity::seconds(tuning.seconds)),
        ],
        plan,
        contents,
    };
    Ok(page.render())
}

fn tried(tuning: &Tuning) -> String {
    let tried = tuning.candidates.len();
    let written = quantity::count(tried as u64);
    match tuning.combinations {
        Some(all) if all == tried => written,
        Some(all) => format!("{written} of {} combinations, drawn at random", quantity::count(all as u64)),
        None => format!("{written}, drawn at random"),
    }
}

fn headline(tuning: &Tuning) -> String {
    let Some(best) = tuning.candidates.first() else { return "Nothing was tried.".to_owned() };
    let reached = match (&best.validation_accuracy, &best.validation_loss) {
        (Some(accuracy), _) => {
            format!("{} % validation accuracy", quantity::percent_with_interval(accuracy.interval()))
        }
        (None, Some(loss)) => format!("a validation loss of {}", quantity::with_interval(loss.interval(), 4)),
        (None, None) => "nothing".to_owned(),
    };
    format!(
        "The best of {} is {}, with {reached}.",
        quantity::count(tuning.candidates.len() as u64),
        name(tuning, best)
    )
}

/// `training.learning-rate = 0.1, model.hidden = [32]`.
fn name(tuning: &Tuning, candidate: &TunedCandidate) -> String {
    let pairs = tuning.keys.iter().zip(&candidate.values);
    pairs.map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ")
}

fn candidates(tuning: &Tuning, shown: &[TunedCandidate]) -> Markup {
    let of = |measure: &Option<Estimate>, write: fn(Interval) -> String| {
        measure.as_ref().map_or_else(|| "–".to_owned(), |estimate| write(estimate.interval()))
    };
    html! {
        div.scroll {
            table.answer {
                thead {
                    tr {
                        th scope="col" { "" }
                        @for key in &tuning.keys { th scope="col" { (key) } }
                        th scope="col" { "validation accuracy, %" }
                        th scope="col" { "validation loss" }
                        th scope="col" { "time of a fold" }
                    }
                }
                tbody {
                    @for (at, candidate) in shown.iter().enumerate() {
                        tr {
                            th scope="row" { (at + 1) }
                            @for value in &candidate.values { td { (value) } }
                            @match &candidate.failure {
                                Some(failure) => { td.words colspan="2" { (failure) } }
                                None => {
                                    td { (of(&candidate.validation_accuracy, quantity::percent_with_interval)) }
                                    td { (of(&candidate.validation_loss, |loss| quantity::with_interval(loss, 4))) }
                                }
                            }
                            td { (quantity::seconds(candidate.seconds)) }
                        }
                    }
                }
            }
        }
        p.note { (note(tuning, shown.len())) }
    }
}

fn note(tuning: &Tuning, shown: usize) -> String {
    let left_out = match tuning.candidates.len() - shown {
        0 => String::new(),
        more => format!(" The {} behind them are in summary.json.", quantity::count(more as u64)),
    };
    format!(
        "Means over {} folds of the training rows, each judged by a model that was trained without it; the test rows \
         were not looked at. Behind ± is half of Student's 95 % interval over the folds, which share training rows: \
         take it for the spread, not for a test. The best of many candidates looks better than it is.{left_out}",
        tuning.folds
    )
}

fn accuracies(tuning: &Tuning, shown: &[TunedCandidate]) -> Result<Markup, ReportError> {
    let measure = |candidate: &TunedCandidate| {
        let interval = candidate.validation_accuracy.as_ref()?.interval();
        Some((interval.mean, format!("{} %", quantity::percent(interval.mean))))
    };
    chart("Validation accuracy", "Higher is better.", tuning, shown, FIRST, measure)
}

fn losses(tuning: &Tuning, shown: &[TunedCandidate]) -> Result<Markup, ReportError> {
    let measure = |candidate: &TunedCandidate| {
        let mean = candidate.validation_loss.as_ref()?.mean;
        Some((mean, format!("{mean:.4}")))
    };
    chart("Validation loss", "Lower is better.", tuning, shown, SECOND, measure)
}

fn times(tuning: &Tuning, shown: &[TunedCandidate]) -> Result<Markup, ReportError> {
    let measure =
        |candidate: &TunedCandidate| Some((candidate.seconds, quantity::seconds(candidate.seconds)));
    chart(
        "Time of a fold",
        "Of one training run on one thread, beside others.",
        tuning,
        shown,
        MUTED,
        measure,
    )
}

/// One bar a candidate, the best on top; nothing where no candidate has the measure.
fn chart(
    title: &str,
    sentence: &str,
    tuning: &Tuning,
    shown: &[TunedCandidate],
    colour: RGBColor,
    measure: impl Fn(&TunedCandidate) -> Option<(f64, String)>,
) -> Result<Markup, ReportError> {
    let bar = |(at, candidate): (usize, &TunedCandidate)| {
        let (value, written) = measure(candidate)?;
        // The keys are the same for all: the values tell candidates apart.
        Some(Bar { name: format!("{}: {}", at + 1, candidate.values.join(", ")), value, written, colour })
    };
    let rows: Vec<Bar> = shown.iter().enumerate().filter_map(bar).collect();
    if rows.is_empty() {
        return Ok(html! {});
    }
    let sentence = format!("{sentence} Values are of {}.", tuning.keys.join(", "));
    let svg = bars(title, &sentence, &rows)?;
    let table =
        numbers(&["candidate", title], rows.iter().map(|bar| [bar.name.clone(), bar.written.clone()]));
    Ok(figure(title, &html! {}, &svg, &sentence, &table))
}
