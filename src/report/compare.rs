//! The report of `privet compare`.

use super::ReportError;
use super::charts::{Bar, LineChart, Point, Series, bars, line_swatch, lines};
use super::explanation;
use super::figures::{curves, figure, numbers, percent_tick, plain_tick};
use super::headline;
use super::labels::{LabelDistribution, distribution};
use super::page::Page;
use super::palette;
use crate::document::compare::{CENTRALIZED, Comparison, CurvePoint, Regime};
use crate::document::estimate::Interval;
use crate::quantity;
use maud::{Markup, html};
use plotters::style::RGBColor;

/// The page of a comparison. `labels` is who holds what (of the first seed), if that is known; `plan` is the resolved
/// plan as TOML.
///
/// # Errors
/// A chart could not be drawn, which no input should bring about.
pub(crate) fn compare(
    comparison: &Comparison,
    labels: Option<&LabelDistribution>,
    plan: &str,
) -> Result<String, ReportError> {
    let colours = palette::of_regimes(comparison.rows.iter().map(|row| row.name.as_str()));
    let seeds = comparison.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let labels = labels.map(distribution).transpose()?.flatten();
    let explanation = comparison.explanation.as_ref().map(explanation::charts).transpose()?;
    let contents = html! {
        section { h2 { "The answer" } (answer(comparison, &colours)) }
        section {
            h2 { "The way there" }
            div.figures { (accuracy_curves(comparison, &colours)?) (loss_curves(comparison, &colours)?) }
        }
        @if let Some(chart) = accuracy_by_epsilon(comparison)? { section { h2 { "What privacy costs" } div.figures { (chart) } } }
        section { h2 { "What it cost" } div.figures { (time(comparison, &colours)?) (traffic(comparison, &colours)?) } }
        @if let Some(explanation) = explanation {
            section { h2 { "What the model goes by" } div.figures { (explanation) } }
        }
        @if let Some(labels) = labels { section { h2 { "Who holds what" } div.figures { (labels) } } }
    };
    let page = Page {
        command: "privet compare",
        origin: &comparison.origin,
        headline: headline::of_comparison(comparison),
        facts: vec![
            ("seeds", seeds),
            ("rounds", quantity::count(comparison.rounds.into())),
            (
                "budget",
                format!(
                    "{} example-gradients in each run of each regime",
                    quantity::count(comparison.budget)
                ),
            ),
        ],
        plan,
        contents,
    };
    Ok(page.render())
}

fn answer(comparison: &Comparison, colours: &[RGBColor]) -> Markup {
    let classifies = comparison.rows.iter().any(|row| row.test_accuracy.is_some());
    let private = comparison.rows.iter().any(|row| row.epsilon.is_some());
    let centralized = comparison.row(CENTRALIZED);
    let against = |row: &Regime| {
        centralized
            .filter(|centralized| centralized.name != row.name)
            .and_then(|other| row.test_accuracy.as_ref()?.above(other.test_accuracy.as_ref()?))
    };
    html! {
        div.scroll {
            table.answer {
                thead {
                    tr {
                        th scope="col" { "regime" }
                        @if classifies { th scope="col" { "test accuracy, %" } th scope="col" { "against centralized, points" } }
                        th scope="col" { "test loss" }
                        th scope="col" { "time" }
                        th scope="col" { "sent" }
                        th scope="col" { "received" }
                        @if private { th scope="col" { "ε at δ" } th scope="col" { "protects" } th scope="col" { "trusted" } }
                    }
                }
                tbody {
                    @for (row, colour) in comparison.rows.iter().zip(colours) {
                        tr {
                            th scope="row" { (line_swatch(*colour)) (row.name) }
                            @if classifies {
                                td { (or_dash(row.test_accuracy.as_ref().map(|a| quantity::percent_with_interval(a.interval())))) }
                                td { (or_dash(against(row).map(quantity::percent_with_interval))) }
                            }
                            td { (quantity::with_interval(row.test_loss.interval(), 4)) }
                            td { (quantity::seconds(row.seconds)) }
                            td { (or_dash((row.bytes_up > 0).then(|| quantity::bytes(row.bytes_up)))) }
                            td { (or_dash((row.bytes_down > 0).then(|| quantity::bytes(row.bytes_down)))) }
                            @if private {
                                td { (or_dash(promise(row))) }
                                td.words { (or_dash(row.unit.as_ref().map(|unit| format!("each {unit}")))) }
                                td.words { (or_dash(row.trusted.clone())) }
                            }
                        }
                    }
                }
            }
        }
        p.note { (spread_note(comparison.seeds.len())) }
    }
}

fn spread_note(seeds: usize) -> String {
    let same = "Every regime began with the same model and was given the same number of example-gradients.";
    let local = "Measures of local-only are means over the clients. Time and bytes are of one run.";
    if seeds < 2 {
        return format!("{same} One seed says nothing of the spread, so there are no intervals. {local}");
    }
    format!(
        "{same} Behind ± is half the 95 % confidence interval of the mean over {seeds} seeds (Student's t); \
         differences are taken seed by seed. {local}"
    )
}

