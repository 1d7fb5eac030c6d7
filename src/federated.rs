//! One federated run, and the lines that it leaves.

use crate::cli::{Over, RunArgs};
use crate::document::round::{
    AlteredShares, Bytes, Complaint, Masked, Round, RoundSeconds, StageClients, Unprotected,
};
use crate::error::CommandError;
use crate::over_http;
use crate::setting::Setting;
use privet_core::nn;
use privet_core::params::Params;
use privet_core::participant::LocalTrainingError;
use privet_core::plan::{Plan, Protection};
use privet_core::round::{MaskedRecord, Outcome, RoundRecord};
use privet_core::secagg::Missing;
use privet_core::simulation::{Norms, RoundReport, Scores, Simulation};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

/// A federated run from its first model to its last.
pub(crate) struct FederatedRun {
    /// The file of the final model.
    pub(crate) model: Vec<u8>,
    /// The rounds, in their order.
    pub(crate) rounds: Vec<Round>,
    /// How many example-gradients had been computed by the end of each round.
    pub(crate) gradients: Vec<u64>,
    /// How long all rounds took, in seconds.
    pub(crate) seconds: f64,
    /// Whether it ended because the next round would have passed the plan's target epsilon.
    pub(crate) exhausted: bool,
    /// What somebody should look into, whatever the result.
    pub(crate) warning: Option<String>,
}

/// Runs a federation where it is asked to run. `observe` sees each round when it is over.
pub(crate) fn run(
    setting: &Setting,
    args: &RunArgs,
    threads: usize,
    observe: &mut dyn FnMut(&Round) -> Result<(), CommandError>,
) -> Result<FederatedRun, CommandError> {
    match args.over {
        Over::Memory => in_memory(setting, args.dropout, threads, observe),
        Over::Http if args.dropout > 0.0 => Err(CommandError::DropoutOverHttp),
        Over::Http => over_http::run(setting, threads, observe),
    }
}

