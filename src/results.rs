//! What every run says of itself.

use crate::cli::Over;
use crate::document::metrics::Metrics;
use crate::document::origin::{DataIdentity, Origin, PlanIdentity, Transport};
use crate::document::round::{Bytes, Round};
use crate::document::simulate::{Outcome, Privacy, RunSeconds, Simulation};
use crate::noise::NO_GUARANTEE;
use crate::progress::Progress;
use crate::report::{ClientLabels, LabelDistribution};
use crate::run_directory::RunDirectory;
use privet_core::data::{self, Attribution, Shard};
use privet_core::nn::Examples;
use privet_core::plan::Plan;
use privet_core::protocol::HexDigest;
use privet_core::random::Seed;
use std::time::SystemTime;

/// Which privet, plan and data a run is of. `train` and `test` are the rows that this process can see.
pub(crate) fn origin(
    plan: &Plan,
    (train, test): (Option<&Shard>, Option<&Shard>),
    started: SystemTime,
    over: Over,
    threads: usize,
) -> Origin {
    let dataset = train.or(test).map(Shard::dataset);
    let rows = |shard: Option<&Shard>| shard.map_or(0, |shard| shard.len() as u64);
    Origin {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: humantime::format_rfc3339_seconds(started).to_string(),
        over: match over {
            Over::Memory => Transport::Memory,
            Over::Http => Transport::Http,
        },
        threads,
        plan: PlanIdentity { name: plan.name().to_owned(), sha256: plan.digest().to_string() },
        data: DataIdentity {
            name: dataset.map_or_else(|| "the clients' own".to_owned(), |dataset| dataset.name().to_owned()),
            attribution: dataset.and_then(|dataset| dataset.attribution()).map(credit),
            training_rows: rows(train),
            test_rows: rows(test),
        },
        clients: plan.clients(),
    }
}

fn credit(credit: &Attribution) -> String {
    format!("{} {} {}", credit.citation, credit.licence, credit.changes).trim().to_owned()
}

/// The document of one federated run, which ended with that model file and these metrics of it.
pub(crate) fn simulation(
    origin: Origin,
    seed: Seed,
    (model, metrics): (&[u8], Option<Metrics>),
    seconds: f64,
    rounds: Vec<Round>,
    privacy: Option<Privacy>,
) -> Simulation {
    let last = rounds.iter().rev().find(|round| round.test_loss.is_some());
    Simulation {
        origin,
        seed: seed.0,
        outcome: Outcome {
            test_accuracy: last.and_then(|round| round.test_accuracy),
            test_loss: last.and_then(|round| round.test_loss),
            metrics,
            model_sha256: HexDigest::of(model).to_string(),
        },
        seconds: RunSeconds::of(seconds, &rounds),
        bytes: Bytes::of(&rounds),
        privacy,
        rounds,
        explanation: None,
    }
}

/// What a run promises and has spent, `epsilon`, if its plan promises privacy.
pub(crate) fn privacy(
    plan: &Plan,
    epsilon: f64,
    noise_seed: Option<u64>,
    exhausted: bool,
) -> Option<Privacy> {
    let protection = plan.protection()?;
    Some(Privacy {
        unit: protection.unit().to_owned(),
        trusted: protection.trusted().to_owned(),
        epsilon,
        delta: protection.delta(),
        target_epsilon: protection.target(),
        noise_multiplier: protection.noise_multiplier(),
        clip: protection.clip().norm(),
        guarantee: noise_seed.is_none(),
        exhausted,
    })
}

/// Says on the way what a user of a private run must know.
pub(crate) fn note_privacy(document: &Simulation, progress: &Progress) {
    let Some(privacy) = &document.privacy else { return };
    if !privacy.guarantee {
        progress.note(&format!("warning: {NO_GUARANTEE}"));
    }
    if privacy.exhausted {
        let target = privacy.target_epsilon.unwrap_or(privacy.epsilon);
        let rounds = document.rounds.len();
        progress.note(&format!(
            "stopped after round {rounds}: the next one would pass the target epsilon {target}"
        ));
    }
}

/// Says where an earlier run went that stood in the way.
pub(crate) fn note_set_aside(directory: &RunDirectory, progress: &Progress) {
    if let Some(earlier) = directory.set_aside() {
        progress.note(&format!("the earlier run is now {}", earlier.display()));
    }
}

/// Who holds which labels, for the report.
pub(crate) fn labels(distribution: data::LabelDistribution) -> LabelDistribution {
    let data::LabelDistribution { classes, clients, rows, counts } = distribution;
    let clients = clients
        .into_iter()
        .zip(rows)
        .zip(counts)
        .map(|((name, rows), labels)| ClientLabels { name, rows, labels })
        .collect();
    LabelDistribution { labels: classes, clients }
}
