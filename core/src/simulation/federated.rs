//! A federation in one process.

use super::Norms;
use super::masked::{MaskedDriver, Went, identity};
use super::norms::ClippedNorms;
use super::workers::{Clock, Workers};
use crate::data::Shard;
use crate::nn::{self, EvaluateError, Evaluation, Examples, Network};
use crate::params::Params;
use crate::participant::{LocalTraining, LocalTrainingError};
use crate::plan::Plan;
use crate::privacy::NoiseSeed;
use crate::protocol::UpdateMessage;
use crate::random::Purpose;
use crate::round::{
    Collecting, Effect, Event, Federation, Outcome, Phase, Refusal, RoundRecord, Rules, Timestamp,
};
use crate::secagg::{DecodeError, Stage};
use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::ThreadPoolBuilder;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What is simulated: a plan, its network, every client's rows, and the rows that the model is judged by.
#[derive(Clone)]
pub struct Simulation<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its network.
    pub network: Arc<Network>,
    /// The rows of client 1, 2, ...
    pub shards: &'a [Shard],
    /// The rows on which the model is judged after every round; no rows, no judgement.
    pub test: &'a Shard,
    /// How many threads train: 1 or more. The model does not depend on it.
    pub threads: usize,
    /// From what noise, hidden cohorts and masks are drawn; needed where the plan promises privacy or hides updates.
    pub noise_seed: Option<Arc<NoiseSeed>>,
    /// The chance with which a participant vanishes from a round, at a stage drawn at random: in [0, 1]. What has no
    /// stages is without it if it vanishes at or before the one in which it would send its update.
    pub dropout: f64,
}

/// Where the time of a round went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Local training, summed over threads.
    pub training: f64,
    /// Writing updates on the grid, and masking them, summed over threads.
    pub encoding: f64,
    /// Adding updates and making the next model, summed over threads.
    pub aggregating: f64,
    /// Judging the model on the test rows.
    pub evaluating: f64,
    /// The whole round, as a clock on the wall shows it.
    pub total: f64,
}

/// A round as it went.
#[derive(Debug, Clone)]
pub struct RoundReport {
    /// Its record.
    pub record: RoundRecord,
    /// The new model on the test rows.
    pub test: Option<Evaluation>,
    /// How many example-gradients its participants computed.
    pub gradients: u64,
    /// How many bytes its participants would have sent: updates, or the messages of a masked round.
    pub bytes_up: u64,
    /// How many bytes its participants would have received of the messages of a masked round; the model comes on top.
    pub bytes_down: u64,
    /// Where the time went.
    pub seconds: Seconds,
    /// Whether the federation ends here because the next round would pass the plan's target epsilon.
    pub exhausted: bool,
    /// What the clip did to the simulated clients' updates, or to the gradients of their examples, where privacy is promised.
    pub norms: Option<Norms>,
    /// Why one of the participants contributed zeros, if one did.
    pub failure: Option<LocalTrainingError>,
}

/// Why a simulation stops before its end.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// There is not a shard for each client.
    #[error("the plan has {clients} clients, the data are dealt to {shards}")]
    OtherShards {
        /// The clients of the plan.
        clients: u32,
        /// The shards given.
        shards: usize,
    },
    /// Too few participants could train, and the next round would end the same way.
    #[error("round {round} is abandoned, {declined} of its participants declined; the first: {source}")]
    Declined {
        /// The round.
        round: u32,
        /// How many declined.
        declined: usize,
        /// Why one of them did.
        source: LocalTrainingError,
    },
    /// The model cannot be judged.
    #[error("round {round}: {source}")]
    Evaluate {
        /// The round.
        round: u32,
        /// Why.
        source: EvaluateError,
    },
    /// The engine refused an update of its own participant.
    #[error("the simulation's own update was refused: {0}")]
    Refused(#[from] Refusal),
    /// The plan promises privacy or hides updates, and there is nothing to draw secrets from.
    #[error(
        "the plan promises privacy or hides updates: give the simulation a seed to draw its noise and masks from"
    )]
    NoNoiseSeed,
    /// A message of the simulation's own participant cannot be read.
    #[error("the simulation's own message of client {client} for the stage {stage} cannot be read: {source}")]
    Unreadable {
        /// Who sent it.
        client: u32,
        /// For which stage.
        stage: Stage,
        /// Why not.
        source: DecodeError,
    },
    /// The threads cannot be started.
    #[error("cannot start {threads} threads: {source}")]
    Threads {
        /// How many.
        threads: usize,
        /// Why.
        source: rayon::ThreadPoolBuildError,
    },
}

