//! What `/metrics` says: figures in Prometheus' text format.

use crate::service::Service;
use crate::store::{ROUND_SECONDS, Spending, Standing, Store, StoreError, Totals};
use privet_core::protocol::PhaseName;
use privet_core::secagg::Stage as MaskStage;
use std::fmt::{Display, Write};

/// All figures of a service.
pub(super) async fn text<S: Store>(service: &Service<S>) -> Result<String, StoreError> {
    let store = service.store();
    let Standing { phase, round, enrolled, .. } = store.standing().await?;
    let totals = store.totals().await?;
    let mut page = Page::default();

    page.head("privet_phase", "gauge", "What the federation waits for: 1 for the phase that it is in.");
    for (name, one) in [
        ("gathering", PhaseName::Gathering),
        ("collecting", PhaseName::Collecting),
        ("finished", PhaseName::Finished),
    ] {
        page.line("privet_phase", &[("phase", name)], u8::from(phase == one));
    }
    page.single("privet_round", "gauge", "The round that is open, or the last one that was.", round);
    let planned = service.charter().rules.rounds;
    page.single("privet_rounds_planned", "gauge", "How many rounds the plan has.", planned);
    page.single("privet_clients_enrolled", "gauge", "How many clients have enrolled.", enrolled);

    page.head("privet_rounds_total", "counter", "Rounds that are over, by how they ended.");
    page.line("privet_rounds_total", &[("outcome", "released")], totals.released);
    page.line("privet_rounds_total", &[("outcome", "abandoned")], totals.abandoned);
    page.durations("privet_round_seconds", "How long rounds were open.", &totals);

    if service.charter().rules.masking.is_some() {
        page.head(
            "privet_missed_total",
            "counter",
            "Participants of masked rounds that are over, by the stage that missed them.",
        );
        for stage in MaskStage::ALL {
            let missed = totals.missed.get(&stage).copied().unwrap_or(0);
            page.line("privet_missed_total", &[("stage", stage.name())], missed);
        }
    }
    if let Some(Spending { ledger, epsilon, .. }) = store.spending().await? {
        page.single("privet_epsilon", "gauge", "What has been spent of the privacy.", epsilon);
        if let Some(target) = ledger.target() {
            page.single("privet_epsilon_target", "gauge", "The epsilon that is never passed.", target);
        }
    }

    let requests = service.meter().requests();
    page.head(
        "privet_requests_total",
        "counter",
        "Requests by method, address and result, `ok` or the name of a problem.",
    );
    for (key, count) in &requests {
        page.line("privet_requests_total", &key.labels(), count.number);
    }
    page.head("privet_request_seconds_total", "counter", "How long requests took together, by the same.");
    for (key, count) in &requests {
        page.line("privet_request_seconds_total", &key.labels(), count.time.as_secs_f64());
    }
    let traffic = service.journal().all_traffic();
    page.head(
        "privet_vector_bytes_total",
        "counter",
        "Bytes of updates and messages of masked rounds that arrived, and of models and stages that were sent.",
    );
    page.line("privet_vector_bytes_total", &[("direction", "up")], traffic.up);
    page.line("privet_vector_bytes_total", &[("direction", "down")], traffic.down);
    page.single("privet_requests_in_flight", "gauge", "Requests under way.", service.in_flight());
    let queued = store.queued();
    page.single("privet_store_queue", "gauge", "Transactions that wait to be carried out.", queued);
    Ok(page.0)
}

/// A page of figures.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Labels are words of ours: nothing in them has to be escaped.
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    /// How many rounds were open as long as each bound or shorter.
    fn durations(&mut self, name: &str, help: &str, totals: &Totals) {
        self.head(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, within) in ROUND_SECONDS.iter().zip(totals.within) {
            self.line(&bucket, &[("le", &bound.to_string())], within);
        }
        self.line(&bucket, &[("le", "+Inf")], totals.rounds());
        self.line(&format!("{name}_sum"), &[], totals.milliseconds as f64 / 1e3);
        self.line(&format!("{name}_count"), &[], totals.rounds());
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }
}