/// Test accuracy against epsilon, over the rows that promise privacy; nothing if there are none. An epsilon says nothing
/// without the unit it is promised to, so that every unit has a line of its own, and the pooled rows theirs.
fn accuracy_by_epsilon(comparison: &Comparison) -> Result<Option<Markup>, ReportError> {
    let mut promises: Vec<(String, Vec<Point>)> = Vec::new();
    for row in &comparison.rows {
        let (Some(accuracy), Some(epsilon), Some(unit)) = (&row.test_accuracy, row.epsilon, &row.unit) else {
            continue;
        };
        let pooled = row.curve.iter().all(|point| point.round.is_none());
        let name = format!("{unit}-level{}", if pooled { ", pooled" } else { "" });
        let Interval { mean, ci95 } = accuracy.interval();
        let point = Point { x: epsilon, y: mean, half: ci95 };
        match promises.iter_mut().find(|(other, _)| *other == name) {
            Some((_, points)) => points.push(point),
            None => promises.push((name, vec![point])),
        }
    }
    promises.iter_mut().for_each(|(_, points)| points.sort_by(|a, b| a.x.total_cmp(&b.x)));
    let (title, description) = (
        "Accuracy against epsilon",
        "The private regimes at the end of their run, by whom the promise is made to: the less may be told of \
        anybody, the smaller epsilon.",
    );
    let colours = || palette::SERIES.into_iter();
    let series = promises.iter().zip(colours()).map(|((name, points), colour)| Series {
        name: name.clone(),
        colour,
        points: points.clone(),
    });
    let chart = LineChart {
        title,
        description,
        x_label: "epsilon",
        y_tick: percent_tick,
        y_limits: 0.0..1.0,
        series: series.collect(),
    };
    let Some(svg) = lines(&chart)? else { return Ok(None) };
    let cells = promises.iter().flat_map(|(name, points)| points.iter().map(move |point| (name, point)));
    let cells = cells.map(|(name, point)| {
        let interval = Interval { mean: point.y, ci95: point.half };
        [name.clone(), format!("{:.3}", point.x), quantity::percent_with_interval(interval)]
    });
    let table = numbers(&["promise", "epsilon", "test accuracy, %"], cells);
    let legend = html! {
        @for ((name, _), colour) in promises.iter().zip(colours()) { span.key { (line_swatch(colour)) (name) } }
    };
    Ok(Some(figure(title, &legend, &svg, description, &table)))
}

fn accuracy_curves(comparison: &Comparison, colours: &[RGBColor]) -> Result<Markup, ReportError> {
    let chart = LineChart {
        title: "Test accuracy",
        description: &curve_sentence(comparison, "Higher is better."),
        x_label: "example-gradients",
        y_tick: percent_tick,
        y_limits: 0.0..1.0,
        series: series(comparison, colours, |point| point.test_accuracy),
    };
    curves(&chart, |point| quantity::percent_with_interval(interval(point)) + " %")
}

fn loss_curves(comparison: &Comparison, colours: &[RGBColor]) -> Result<Markup, ReportError> {
    let chart = LineChart {
        title: "Test loss",
        description: &curve_sentence(comparison, "Lower is better."),
        x_label: "example-gradients",
        y_tick: plain_tick,
        y_limits: 0.0..f64::INFINITY,
        series: series(comparison, colours, |point| Some(point.test_loss)),
    };
    curves(&chart, |point| quantity::with_interval(interval(point), 4))
}

fn curve_sentence(comparison: &Comparison, better: &str) -> String {
    let rounds = quantity::count(comparison.rounds.into());
    let bands = if comparison.seeds.len() > 1 { " Bands are 95 % confidence intervals." } else { "" };
    format!("{better}{bands} The whole width is the common budget, {rounds} rounds of the federated run.")
}

fn series(
    comparison: &Comparison,
    colours: &[RGBColor],
    measure: impl Fn(&CurvePoint) -> Option<Interval>,
) -> Vec<Series> {
    let point = |point: &CurvePoint| {
        measure(point).map(|Interval { mean, ci95 }| Point { x: point.examples as f64, y: mean, half: ci95 })
    };
    let rows = comparison.rows.iter().zip(colours);
    rows.map(|(row, colour)| Series {
        name: row.name.clone(),
        colour: *colour,
        points: row.curve.iter().filter_map(point).collect(),
    })
    .collect()
}

fn time(comparison: &Comparison, colours: &[RGBColor]) -> Result<Markup, ReportError> {
    let rows = comparison.rows.iter().zip(colours).map(|(row, colour)| Bar {
        name: row.name.clone(),
        value: row.seconds,
        written: quantity::seconds(row.seconds),
        colour: *colour,
    });
    bar_figure("Time of one run", "Wall-clock time on this machine, mean over the seeds.", rows.collect())
}

fn traffic(comparison: &Comparison, colours: &[RGBColor]) -> Result<Markup, ReportError> {
    let rows = comparison.rows.iter().zip(colours).flat_map(|(row, colour)| {
        let directions = [("sent", row.bytes_up), ("received", row.bytes_down)];
        directions.into_iter().filter(|(_, bytes)| *bytes > 0).map(|(direction, bytes)| Bar {
            name: format!("{}, {direction}", row.name),
            value: bytes as f64,
            written: quantity::bytes(bytes),
            colour: *colour,
        })
    });
    let sentence =
        "Message bodies of all clients together in one run. Regimes that send nothing are left out.";
    bar_figure("Traffic of one run", sentence, rows.collect())
}

fn bar_figure(title: &str, sentence: &str, rows: Vec<Bar>) -> Result<Markup, ReportError> {
    if rows.is_empty() {
        return Ok(html! {});
    }
    let chart = bars(title, sentence, &rows)?;
    let table = numbers(&["", title], rows.iter().map(|bar| [bar.name.clone(), bar.written.clone()]));
    Ok(figure(title, &html! {}, &chart, sentence, &table))
}

fn interval(point: &Point) -> Interval {
    Interval { mean: point.y, ci95: point.half }
}

/// `4.00 at 1e-5`.
fn promise(row: &Regime) -> Option<String> {
    let epsilon = row.epsilon?;
    Some(match row.delta {
        Some(delta) => format!("{epsilon:.2} at {delta:.0e}"),
        None => format!("{epsilon:.2}"),
    })
}

fn or_dash(cell: Option<String>) -> String {
    cell.unwrap_or_else(|| "–".to_owned())
}
