//! The tables a person finds on standard output when a run is done.

use crate::document::compare::{CENTRALIZED, Comparison, Regime};
use crate::document::estimate::Estimate;
use crate::document::evaluate::ModelEvaluation;
use crate::document::model::ModelDescription;
use crate::document::privacy::Privacy;
use crate::document::simulate::Simulation;
use crate::document::tune::Tuning;
use crate::metrics;
use crate::quantity;
use crate::unprotected;
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

/// One row a regime: test accuracy in percent with its 95 % interval, the distance from the centralized model in
/// percentage points (paired by seed), test loss, time and bytes of one run. A regression has no accuracy, and its
/// loss stands in the first place, with its interval. Columns nobody fills are left out, so that the table of a
/// classification fits into 80 characters.
pub(crate) fn comparison(comparison: &Comparison) -> String {
    let centralized = comparison.row(CENTRALIZED);
    let classifies = comparison.rows.iter().any(|row| row.test_accuracy.is_some());
    let private = comparison.rows.iter().any(|row| row.epsilon.is_some());

    let mut header = vec![""];
    if classifies {
        header.extend(["accuracy %", "vs centralized"]);
    }
    header.push("loss");
    if !classifies {
        header.push("vs centralized");
    }
    header.extend(["time", "sent", "received"]);
    if private {
        header.extend(["epsilon", "delta", "unit", "trusted"]);
    }

    let rows =
        comparison.rows.iter().map(|row| {
            let mut cells = vec![row.name.clone()];
            if classifies {
                cells.push(row.test_accuracy.as_ref().map_or_else(String::new, |accuracy| {
                    quantity::percent_with_interval(accuracy.interval())
                }));
                cells.push(accuracy_distance(row, centralized));
            }
            if classifies {
                cells.push(format!("{:.4}", row.test_loss.mean));
            } else {
                cells.push(quantity::with_interval(row.test_loss.interval(), 4));
                cells.push(loss_distance(row, centralized));
            }
            cells.extend([quantity::seconds(row.seconds), traffic(row.bytes_up), traffic(row.bytes_down)]);
            if private {
                cells.push(row.epsilon.map_or_else(String::new, |epsilon| format!("{epsilon:.2}")));
                cells.push(row.delta.map_or_else(String::new, |delta| format!("{delta:.0e}")));
                cells.push(row.unit.clone().unwrap_or_default());
                cells.push(row.trusted.clone().unwrap_or_default());
            }
            cells
        });
    table(header, rows)
}

/// The end of one federated run.
pub(crate) fn simulation(simulation: &Simulation) -> String {
    let outcome = &simulation.outcome;
    let mut rows = Vec::new();
    if let Some(accuracy) = outcome.test_accuracy {
        rows.push(["test accuracy".to_owned(), format!("{} %", quantity::percent(accuracy))]);
    }
    let per_round = simulation.seconds.per_round_median.map_or_else(|| "-".to_owned(), quantity::seconds);
    rows.push(["test loss".to_owned(), quantity::loss(outcome.test_loss)]);
    let metrics = outcome.metrics.iter().flat_map(metrics::figures);
    rows.extend(metrics.map(|(name, figure)| [name.to_owned(), figure]));
    rows.extend([
        ["rounds".to_owned(), quantity::count(simulation.rounds.len() as u64)],
        ["clients".to_owned(), quantity::count(simulation.origin.clients.into())],
        ["time".to_owned(), quantity::seconds(simulation.seconds.total)],
        ["time a round (median)".to_owned(), per_round],
        ["sent".to_owned(), quantity::bytes(simulation.bytes.up)],
        ["received".to_owned(), quantity::bytes(simulation.bytes.down)],
        ["model sha256".to_owned(), outcome.model_sha256.clone()],
    ]);
    if let Some(privacy) = &simulation.privacy {
        let (epsilon, delta) = (privacy.epsilon, privacy.delta);
        let promise = match privacy.guarantee {
            true => format!("{epsilon:.2} at delta {delta:e}, for each {}", privacy.unit),
            false => "no guarantee: the noise was drawn from a given seed".to_owned(),
        };
        rows.push(["epsilon".to_owned(), promise]);
        rows.push(["trusted".to_owned(), privacy.trusted.clone()]);
    }
    rows.extend(unprotected::figures(simulation).into_iter().map(|(name, figure)| [name.to_owned(), figure]));
    table(Vec::new(), rows)
}

