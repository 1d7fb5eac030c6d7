//! The report of `privet simulate`, and of a coordinator.

use super::ReportError;
use super::charts::{LineChart, Point, Series};
use super::explanation;
use super::figures::{bytes_tick, curves, percent_tick, plain_tick};
use super::labels::{LabelDistribution, distribution};
use super::page::Page;
use super::palette::{FIRST, SECOND, SERIES};
use crate::document::round::Round;
use crate::document::simulate::Simulation;
use crate::metrics;
use crate::quantity;
use crate::unprotected;
use maud::{Markup, html};
use plotters::style::RGBColor;

/// The page of one federated run. `labels` is who holds what, if that is known; `plan` is the resolved plan as TOML.
///
/// # Errors
/// A chart could not be drawn, which no input should bring about.
pub(crate) fn simulate(
    simulation: &Simulation,
    labels: Option<&LabelDistribution>,
    plan: &str,
) -> Result<String, ReportError> {
    let labels = labels.map(distribution).transpose()?.flatten();
    let explanation = simulation.explanation.as_ref().map(explanation::charts).transpose()?;
    let rounds = &simulation.rounds;
    let contents = html! {
        section { h2 { "The way there" } div.figures { (accuracy(rounds)?) (loss(rounds)?) } }
        section { h2 { "What it cost" } div.figures { (seconds(rounds)?) (traffic(rounds)?) (epsilon(rounds)?) } }
        @if simulation.privacy.is_some() {
            section { h2 { "Clip and noise" } div.figures { (clip(simulation)?) (signal(rounds)?) (cut(simulation)?) } }
        }
        @if let Some(explanation) = explanation {
            section { h2 { "What the model goes by" } div.figures { (explanation) } }
        }
        @if let Some(labels) = labels { section { h2 { "Who holds what" } div.figures { (labels) } } }
    };
    let page = Page {
        command: "federated run",
        origin: &simulation.origin,
        headline: headline(simulation),
        facts: facts(simulation),
        plan,
        contents,
    };
    Ok(page.render())
}

fn headline(simulation: &Simulation) -> String {
    let outcome = &simulation.outcome;
    let reached = match (outcome.test_accuracy, outcome.test_loss) {
        (Some(accuracy), _) => format!("reached {} % test accuracy", quantity::percent(accuracy)),
        (None, Some(loss)) => format!("reached a test loss of {loss:.4}"),
        (None, None) => "trained a model".to_owned(),
    };
    let rounds = simulation.rounds.len() as u64;
    format!(
        "{} clients {reached} together in {} round{}, in {}.",
        quantity::count(simulation.origin.clients.into()),
        quantity::count(rounds),
        if rounds == 1 { "" } else { "s" },
        quantity::seconds(simulation.seconds.total)
    )
}

fn facts(simulation: &Simulation) -> Vec<(&'static str, String)> {
    let sum = |count: fn(&Round) -> u64| quantity::count(simulation.rounds.iter().map(count).sum());
    let per_round = simulation.seconds.per_round_median.map_or_else(|| "–".to_owned(), quantity::seconds);
    let mut facts = privacy_facts(simulation);
    facts.extend([
        ("seed", simulation.seed.to_string()),
        ("rounds", quantity::count(simulation.rounds.len() as u64)),
        ("final test loss", quantity::loss(simulation.outcome.test_loss)),
    ]);
    facts.extend(simulation.outcome.metrics.iter().flat_map(metrics::figures));
    facts.extend([
        ("time a round (median)", per_round),
        ("clients selected, over all rounds", sum(selected)),
        ("… that contributed", sum(|round| round.contributed.into())),
        ("… that declined", sum(|round| round.declined.into())),
        ("… that came too late", sum(|round| round.late.into())),
        ("sent by clients", quantity::bytes(simulation.bytes.up)),
        ("received by clients", quantity::bytes(simulation.bytes.down)),
        ("model SHA-256", simulation.outcome.model_sha256.clone()),
    ]);
    facts
}

