//! What every run says of itself.

use crate::cli::Over;
use crate::document::origin::{DataIdentity, Origin, PlanIdentity, Transport};
use crate::report::{ClientLabels, LabelDistribution};
use crate::setting::Prepared;
use privet_core::data;
use privet_core::nn::Examples;
use std::time::SystemTime;

/// Which privet, plan and data a run is of.
pub(crate) fn origin(prepared: &Prepared, started: SystemTime, over: Over, threads: usize) -> Origin {
    let Prepared { plan, split, .. } = prepared;
    let dataset = split.train.dataset();
    let attribution = dataset
        .attribution()
        .map(|credit| format!("{} {} {}", credit.citation, credit.licence, credit.changes).trim().to_owned());
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
            name: dataset.name().to_owned(),
            attribution,
            training_rows: split.train.len() as u64,
            test_rows: split.test.len() as u64,
        },
        clients: plan.clients(),
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