/// How good a model is: the whole first, then class by class, then the confusion matrix.
pub(crate) fn evaluation(evaluation: &ModelEvaluation) -> String {
    let mut whole = vec![
        ["rows".to_owned(), quantity::count(evaluation.rows)],
        ["loss".to_owned(), format!("{:.4}", evaluation.loss)],
    ];
    let accuracy = evaluation.classification.as_ref().map(|classification| classification.accuracy);
    whole.extend(accuracy.map(|share| ["accuracy".to_owned(), format!("{} %", quantity::percent(share))]));
    whole.extend(
        metrics::figures(&evaluation.metrics).into_iter().map(|(name, value)| [name.to_owned(), value]),
    );
    let Some(classification) = &evaluation.classification else {
        return table(Vec::new(), whole);
    };

    let share = |fraction: Option<f64>| fraction.map_or_else(|| "-".to_owned(), quantity::percent);
    let scores = classification.classes.iter().map(|score| {
        [score.class.clone(), quantity::count(score.rows), share(score.precision), share(score.recall)]
    });
    let mut header = vec!["actual \\ predicted"];
    header.extend(classification.classes.iter().map(|score| score.class.as_str()));
    let confusion = classification.classes.iter().zip(&classification.confusion).map(|(score, counts)| {
        let mut cells = vec![score.class.clone()];
        cells.extend(counts.iter().copied().map(quantity::count));
        cells
    });
    [
        table(Vec::new(), whole),
        table(vec!["class", "rows", "precision %", "recall %"], scores),
        table(header, confusion),
    ]
    .join("\n\n")
}

/// Which of its figures a document of `privet privacy` was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What rounds cost.
    Epsilon,
    /// The least noise.
    Noise,
    /// The most rounds.
    Rounds,
    /// The largest sampling rate.
    Sampling,
}

/// The answer of the accountants first, then what it answers, and epsilon by each of them; the one that counts is marked.
pub(crate) fn privacy(answer: Answer, document: &Privacy) -> String {
    let Privacy { noise_multiplier, rounds, target_epsilon, epsilon, bound, bounds, delta, release } =
        document;
    let row = |name: &str, value: String| [name.to_owned(), value];
    let mut rows = vec![match answer {
        Answer::Epsilon => row("epsilon", format!("{epsilon:.6}")),
        Answer::Noise => row("noise multiplier", format!("{noise_multiplier:.6}")),
        Answer::Rounds => row("rounds", quantity::count(*rounds)),
        Answer::Sampling => row("sampling rate q", rounded_down(release.q)),
    }];
    rows.extend(target_epsilon.map(|target| row("target epsilon", target.to_string())));
    if answer != Answer::Noise {
        rows.push(row("noise multiplier", noise_multiplier.to_string()));
    }
    if answer != Answer::Rounds {
        rows.push(row("rounds", quantity::count(*rounds)));
    }
    rows.extend([
        row("delta", delta.to_string()),
        row("mechanism", release.mechanism.clone()),
        row("sampling", format!("{}, rate {}", release.sampling, release.q)),
    ]);
    let by = bounds.rows().into_iter().map(|(name, epsilon)| {
        let epsilon = epsilon.map_or_else(|| "-".to_owned(), |epsilon| format!("{epsilon:.6}"));
        [name.to_owned(), epsilon, if name == bound { "counts" } else { "" }.to_owned()]
    });
    [table(Vec::new(), rows), table(vec!["accountant", "epsilon", ""], by)].join("\n\n")
}

/// Four digits of a rate that surely stay below it.
fn rounded_down(rate: f64) -> String {
    let digits = 10f64.powf(3.0 - rate.log10().floor());
    ((rate * digits).floor() / digits).to_string()
}

/// Candidates that a table shows at most.
const MOST_CANDIDATES: usize = 20;

/// One row a candidate, the best first, with the values of its keys.
pub(crate) fn tuning(tuning: &Tuning) -> String {
    let shown = &tuning.candidates[..tuning.candidates.len().min(MOST_CANDIDATES)];
    let classifies = tuning.candidates.iter().any(|candidate| candidate.validation_accuracy.is_some());
    let mut header = vec![""];
    header.extend(tuning.keys.iter().map(String::as_str));
    if classifies {
        header.push("accuracy %");
    }
    header.extend(["loss", "time of a fold"]);
    let rows = shown.iter().enumerate().map(|(at, candidate)| {
        let mut cells = vec![(at + 1).to_string()];
        cells.extend(candidate.values.iter().cloned());
        let accuracy = candidate.validation_accuracy.as_ref().map(Estimate::interval);
        let loss = candidate.validation_loss.as_ref().map(Estimate::interval);
        if classifies {
            cells.push(accuracy.map_or_else(|| "-".to_owned(), quantity::percent_with_interval));
        }
        cells.push(loss.map_or_else(|| "failed".to_owned(), |loss| quantity::with_interval(loss, 4)));
        cells.push(quantity::seconds(candidate.seconds));
        cells
    });
    let table = table(header, rows);
    match tuning.candidates.len() - shown.len() {
        0 => table,
        more => format!("{table}\nand {} more in summary.json", quantity::count(more as u64)),
    }
}

/// What is in a model file: the whole first, then layer by layer.
pub(crate) fn model(model: &ModelDescription) -> String {
    let whole = [
        ["model sha256".to_owned(), model.model_sha256.clone()],
        ["file".to_owned(), quantity::bytes(model.bytes)],
        ["inputs".to_owned(), quantity::count(model.inputs as u64)],
        ["outputs".to_owned(), outputs(model.outputs)],
        ["loss".to_owned(), model.loss.clone()],
        ["parameters".to_owned(), quantity::count(model.parameters as u64)],
    ];
    let layers = model.layers.iter().map(|layer| {
        [
            layer.number.to_string(),
            layer.kind.clone(),
            quantity::count(layer.inputs as u64),
            quantity::count(layer.outputs as u64),
            quantity::count(layer.parameters as u64),
        ]
    });
    [table(Vec::new(), whole), table(vec!["layer", "kind", "inputs", "outputs", "parameters"], layers)]
        .join("\n\n")
}