/// Runs a federation in this process, without messages. `observe` sees each round when it is over.
fn in_memory(
    setting: &Setting,
    dropout: f64,
    threads: usize,
    observe: &mut dyn FnMut(&Round) -> Result<(), CommandError>,
) -> Result<FederatedRun, CommandError> {
    let simulation = Simulation {
        plan: &setting.plan,
        network: Arc::clone(&setting.network),
        shards: &setting.holdings.clients,
        test: &setting.holdings.test,
        threads,
        noise_seed: Some(Arc::clone(&setting.noise_seed)),
        dropout,
    };
    let began = Instant::now();
    let bytes_of_model = nn::to_safetensors(&setting.network, &simulation.first_model()).len() as u64;
    let mut rounds = Vec::new();
    let mut gradients = Vec::new();
    let mut failure = None;
    let mut exhausted = false;
    let mut zeros = Zeros::default();
    let model = simulation.run(&|| began.elapsed(), &mut |report| {
        let round = line(setting, report, bytes_of_model);
        gradients.push(gradients.last().unwrap_or(&0) + report.gradients);
        exhausted |= report.exhausted;
        zeros.add(report);
        let observed = observe(&round);
        rounds.push(round);
        match observed {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    match failure {
        Some(failure) => Err(failure),
        None => Ok(FederatedRun {
            model: file(setting, &model),
            rounds,
            gradients,
            seconds: began.elapsed().as_secs_f64(),
            exhausted,
            warning: zeros.warning(),
        }),
    }
}

/// Updates that were zero because their clients had none, or gradients that were not finite: under a promise they are counted
/// in silence, and a learning rate that is absurd would go unseen.
#[derive(Default)]
struct Zeros {
    zeros: u64,
    count: u64,
    first: Option<LocalTrainingError>,
}

impl Zeros {
    fn add(&mut self, report: &RoundReport) {
        self.zeros += report.norms.map_or(0, |norms| norms.zeros);
        self.count += report.norms.map_or(0, |norms| norms.count);
        if self.first.is_none() {
            self.first.clone_from(&report.failure);
        }
    }

    fn warning(&self) -> Option<String> {
        const KNOWN: &str = "Only a simulation knows this, and no promise covers it";
        let (zeros, count) = (self.zeros, self.count);
        match &self.first {
            Some(first) => Some(format!(
                "{zeros} of {count} updates were zeros, because there was none to send; the first: {first}. {KNOWN}"
            )),
            None if zeros > 0 => Some(format!(
                "{zeros} of {count} gradients of examples were not finite and counted as zeros: look at the rows, or lower \
                 the learning rate. {KNOWN}"
            )),
            None => None,
        }
    }
}

fn file(setting: &Setting, model: &Params) -> Vec<u8> {
    nn::to_safetensors(&setting.network, model)
}

fn line(setting: &Setting, report: &RoundReport, bytes_of_model: u64) -> Round {
    let models = bytes_of_model * report.record.cohort.len() as u64;
    let bytes = Bytes { up: report.bytes_up, down: models + report.bytes_down };
    let seconds = RoundSeconds {
        training: Some(report.seconds.training),
        encoding: Some(report.seconds.encoding),
        aggregating: report.seconds.aggregating,
        evaluating: report.seconds.evaluating,
        total: report.seconds.total,
    };
    let test = report.test.clone().map(Scores::from);
    let unprotected = report.norms.map(|Norms { clipped, median, zeros, .. }| Unprotected {
        clipped,
        median_norm: median,
        zeros,
    });
    Round { unprotected, ..round_line(&setting.plan, &report.record, test, bytes, seconds) }
}

/// The line of a round in the metrics.
pub(crate) fn round_line(
    plan: &Plan,
    record: &RoundRecord,
    test: Option<Scores>,
    bytes: Bytes,
    seconds: RoundSeconds,
) -> Round {
    let train_loss = match record.outcome {
        Outcome::Released { train_loss, .. } => train_loss,
        Outcome::Abandoned { .. } => None,
    };
    let (contributed, declined) = (record.contributors().len() as u32, record.declined.len() as u32);
    let protection = plan.protection();
    let hidden = protection.is_some_and(Protection::hides_cohorts);
    Round {
        seed: plan.seed().0,
        round: record.round,
        train_loss,
        test_loss: test.map(|test| test.loss),
        test_accuracy: test.and_then(|test| test.accuracy),
        cohort: if hidden { Vec::new() } else { record.cohort.iter().copied().collect() },
        contributed,
        declined,
        late: record.cohort.len() as u32 - contributed - declined,
        bytes,
        seconds,
        row: None,
        masked: record.masked.as_ref().map(masked),
        epsilon: record.epsilon,
        noise_deviation: record.diagnostics.map(|told| told.noise_deviation),
        clip: record.diagnostics.map(|told| told.clip),
        signal_to_noise: record.diagnostics.and_then(|told| told.signal_to_noise),
        within_clip: record.diagnostics.and_then(|told| told.within_clip),
        unprotected: None,
    }
}

/// How the masks of a round went.
fn masked(record: &MaskedRecord) -> Masked {
    let by_stage = |missing: &Missing| {
        let stages = missing.iter().map(|(stage, clients)| StageClients {
            stage: stage.name().to_owned(),
            clients: clients.iter().copied().collect(),
        });
        stages.collect()
    };
    let list = |clients: &BTreeSet<u32>| clients.iter().copied().collect();
    let altered =
        record.altered.iter().map(|(owner, holders)| AlteredShares { owner: *owner, holders: list(holders) });
    let complaints = record
        .complaints
        .iter()
        .map(|(accused, accusers)| Complaint { accused: *accused, accusers: list(accusers) });
    Masked {
        missed: by_stage(&record.missed),
        late: by_stage(&record.late),
        repeated: by_stage(&record.repeated),
        altered: altered.collect(),
        complaints: complaints.collect(),
        failure: record.failure.clone(),
    }
}