/// Also where the list of them is kept back.
fn selected(round: &Round) -> u64 {
    u64::from(round.contributed) + u64::from(round.declined) + u64::from(round.late)
}

fn privacy_facts(simulation: &Simulation) -> Vec<(&'static str, String)> {
    let Some(privacy) = &simulation.privacy else { return Vec::new() };
    let mut facts = vec![
        ("privacy spent", format!("epsilon = {:.3} at delta = {:e}", privacy.epsilon, privacy.delta)),
        ("… for each", privacy.unit.clone()),
        ("… trusting", privacy.trusted.clone()),
        ("noise multiplier", privacy.noise_multiplier.to_string()),
    ];
    let rounds = &simulation.rounds;
    let clips: Vec<f64> = rounds.iter().filter_map(|round| round.clip).collect();
    let adapts = rounds.iter().any(|round| round.within_clip.is_some());
    facts.push(match (clips.first(), clips.last()) {
        (Some(first), Some(last)) if adapts => ("clip", format!("{first:.4}, at the end {last:.4}")),
        _ => ("clip", privacy.clip.to_string()),
    });
    if let Some(deviation) = rounds.iter().rev().find_map(|round| round.noise_deviation) {
        facts.push(("noise in a coordinate of the mean", format!("{deviation:.3e} (standard deviation)")));
    }
    if !privacy.guarantee {
        facts.insert(0, ("no guarantee", crate::noise::NO_GUARANTEE.to_owned()));
    }
    if privacy.exhausted {
        facts.push(("stopped", "before the round that would have passed the target epsilon".to_owned()));
    }
    facts.extend(unprotected::figures(simulation));
    facts
}

fn epsilon(rounds: &[Round]) -> Result<Markup, ReportError> {
    by_round(
        "Privacy spent",
        "Epsilon by the end of each round, at the plan's delta.",
        PLAIN,
        vec![series("epsilon", FIRST, rounds, |round| round.epsilon)],
        |point| format!("{:.4}", point.y),
    )
}

/// What is said of figures that no noise hides.
const UNPROTECTED: &str = "Only a simulation knows this: it is computed on the simulated clients' rows without noise, and no promise covers it.";

fn clip(simulation: &Simulation) -> Result<Markup, ReportError> {
    let rounds = &simulation.rounds;
    let by_example = unprotected::protects_examples(simulation);
    let what = if by_example { "gradients" } else { "updates" };
    let median = series("median norm", SECOND, rounds, |round| Some(round.unprotected?.median_norm));
    let known = !median.points.is_empty();
    let description = match known {
        true => format!("The clip, and the median norm of {what} before it. Of the median: {UNPROTECTED}"),
        false if by_example => {
            "The most that the gradient of one example could measure in each step.".to_owned()
        }
        false => "The most that an update could measure in each round.".to_owned(),
    };
    let clip = series("clip", FIRST, rounds, |round| round.clip);
    let norms = format!("Clip and norms of {what}");
    by_round(if known { &norms } else { "Clip" }, &description, PLAIN, [clip, median].into(), |point| {
        format!("{:.4}", point.y)
    })
}

fn signal(rounds: &[Round]) -> Result<Markup, ReportError> {
    by_round(
        "Signal to noise",
        "Norm of the mean update over that of its noise, told from the noised mean: it costs nothing more.",
        PLAIN,
        vec![series("signal to noise", FIRST, rounds, |round| round.signal_to_noise)],
        |point| format!("{:.3}", point.y),
    )
}