fn outputs(outputs: usize) -> String {
    match outputs {
        1 => "a number".to_owned(),
        classes => format!("{} classes", quantity::count(classes as u64)),
    }
}

/// A rule above, under the header and below; none between rows.
const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// The first column is left-aligned; under a header, where numbers are compared, the others are right-aligned.
fn table<Row: IntoIterator<Item = String>>(header: Vec<&str>, rows: impl IntoIterator<Item = Row>) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    let compares = !header.is_empty();
    if compares {
        table.set_header(header.into_iter().map(printable));
    }
    table.add_rows(
        rows.into_iter().map(|row| row.into_iter().map(|cell| printable(&cell)).collect::<Vec<_>>()),
    );
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if compares && index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Class names come from people's files: nothing in them may steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn accuracy_distance(row: &Regime, centralized: Option<&Regime>) -> String {
    let distance = centralized
        .filter(|centralized| centralized.name != row.name)
        .and_then(|centralized| row.test_accuracy.as_ref()?.above(centralized.test_accuracy.as_ref()?));
    distance.map_or_else(String::new, quantity::percent_with_interval)
}

fn loss_distance(row: &Regime, centralized: Option<&Regime>) -> String {
    let distance = centralized
        .filter(|centralized| centralized.name != row.name)
        .and_then(|centralized| row.test_loss.above(&centralized.test_loss));
    distance.map_or_else(String::new, |distance| quantity::with_interval(distance, 4))
}

/// Nothing rather than "0 B" where nothing travels.
fn traffic(bytes: u64) -> String {
    if bytes == 0 { "-".to_owned() } else { quantity::bytes(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::sample;

    /// The cells of the line that begins with that name.
    fn cells(table: &str, name: &str) -> Vec<String> {
        let begins = |line: &&str| line.trim_start().starts_with(name);
        let line = table.lines().find(begins).unwrap_or_else(|| panic!("no row {name} in\n{table}"));
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn a_comparison_shows_accuracy_distance_and_cost() {
        let table = comparison(&sample::comparison());
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        let federated = cells(&table, "federated");
        assert_eq!(
            federated,
            ["federated", "92.50 ± 6.21", "-2.50 ± 0.00", "0.2500", "6.00 s", "3.00 MB", "4.00 MB"]
        );
        let centralized = cells(&table, "centralized");
        assert_eq!(centralized.len(), 6, "no distance from itself: {centralized:?}");
        assert!(!table.contains("epsilon"), "nobody promised anything");
    }

    #[test]
    fn a_regression_is_compared_by_its_loss() {
        let mut document = sample::comparison();
        document.rows.iter_mut().for_each(|row| row.test_accuracy = None);
        let table = comparison(&document);
        assert!(!table.contains("accuracy"), "{table}");
        assert_eq!(cells(&table, "federated")[2], "0.0500 ± 0.0000", "{table}");
    }

    #[test]
    fn a_promise_is_shown_with_whom_it_trusts() {
        let mut document = sample::comparison();
        document.rows[2].epsilon = Some(3.0);
        document.rows[2].trusted = Some("the coordinator".into());
        let table = comparison(&document);
        assert!(cells(&table, "federated").ends_with(&["3.00".into(), "the coordinator".into()]), "{table}");
    }

    #[test]
    fn a_class_name_cannot_steer_the_terminal() {
        let mut document = sample::evaluation();
        document.classification.as_mut().unwrap().classes[0].class = "\u{1b}[2J\nbad".into();
        let table = evaluation(&document);
        assert!(!table.contains('\u{1b}') && table.contains("\u{fffd}[2J\u{fffd}bad"), "{table}");
    }

    #[test]
    fn a_search_shows_the_best_first_and_failures_as_such() {
        let table = tuning(&sample::tuning());
        assert!(table.contains("training.learning-rate"), "{table}");
        assert_eq!(cells(&table, "1")[..4], ["1", "0.1", "75.00 ± 158.83", "0.7500 ± 1.5883"]);
        assert_eq!(cells(&table, "2")[..4], ["2", "10.0", "-", "failed"]);
    }

    #[test]
    fn a_simulation_and_an_evaluation_show_their_figures() {
        let table = simulation(&sample::simulation());
        assert_eq!(cells(&table, "test accuracy"), ["test accuracy", "90.00 %"]);
        assert_eq!(cells(&table, "model sha256").len(), 2);
        let table = model(&sample::model());
        assert_eq!(cells(&table, "0"), ["0", "dense", "13", "64", "896"]);
        assert_eq!(cells(&table, "outputs"), ["outputs", "2 classes"]);
        let table = evaluation(&sample::evaluation());
        assert!(table.contains("accuracy") && table.contains("75.00 %"), "{table}");
        assert!(table.contains("actual \\ predicted"), "{table}");
    }
}