impl Simulation<'_> {
    /// The model that the federation starts from.
    pub fn first_model(&self) -> Params {
        self.network.initialize(&mut self.plan.seed().stream(Purpose::Initialization))
    }

    /// Runs all rounds and gives the final model. `observe` sees every round when it is over, and can end the run
    /// there: the model is then the one so far.
    pub fn run(
        &self,
        clock: Clock<'_>,
        observe: &mut dyn FnMut(&RoundReport) -> ControlFlow<()>,
    ) -> Result<Params, SimulationError> {
        let workers = self.workers(clock)?;
        let now = || Timestamp(clock().as_millis() as u64);
        let (mut federation, empty) = self.enrolled(now())?;
        if self.tell(empty, &federation, &workers, observe)?.is_break() {
            return Ok(federation.model().clone());
        }
        loop {
            let started = clock();
            let went = match federation.phase() {
                Phase::Collecting(_) => self.collect(federation, &workers, clock)?,
                Phase::Masked(_) => self.mask(federation, &workers, &now)?,
                Phase::Gathering | Phase::Interrupted(_) | Phase::Finished => break,
            };
            let Went { effects, declined, mut seconds, bytes, mut norms, .. } = went;
            federation = went.federation;

            let mut rounds = closed(effects);
            let (record, model) =
                rounds.next().expect("time is over for whoever has neither contributed nor declined");
            let empty: Vec<(RoundRecord, Params)> = rounds.collect();
            stop_if_abandoned(&record, declined)?;
            let number = record.round;
            let judged = clock();
            let test = workers
                .pool()
                .install(|| self.judge(&model))
                .map_err(|source| SimulationError::Evaluate { round: number, source })?;
            seconds.evaluating = (clock() - judged).as_secs_f64();
            seconds.total = (clock() - started).as_secs_f64();
            let report = self.report(record, test, seconds, bytes, &federation);
            let failure = norms.take_failure();
            let told = observe(&RoundReport { norms: norms.summary(), failure, ..report });
            if told.is_break() || self.tell(empty, &federation, &workers, observe)?.is_break() {
                break;
            }
        }
        Ok(federation.model().clone())
    }

    /// Runs a round whose updates the coordinator sees.
    fn collect(
        &self,
        federation: Federation,
        workers: &Workers<'_>,
        clock: Clock<'_>,
    ) -> Result<Went, SimulationError> {
        let Phase::Collecting(round) = federation.phase() else { unreachable!("a round is open") };
        let now = || Timestamp(clock().as_millis() as u64);
        let number = round.round();
        let shares = workers.collect(round, &self.participants(round), federation.model())?;
        let mut seconds = Seconds::default();
        let mut declined = None;
        let mut norms = ClippedNorms::default();
        let collected = clock();
        let whole = shares.into_iter().map(|share| {
            seconds.training += share.seconds.training;
            seconds.encoding += share.seconds.encoding;
            seconds.aggregating += share.seconds.aggregating;
            declined = declined.take().or(share.declined);
            norms.join(share.norms);
            share.part
        });
        let whole = join(whole);
        let coordinates = federation.rules().coordinates(self.network.layout().len());
        let update = UpdateMessage::encoded_len(coordinates) as u64;
        let bytes = (update * whole.contributed() as u64, 0);
        let (mut federation, mut effects) = federation.step(Event::Absorb(whole), now());
        if matches!(federation.phase(), Phase::Collecting(open) if open.round() == number) {
            let more;
            (federation, more) = federation.step(Event::Expire, now());
            effects.extend(more);
        }
        seconds.aggregating += (clock() - collected).as_secs_f64();
        Ok(Went { federation, effects, declined, seconds, bytes, norms })
    }

    /// Runs a masked round.
    fn mask(
        &self,
        federation: Federation,
        workers: &Workers<'_>,
        now: &(dyn Fn() -> Timestamp + Sync),
    ) -> Result<Went, SimulationError> {
        let Phase::Masked(round) = federation.phase() else { unreachable!("a masked round is open") };
        let seed = self.noise_seed.as_deref().ok_or(SimulationError::NoNoiseSeed)?;
        let vanish = self.vanishing(round.round(), round.cohort());
        let model = federation.model().clone();
        MaskedDriver { workers, seed, vanish, now }.run(federation, &model)
    }

    /// Who of a cohort vanishes before which stage.
    fn vanishing(&self, round: u32, cohort: &BTreeSet<u32>) -> BTreeMap<u32, Stage> {
        let stage = |client: u32| {
            let mut lot = self.plan.seed().stream_for(Purpose::Dropout, round, client);
            lot.random_bool(self.dropout).then(|| Stage::ALL[lot.random_range(0..Stage::ALL.len())])
        };
        cohort.iter().filter_map(|client| Some((*client, stage(*client)?))).collect()
    }

    /// Tells of rounds that nobody was drawn for, and that were over as soon as they were open.
    fn tell(
        &self,
        empty: Vec<(RoundRecord, Params)>,
        federation: &Federation,
        workers: &Workers<'_>,
        observe: &mut dyn FnMut(&RoundReport) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, SimulationError> {
        for (record, model) in empty {
            let judged = workers.pool().install(|| self.judge(&model));
            let test = judged.map_err(|source| SimulationError::Evaluate { round: record.round, source })?;
            if observe(&self.report(record, test, Seconds::default(), (0, 0), federation)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn workers<'b>(&'b self, clock: Clock<'b>) -> Result<Workers<'b>, SimulationError> {
        let clients = self.plan.clients();
        if self.shards.len() != clients as usize {
            return Err(SimulationError::OtherShards { clients, shards: self.shards.len() });
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .build()
            .map_err(|source| SimulationError::Threads { threads: self.threads, source })?;
        let network = Arc::clone(&self.network);
        let training = match &self.noise_seed {
            Some(seed) => LocalTraining::with_noise(self.plan, network, Arc::clone(seed)),
            None if self.plan.protection().is_some() || self.plan.masking().is_some() => {
                return Err(SimulationError::NoNoiseSeed);
            }
            None => LocalTraining::new(self.plan, network),
        };
        Ok(Workers::new(pool, training, self.shards, clock))
    }

    /// The federation with all its clients enrolled, so that a round is open, and the rounds before it that nobody
    /// was drawn for.
    fn enrolled(&self, now: Timestamp) -> Result<(Federation, Vec<(RoundRecord, Params)>), SimulationError> {
        let (rules, model) = (Rules::new(self.plan), self.first_model());
        let mut federation = match &self.noise_seed {
            Some(seed) => Federation::protected(rules, model, Arc::clone(seed)),
            None if rules.protection.is_some() => return Err(SimulationError::NoNoiseSeed),
            None => Federation::new(rules, model),
        };
        let mut empty = Vec::new();
        for client in 1..=self.plan.clients() {
            let effects;
            let key = self.noise_seed.as_deref().map(|seed| identity(seed, client).key());
            (federation, effects) = federation.step(Event::Enrol { place: Some(client), key }, now);
            empty.extend(closed(effects));
        }
        Ok((federation, empty))
    }

    /// The members of a cohort whose update is in time: as many as the round wants. Who is fast is drawn by lot.
    fn participants(&self, round: &Collecting) -> Vec<u32> {
        let vanish = self.vanishing(round.round(), round.cohort());
        let stays = |client: &u32| vanish.get(client).is_none_or(|last| *last > Stage::Input);
        let mut clients: Vec<u32> = round.cohort().iter().copied().filter(stays).collect();
        let mut lot = self.plan.seed().stream_for(Purpose::Arrival, round.round(), 0);
        if clients.len() > round.wanted() as usize {
            clients.shuffle(&mut lot);
            clients.truncate(round.wanted() as usize);
        }
        clients
    }

    fn judge(&self, model: &Params) -> Result<Option<Evaluation>, EvaluateError> {
        match self.test.len() {
            0 => Ok(None),
            _ => nn::evaluate(&self.network, model, self.test).map(Some),
        }
    }

    fn report(
        &self,
        record: RoundRecord,
        test: Option<Evaluation>,
        seconds: Seconds,
        (bytes_up, bytes_down): (u64, u64),
        federation: &Federation,
    ) -> RoundReport {
        let epochs = u64::from(self.plan.recipe().epochs());
        let rows = |client: u32| self.shards[client as usize - 1].len() as u64;
        let gradients = record.contributors().into_iter().map(|client| rows(client) * epochs).sum();
        let exhausted = federation.is_exhausted();
        let (norms, failure) = (None, None);
        RoundReport { record, test, gradients, bytes_up, bytes_down, seconds, exhausted, norms, failure }
    }
}

/// Joins the parts that the workers collected.
fn join(mut parts: impl Iterator<Item = Collecting>) -> Collecting {
    let mut whole = parts.next().expect("there is at least one worker");
    parts.for_each(|part| whole.absorb(part));
    whole
}

/// The rounds that were closed by a step, each with the model after it: the one it ended, and those after it that
/// nobody was drawn for.
fn closed(effects: Vec<Effect>) -> impl Iterator<Item = (RoundRecord, Params)> {
    effects.into_iter().filter_map(|effect| match effect {
        Effect::Closed { record, model } => Some((*record, model)),
        _ => None,
    })
}

fn stop_if_abandoned(
    record: &RoundRecord,
    declined: Option<LocalTrainingError>,
) -> Result<(), SimulationError> {
    match (record.outcome, declined) {
        (Outcome::Abandoned { .. }, Some(source)) => {
            Err(SimulationError::Declined { round: record.round, declined: record.declined.len(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Holdings, Split, Standardization, sets};
    use std::time::Duration;

    const PLAN: &str = "\
[federation]
rounds = 3
[data]
source = \"digits\"
[partition]
by = \"dirichlet\"
clients = 12
[model]
hidden = [16]
[cohort]
fraction = 0.5
";

    fn holdings(plan: &Plan) -> Holdings {
        let split = Split::hold_back(Arc::new(sets::digits()), 0.2).unwrap();
        let stream = plan.seed().stream(Purpose::Partition);
        Holdings::new(&split, plan.partition(), &Standardization::Scale, stream).unwrap()
    }

    fn run(plan: &Plan, threads: usize) -> Result<(Params, Vec<RoundReport>), SimulationError> {
        run_with(plan, threads, 0.0)
    }

    fn run_with(
        plan: &Plan,
        threads: usize,
        dropout: f64,
    ) -> Result<(Params, Vec<RoundReport>), SimulationError> {
        let holdings = holdings(plan);
        let network = Arc::new(plan.network(64, 10).unwrap());
        let (shards, test) = (&holdings.clients[..], &holdings.test);
        let noise_seed = Some(Arc::new(NoiseSeed::from_bytes(&mut [7; 32])));
        let simulation = Simulation { plan, network, shards, test, threads, noise_seed, dropout };
        let mut reports = Vec::new();
        let model = simulation.run(&|| Duration::ZERO, &mut |report| {
            reports.push(report.clone());
            ControlFlow::Continue(())
        })?;
        Ok((model, reports))
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let plan = Plan::parse(PLAN).unwrap();
        let (model, reports) = run(&plan, 1).unwrap();
        for threads in [2, 8] {
            let (again, others) = run(&plan, threads).unwrap();
            assert_eq!(again, model, "{threads} threads");
            for (report, other) in reports.iter().zip(&others) {
                assert_eq!(report.record, other.record);
                assert_eq!(report.test, other.test);
            }
        }
    }

    #[test]
    fn it_learns() {
        let plan = Plan::parse(PLAN).unwrap();
        let (_, reports) = run(&plan, 2).unwrap();
        let accuracy = |at: usize| reports[at].test.as_ref().unwrap().accuracy.unwrap();
        assert!(accuracy(2) > 0.5 && accuracy(2) > accuracy(0), "{} {}", accuracy(0), accuracy(2));
        assert_eq!(reports.len(), 3);
        assert!(reports.iter().all(|report| report.record.contributions.len() == 6));
    }

    #[test]
    fn another_seed_gives_another_model() {
        let plan = Plan::parse(PLAN).unwrap();
        let (model, _) = run(&plan, 2).unwrap();
        let (other, _) = run(&plan.with_seed(crate::random::Seed(2)), 2).unwrap();
        assert_ne!(model, other);
    }

    #[test]
    fn an_over_selected_cohort_gives_as_many_updates_as_are_wanted() {
        let text = PLAN.replace("fraction = 0.5", "fraction = 0.5\nover-selection = 1.5");
        let (_, reports) = run(&Plan::parse(&text).unwrap(), 2).unwrap();
        for report in reports {
            assert_eq!((report.record.cohort.len(), report.record.contributions.len()), (9, 6));
        }
    }

    #[test]
    fn divergence_stops_the_run_and_says_what_to_do() {
        let text = format!("{PLAN}[training]\nlearning-rate = 1000.0\n");
        let stopped = run(&Plan::parse(&text).unwrap(), 2).unwrap_err();
        assert!(matches!(stopped, SimulationError::Declined { round: 1, declined: 6, .. }), "{stopped}");
        assert!(stopped.to_string().contains("learning rate"), "{stopped}");
    }

    /// Everybody in every round, in a narrow ring; a third of the cohort may vanish.
    const MASKED: &str = "\
[federation]
rounds = 4
[data]
source = \"digits\"
[partition]
by = \"dirichlet\"
clients = 12
[model]
hidden = [16]
[cohort]
minimum = 7
[aggregation]
weight-cap = 1000
[encoding]
fraction-bits = 14
largest = 4.0
[secure-aggregation]
coordinator = \"curious\"
adversarial-fraction = 0.2
dropout-fraction = 0.35
";

    #[test]
    fn masks_change_no_bit_of_the_model() {
        let plan = Plan::parse(MASKED).unwrap();
        let (bare, _) = run(&plan.unprotected(), 2).unwrap();
        for threads in [1, 2] {
            let (masked, reports) = run(&plan, threads).unwrap();
            assert!(masked == bare, "{threads} threads");
            let record = reports[3].record.masked.as_ref().unwrap();
            assert_eq!((record.inputs.len(), record.missed.len(), &record.failure), (12, 0, &None));
            assert!(reports[3].record.contributions.is_empty());
        }
        // In the wide ring too.
        let wide = MASKED.replace("largest = 4.0\n", "");
        assert_eq!(Plan::parse(&wide).unwrap().masking().unwrap().ring().bits(), 64);
        assert!(run(&Plan::parse(&wide).unwrap(), 2).unwrap().0 == bare);
    }

    #[test]
    fn masked_rounds_with_dropouts_at_every_stage_make_the_model_of_those_who_sent_an_update() {
        let plan = Plan::parse(&MASKED.replace("rounds = 4", "rounds = 12")).unwrap();
        let (bare, plain) = run_with(&plan.unprotected(), 2, 0.15).unwrap();
        let (masked, reports) = run_with(&plan, 2, 0.15).unwrap();
        assert!(masked == bare);
        let mut stages: BTreeSet<Stage> = BTreeSet::new();
        for (report, plain) in reports.iter().zip(&plain) {
            assert!(matches!(report.record.outcome, Outcome::Released { .. }), "{:?}", report.record);
            assert_eq!(report.record.outcome, plain.record.outcome);
            assert_eq!(report.record.contributors(), plain.record.contributors());
            stages.extend(report.record.masked.as_ref().unwrap().missed.keys().copied());
        }
        assert_eq!(stages, BTreeSet::from(Stage::ALL));
        assert!(run_with(&plan, 1, 0.15).unwrap().0 == masked);
    }

    #[test]
    fn a_masked_round_that_loses_too_many_releases_nothing_and_says_why() {
        let plan = Plan::parse(MASKED).unwrap();
        let (model, reports) = run_with(&plan, 2, 0.9).unwrap();
        assert_eq!(reports.len(), 4);
        for report in &reports {
            assert_eq!(report.record.outcome, Outcome::Abandoned { minimum: 7 });
            let failure = report.record.masked.as_ref().unwrap().failure.as_ref().unwrap();
            assert!(failure.contains("nothing is released"), "{failure}");
        }
        let network = plan.network(64, 10).unwrap();
        assert!(model == network.initialize(&mut plan.seed().stream(Purpose::Initialization)));
    }

    #[test]
    fn sixteen_bits_a_coordinate_learn_with_stochastic_rounding() {
        let text = MASKED.replace("weight-cap = 1000", "weights = \"uniform\"").replace(
            "fraction-bits = 14\nlargest = 4.0",
            "fraction-bits = 10\nlargest = 2.0\nrounding = \"stochastic\"",
        );
        let plan = Plan::parse(&text).unwrap();
        assert_eq!(plan.masking().unwrap().ring().bits(), 16);
        let (masked, reports) = run(&plan, 2).unwrap();
        assert!(masked == run(&plan.unprotected(), 2).unwrap().0);
        let fine = text.replace("fraction-bits = 10", "fraction-bits = 24").replace("stochastic", "nearest");
        let (_, exact) = run(&Plan::parse(&fine).unwrap().unprotected(), 2).unwrap();
        let accuracy = |reports: &[RoundReport]| reports[3].test.as_ref().unwrap().accuracy.unwrap();
        assert!(accuracy(&reports) > accuracy(&exact) - 0.02, "{} {}", accuracy(&reports), accuracy(&exact));
        let parameters = plan.network(64, 10).unwrap().layout().len() as u64;
        let of_one = reports[3].bytes_up / 12;
        // Two bytes a coordinate; the rest are keys, shares and signatures for eleven neighbours.
        assert!(of_one < 2 * parameters + 3_000, "{of_one}");
    }

    #[test]
    fn an_upload_under_masks_is_hardly_longer_than_the_update() {
        let text = MASKED
            .replace("hidden = [16]", "hidden = [512]")
            .replace("[federation]\nrounds = 4", "[federation]\nrounds = 1");
        let plan = Plan::parse(&text).unwrap();
        let (_, reports) = run(&plan, 2).unwrap();
        let parameters = plan.network(64, 10).unwrap().layout().len() as u64;
        let of_one = reports[0].bytes_up as f64 / 12.0;
        assert!(of_one <= 1.05 * 4.0 * parameters as f64, "{of_one} for {parameters}");
    }

    const PRIVATE: &str = "\
[federation]
rounds = 4
[data]
source = \"digits\"
[partition]
clients = 12
[model]
hidden = [16]
[cohort]
sampling = \"poisson\"
fraction = 0.5
minimum = 0
[aggregation]
weights = \"uniform\"
[privacy]
clip = 0.5
delta = 1e-3
noise-multiplier = 0.7
";

    #[test]
    fn noise_is_the_same_for_any_number_of_threads_wherever_it_is_added() {
        for noise_at in ["coordinator", "clients", "local"] {
            let text = PRIVATE
                .replace("minimum = 0", if noise_at == "coordinator" { "minimum = 0" } else { "minimum = 1" })
                .replace("clip", &format!("noise-at = \"{noise_at}\"\nclip"));
            let plan = Plan::parse(&text).unwrap();
            let (model, reports) = run(&plan, 1).unwrap();
            let (again, _) = run(&plan, 4).unwrap();
            assert_eq!(again, model, "{noise_at}");
            assert!(reports.windows(2).all(|pair| pair[1].record.epsilon > pair[0].record.epsilon));
            for report in &reports {
                let losses = matches!(report.record.outcome, Outcome::Released { train_loss: Some(_), .. });
                assert!(!losses, "{noise_at}: a loss has left");
            }
        }
    }

    #[test]
    fn noise_has_the_deviation_that_is_promised() {
        // Without training to speak of, the model moves by the noise alone.
        let text = PRIVATE.replace("rounds = 4", "rounds = 1").replace("fraction = 0.5", "fraction = 1.0")
            + "[training]\nlearning-rate = 1e-12\n";
        for (noise_at, minimum, shares) in
            [("coordinator", 1, 1.0), ("clients", 4, 12.0 / 4.0), ("local", 1, 12.0)]
        {
            let text = text
                .replace("minimum = 0", &format!("minimum = {minimum}"))
                .replace("clip", &format!("noise-at = \"{noise_at}\"\nclip"));
            let plan = Plan::parse(&text).unwrap();
            let first =
                plan.network(64, 10).unwrap().initialize(&mut plan.seed().stream(Purpose::Initialization));
            let (model, reports) = run(&plan, 2).unwrap();
            let moved =
                model.values().iter().zip(first.values()).map(|(after, before)| f64::from(after - before));
            let variance = moved.map(|value| value * value).sum::<f64>() / model.len() as f64;
            let expected = 0.7 * 0.5 / 12.0 * f64::sqrt(shares);
            // 1,210 parameters: the deviation of the estimate is 2 %. The seed is fixed.
            assert!(
                (variance.sqrt() / expected - 1.0).abs() < 0.08,
                "{noise_at}: {} {expected}",
                variance.sqrt()
            );
            let protection = plan.protection().unwrap();
            let told = protection.in_round(protection.clip()).unwrap().deviation_of_mean(12);
            assert!((told / expected - 1.0).abs() < 1e-6, "{noise_at}: {told}");
            assert_eq!(reports.len(), 1);
        }
    }

    #[test]
    fn an_adaptive_clip_comes_to_the_median_norm_from_both_sides() {
        for (noise_at, minimum) in [("coordinator", 1), ("clients", 12)] {
            for clip in [0.05, 20.0] {
                let text = PRIVATE
                    .replace("rounds = 4", "rounds = 18")
                    // The model stays where it is, and so do the norms.
                    .replace("weights =", "server-learning-rate = 1e-9\nweights =")
                    .replace("fraction = 0.5\nminimum = 0", &format!("fraction = 1.0\nminimum = {minimum}"))
                    .replace("clip = 0.5", &format!("noise-at = \"{noise_at}\"\nclip = {clip}"))
                    .replace("noise-multiplier = 0.7", "noise-multiplier = 0.5")
                    + "adaptive-clip = { learning-rate = 0.6, bit-noise = 0.3 }\n[encoding]\nfraction-bits = 16\n";
                let (_, reports) = run(&Plan::parse(&text).unwrap(), 2).unwrap();
                let last = reports.last().unwrap();
                let (told, exact) = (last.record.diagnostics.unwrap(), last.norms.unwrap());
                let ratio = told.clip / exact.median;
                assert!((0.75..1.3).contains(&ratio), "{noise_at} from {clip}: {ratio}");
                assert!((told.within_clip.unwrap() + exact.clipped - 1.0).abs() < 0.15, "{told:?} {exact:?}");
                let first = (reports[0].record.diagnostics.unwrap(), reports[0].norms.unwrap());
                assert_eq!(first.0.clip, clip);
                assert_eq!(first.1.clipped, if clip < 1.0 { 1.0 } else { 0.0 });
            }
        }
    }

    #[test]
    fn masks_change_nothing_of_a_clip_that_adapts_or_of_correlated_noise() {
        let adaptive = "adaptive-clip = { learning-rate = 0.6, bit-noise = 0.5 }\n";
        let matrix = "matrix = { separation = 4 }\n";
        let cases =
            [("coordinator", 1.0, adaptive), ("clients", 1.0, adaptive), ("coordinator", 0.25, matrix)];
        for (noise_at, fraction, extra) in cases {
            let minimum = if fraction == 1.0 { 7 } else { 3 };
            let text = PRIVATE
                .replace("sampling = \"poisson\"\nfraction = 0.5", &format!("fraction = {fraction}"))
                .replace("minimum = 0", &format!("minimum = {minimum}"))
                .replace("clip = 0.5", &format!("noise-at = \"{noise_at}\"\nclip = 0.5"));
            let bare = format!("{text}{extra}[encoding]\nfraction-bits = 16\n");
            let masks = "[secure-aggregation]\ncoordinator = \"curious\"\nadversarial-fraction = 0.0\n";
            let plan = Plan::parse(&format!("{bare}{masks}")).unwrap();
            let (masked, reports) = run(&plan, 2).unwrap();
            let (plain, others) = run(&Plan::parse(&bare).unwrap(), 2).unwrap();
            assert!(masked == plain, "{noise_at}, {extra}");
            for (report, other) in reports.iter().zip(&others) {
                assert!(report.record.masked.is_some());
                assert_eq!(report.record.diagnostics, other.record.diagnostics);
                let (norms, others) = (report.norms.unwrap(), other.norms.unwrap());
                assert_eq!((norms.clipped, norms.median), (others.clipped, others.median));
            }
            let clips: BTreeSet<u64> =
                reports.iter().map(|report| report.record.diagnostics.unwrap().clip.to_bits()).collect();
            assert_eq!(clips.len(), if extra == adaptive { 4 } else { 1 });
        }
    }

    /// Whether a client diverges is a function of its rows: nobody but the simulation may tell.
    #[test]
    fn participants_that_diverge_count_like_any_other_where_clients_are_protected() {
        let masks = "[secure-aggregation]\ncoordinator = \"curious\"\nadversarial-fraction = 0.0\n";
        let adaptive =
            "adaptive-clip = { learning-rate = 0.6, bit-noise = 0.6 }\n[encoding]\nfraction-bits = 16\n";
        for (noise_at, minimum, extra) in [
            ("coordinator", 0, adaptive),
            ("clients", 12, adaptive),
            ("local", 1, ""),
            ("clients", 12, masks),
        ] {
            let fraction = if minimum == 12 { "fraction = 1.0" } else { "fraction = 0.5" };
            let sampling = if minimum == 12 { "sampling = \"all\"" } else { "sampling = \"poisson\"" };
            let text = PRIVATE
                .replace("sampling = \"poisson\"\nfraction = 0.5", &format!("{sampling}\n{fraction}"))
                .replace("minimum = 0", &format!("minimum = {minimum}"))
                .replace("clip = 0.5", &format!("noise-at = \"{noise_at}\"\nclip = 0.5"));
            let text = format!("{text}{extra}");
            let (_, sound) = run(&Plan::parse(&text).unwrap(), 2).unwrap();
            let absurd = format!("{text}[training]\nlearning-rate = 1e30\n");
            let (_, reports) = run(&Plan::parse(&absurd).unwrap(), 2).unwrap();
            for (report, other) in reports.iter().zip(&sound) {
                let (record, told) = (&report.record, report.record.diagnostics.unwrap());
                assert_eq!((&record.cohort, record.outcome), (&other.record.cohort, other.record.outcome));
                assert_eq!(record.contributors(), other.record.contributors());
                assert!(record.declined.is_empty());
                assert_eq!(
                    told.noise_deviation > 0.0,
                    other.record.diagnostics.unwrap().noise_deviation > 0.0
                );
                let members = record.contributors().len() as u64;
                assert_eq!(report.norms.map_or(0, |norms| norms.zeros), members);
                assert!(
                    members == 0 || report.failure.clone().unwrap().to_string().contains("learning rate")
                );
                assert!(other.failure.is_none() && other.norms.is_none_or(|norms| norms.zeros == 0));
            }
            if extra == adaptive {
                // All votes said that the update was cut.
                let clip = |at: usize| reports[at].record.diagnostics.unwrap().clip;
                assert!(clip(3) > clip(0), "{noise_at}: {} {}", clip(0), clip(3));
            }
        }
    }

    #[test]
    fn noise_alone_is_told_from_a_signal() {
        let text =
            PRIVATE.replace("fraction = 0.5", "fraction = 1.0") + "[training]\nlearning-rate = 1e-12\n";
        let (_, reports) = run(&Plan::parse(&text).unwrap(), 2).unwrap();
        assert!(
            reports.iter().all(|report| report.record.diagnostics.unwrap().signal_to_noise.unwrap() < 0.4)
        );
        // Updates that are cut to the clip and agree: their mean is nearly as long, and the noise is sqrt(650) z / 12 clips.
        let text = PRIVATE
            .replace("fraction = 0.5", "fraction = 1.0")
            .replace("clip = 0.5", "clip = 0.01")
            .replace("hidden = [16]", "hidden = []")
            .replace("rounds = 4", "rounds = 1");
        let (_, reports) = run(&Plan::parse(&text).unwrap(), 2).unwrap();
        let told = reports[0].record.diagnostics.unwrap();
        let most = 12.0 / (0.7 * f64::sqrt(650.0));
        assert!((0.6 * most..1.15 * most).contains(&told.signal_to_noise.unwrap()), "{told:?} {most}");
    }

    #[test]
    fn the_federation_stops_before_its_target() {
        let text = PRIVATE.replace("noise-multiplier = 0.7", "noise-multiplier = 0.7\ntarget-epsilon = 9.0");
        let plan = Plan::parse(&text.replace("rounds = 4", "rounds = 40")).unwrap();
        let (_, reports) = run(&plan, 2).unwrap();
        let last = reports.last().unwrap();
        assert!(last.exhausted && reports.len() < 40 && reports.len() > 1, "{}", reports.len());
        assert!(reports.iter().all(|report| report.record.epsilon.unwrap() <= 9.0));
        assert!(reports[..reports.len() - 1].iter().all(|report| !report.exhausted));
    }

    #[test]
    fn a_round_that_nobody_was_drawn_for_is_abandoned_and_counts() {
        let text = PRIVATE.replace("fraction = 0.5\nminimum = 0", "fraction = 0.03");
        // Of twelve clients usually none.
        let text = text.replace("clip", "noise-at = \"clients\"\nclip").replace("rounds = 4", "rounds = 12");
        let plan = Plan::parse(&text).unwrap();
        let (_, reports) = run(&plan, 2).unwrap();
        assert_eq!(reports.len(), 12);
        let rounds: Vec<u32> = reports.iter().map(|report| report.record.round).collect();
        assert_eq!(rounds, (1..=12).collect::<Vec<_>>());
        let empty = reports.iter().filter(|report| report.record.cohort.is_empty());
        assert!(empty.clone().count() > 3);
        for report in empty {
            assert!(matches!(report.record.outcome, Outcome::Abandoned { minimum: 1 }));
        }
        assert!(reports.windows(2).all(|pair| pair[1].record.epsilon > pair[0].record.epsilon));
    }

    #[test]
    fn the_gradients_of_examples_are_told_of_for_any_number_of_threads() {
        let text = PRIVATE
            .replace("sampling = \"poisson\"\nfraction = 0.5\nminimum = 0", "")
            .replace("clip = 0.5", "unit = \"example\"\nrows-per-client = 120\nclip = 0.5");
        let plan = Plan::parse(&text).unwrap();
        let (_, reports) = run(&plan, 1).unwrap();
        let (_, others) = run(&plan, 4).unwrap();
        let rows: usize = holdings(&plan).clients.iter().map(|shard| shard.len()).sum();
        for (report, other) in reports.iter().zip(&others) {
            let norms = report.norms.unwrap();
            assert_eq!(Some(norms), other.norms);
            let rule = plan.protection().unwrap().examples().unwrap();
            let expected = rule.rate * rule.steps as f64 * rows as f64;
            assert!((norms.count as f64 / expected - 1.0).abs() < 0.1, "{norms:?} {expected}");
            assert!(norms.clipped > 0.5 && norms.median > 0.5 && norms.zeros == 0, "{norms:?}");
        }
    }

    /// FederatedAveraging as the paper writes it (McMahan et al. 2017, Algorithm 1), in floating point and without
    /// any of the engine, gives the same model up to the step of the grid.
    #[test]
    fn agrees_with_the_algorithm_of_the_paper() {
        let plan = Plan::parse(PLAN).unwrap();
        let (model, reports) = run(&plan, 2).unwrap();
        let holdings = holdings(&plan);
        let network = plan.network(64, 10).unwrap();
        let mut workspace = nn::Workspace::new(&network);
        let mut global = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
        for report in &reports {
            let mut next = vec![0.0_f64; global.len()];
            let shard = |client: u32| &holdings.clients[client as usize - 1];
            let rows: usize = report.record.cohort.iter().map(|client| shard(*client).len()).sum();
            for client in &report.record.cohort {
                let mut local = global.clone();
                let shuffle = plan.seed().stream_for(Purpose::Shuffle, report.record.round, *client);
                nn::train(&network, plan.recipe(), &mut local, shard(*client), shuffle, &mut workspace)
                    .unwrap();
                let share = shard(*client).len() as f64 / rows as f64;
                next.iter_mut().zip(local.values()).for_each(|(next, own)| *next += share * f64::from(*own));
            }
            global.values_mut().iter_mut().zip(&next).for_each(|(value, next)| *value = *next as f32);
        }
        let apart = |(ours, papers): (&f32, &f32)| f64::from((ours - papers).abs());
        let furthest = model.values().iter().zip(global.values()).map(apart).fold(0.0, f64::max);
        assert!(furthest < 1e-5, "{furthest}");
    }
}