fn cut(simulation: &Simulation) -> Result<Markup, ReportError> {
    let rounds = &simulation.rounds;
    let (title, what) = match unprotected::protects_examples(simulation) {
        true => ("Gradients cut", "gradients of examples"),
        false => ("Updates cut", "updates"),
    };
    let told = series("told by noised votes", FIRST, rounds, |round| Some(1.0 - round.within_clip?));
    let exact = series("exactly", SECOND, rounds, |round| Some(round.unprotected?.clipped));
    let description = match exact.points.is_empty() {
        true => "Share of updates longer than the clip, told by noised votes.".to_owned(),
        false => format!("Share of {what} longer than the clip. {UNPROTECTED}"),
    };
    by_round(title, &description, SHARE, [told, exact].into(), |point| {
        format!("{} %", quantity::percent(point.y))
    })
}

fn accuracy(rounds: &[Round]) -> Result<Markup, ReportError> {
    by_round(
        "Test accuracy",
        "The global model after each round, on the fixed test rows.",
        SHARE,
        vec![series("test", FIRST, rounds, |round| round.test_accuracy)],
        |point| format!("{} %", quantity::percent(point.y)),
    )
}

fn loss(rounds: &[Round]) -> Result<Markup, ReportError> {
    by_round(
        "Loss",
        "On the test rows, and what the participants saw while they trained.",
        PLAIN,
        vec![
            series("test", FIRST, rounds, |round| round.test_loss),
            series("training", SECOND, rounds, |round| round.train_loss),
        ],
        |point| format!("{:.4}", point.y),
    )
}

fn seconds(rounds: &[Round]) -> Result<Markup, ReportError> {
    type Phase = fn(&Round) -> Option<f64>;
    let phases: [(&str, Phase); 5] = [
        ("whole round", |round| Some(round.seconds.total)),
        ("training", |round| round.seconds.training),
        ("encoding", |round| round.seconds.encoding),
        ("aggregating", |round| Some(round.seconds.aggregating)),
        ("evaluating", |round| Some(round.seconds.evaluating)),
    ];
    let lines =
        phases.into_iter().zip(SERIES).map(|((name, phase), colour)| series(name, colour, rounds, phase));
    by_round(
        "Seconds a round",
        "Training and encoding are summed over participants, who may work at the same time.",
        PLAIN,
        lines.collect(),
        |point| quantity::seconds(point.y),
    )
}

fn traffic(rounds: &[Round]) -> Result<Markup, ReportError> {
    let running = |name: &str, colour, volume: fn(&Round) -> u64| {
        let mut total = 0;
        let points = rounds.iter().map(|round| {
            total += volume(round);
            Point { x: round.round.into(), y: total as f64, half: None }
        });
        Series { name: name.to_owned(), colour, points: points.collect() }
    };
    by_round(
        "Traffic so far",
        "Message bodies of all clients together.",
        BYTES,
        vec![
            running("sent by clients", FIRST, |round| round.bytes.up),
            running("received by clients", SECOND, |round| round.bytes.down),
        ],
        |point| quantity::bytes(point.y as u64),
    )
}

/// The vertical axis of a chart: how its ticks are written, and what it never leaves.
type Axis = (fn(f64, f64) -> String, (f64, f64));
const SHARE: Axis = (percent_tick, (0.0, 1.0));
const PLAIN: Axis = (plain_tick, (0.0, f64::INFINITY));
const BYTES: Axis = (bytes_tick, (0.0, f64::INFINITY));

/// A chart over the rounds of those series of which something is known; `write` turns a value into the text of its cell.
fn by_round(
    title: &str,
    description: &str,
    (y_tick, (least, most)): Axis,
    series: Vec<Series>,
    write: fn(&Point) -> String,
) -> Result<Markup, ReportError> {
    let series = series.into_iter().filter(|series| !series.points.is_empty()).collect();
    let chart = LineChart { title, description, x_label: "round", y_tick, y_limits: least..most, series };
    curves(&chart, write)
}

fn series(name: &str, colour: RGBColor, rounds: &[Round], measure: impl Fn(&Round) -> Option<f64>) -> Series {
    let point = |round: &Round| measure(round).map(|y| Point { x: round.round.into(), y, half: None });
    Series { name: name.to_owned(), colour, points: rounds.iter().filter_map(point).collect() }
}
