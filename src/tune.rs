//! `privet tune`: which values of a plan do best?
//!
//! Every candidate is trained once for every fold of the training rows, and judged by the rows of that fold. The test
//! rows are not looked at, so that they can still judge the plan that is chosen.

use crate::cli;
use crate::document::estimate::Estimate;
use crate::document::tune::{TunedCandidate, Tuning};
use crate::error::CommandError;
use crate::output;
use crate::progress::{Progress, Task};
use crate::report;
use crate::results;
use crate::run_directory::RunDirectory;
use crate::setting::{self, Prepared, plan_text};
use crate::table;
use privet_core::data::Split;
use privet_core::plan::{Candidate, Dimension, Plan, SearchSpace};
use privet_core::random::Purpose;
use privet_core::simulation::{Regime, Scores, ValidationError, validate};
use rayon::ThreadPoolBuilder;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Instant, SystemTime};

/// One candidate on one fold.
type Judged = (Result<Scores, ValidationError>, f64);

/// Runs the search, prints its answer and keeps its results; the best plan is the run's `plan.toml`.
pub(crate) fn run(args: &cli::Tune, progress: &Progress) -> Result<(), CommandError> {
    let started = SystemTime::now();
    let prepared = Prepared::new(&args.plan, None, progress)?;
    if prepared.plan.protection().is_some() {
        return Err(CommandError::SearchSpendsPrivacy);
    }
    let threads = setting::threads(args.threads);
    let (space, candidates) = candidates(args, &prepared.plan)?;
    let plans = plans(args, &prepared, &candidates)?;
    let folds = args.folds.unwrap_or(prepared.plan.tune().folds);
    let splits = prepared.split.folds(folds)?;
    let directory = RunDirectory::create(args.out.as_deref(), prepared.plan.name(), started)?;
    results::note_set_aside(&directory, progress);

    let began = Instant::now();
    let task = progress.task("tune", (plans.len() * splits.len()) as u64, "folds");
    let regime = Regime::from(args.regime);
    let judged = judge(&plans, &splits, regime, threads, &task)?;
    let mut ranked: Vec<(TunedCandidate, &Plan)> = judged
        .chunks(splits.len())
        .zip(&candidates)
        .zip(&plans)
        .map(|((judged, candidate), plan)| (tuned(candidate, plan, judged), plan))
        .collect();
    // Stable: of equals, the first of the grid comes first.
    ranked.sort_by(|(one, _), (other, _)| {
        let ((failed, accuracy, loss), (other_failed, other_accuracy, other_loss)) =
            (one.rank(), other.rank());
        let by_scores = accuracy.total_cmp(&other_accuracy).then(loss.total_cmp(&other_loss));
        failed.cmp(&other_failed).then(by_scores)
    });
    let (ranked, plans): (Vec<_>, Vec<_>) = ranked.into_iter().unzip();
    if let Some(failure) = &ranked[0].failure {
        return Err(CommandError::NothingTuned(failure.clone()));
    }

    let best = plans[0].to_toml();
    let rows = (Some(&prepared.split.train), Some(&prepared.split.test));
    let document = Tuning {
        origin: results::origin(&prepared.plan, rows, started, cli::Over::Memory, threads),
        seed: prepared.plan.seed().0,
        regime: args.regime.name().to_owned(),
        folds,
        combinations: space.combinations(),
        keys: space.names(),
        seconds: began.elapsed().as_secs_f64(),
        candidates: ranked,
    };
    directory.write_plan(&best)?;
    directory.write_summary(&document)?;
    directory.write_report(&report::tune(&document, &best)?)?;
    output::result(&document, args.json, || table::tuning(&document))?;
    progress.note(&format!("the best plan: {}", directory.plan_path().display()));
    progress.note(&format!("report: {}", directory.report_path().display()));
    Ok(())
}

fn candidates(args: &cli::Tune, plan: &Plan) -> Result<(SearchSpace, Vec<Candidate>), CommandError> {
    let further = args.over.iter().map(|over| Dimension::parse(over)).collect::<Result<_, _>>()?;
    let space = SearchSpace::new(plan, further)?;
    let candidates = match args.random {
        None => space.grid()?,
        Some(count) => space.random(count as usize, &mut plan.seed().stream(Purpose::Search))?,
    };
    Ok((space, candidates))
}

/// The plans of all candidates: each is sound and fits the rows before the first of them is trained.
fn plans(args: &cli::Tune, prepared: &Prepared, candidates: &[Candidate]) -> Result<Vec<Plan>, CommandError> {
    let text = plan_text(&args.plan.plan)?;
    let overrides = setting::overrides(&args.plan);
    let dataset = prepared.split.train.dataset();
    let plan = |candidate: &Candidate| {
        let plan = candidate.plan(&text, overrides)?;
        plan.network(dataset.width(), dataset.outputs())?;
        Ok(plan)
    };
    let named = |candidate: &Candidate| {
        plan(candidate)
            .map_err(|error| CommandError::plan(format!("{} with {candidate}", args.plan.plan), error))
    };
    candidates.iter().map(named).collect()
}

/// Every plan on every fold, in that order, on so many threads. Each takes what is next and trains it alone, so that
/// their number changes nothing but the time.
fn judge(
    plans: &[Plan],
    splits: &[Split],
    regime: Regime,
    threads: usize,
    task: &Task,
) -> Result<Vec<Judged>, CommandError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Judged)>, CommandError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .map_err(|source| CommandError::Threads { threads, source })?;
        let mut judged = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let (Some(plan), split) = (plans.get(number / splits.len()), &splits[number % splits.len()])
            else {
                return Ok(judged);
            };
            let began = Instant::now();
            let scores = pool.install(|| validate(plan, split, regime));
            judged.push((number, (scores, began.elapsed().as_secs_f64())));
            task.advance(1);
        }
    };
    let shares = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join());
        ended.map(|share| share.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect::<Vec<_>>()
    });
    let mut judged = Vec::with_capacity(plans.len() * splits.len());
    for share in shares {
        judged.extend(share?);
    }
    judged.sort_by_key(|(number, _)| *number);
    Ok(judged.into_iter().map(|(_, judged)| judged).collect())
}

/// A candidate with what came out on all folds.
fn tuned(candidate: &Candidate, plan: &Plan, judged: &[Judged]) -> TunedCandidate {
    let failure = judged.iter().find_map(|(scores, _)| scores.as_ref().err()).map(ToString::to_string);
    let scores: Vec<Scores> = judged.iter().filter_map(|(scores, _)| scores.as_ref().ok().copied()).collect();
    let whole = failure.is_none();
    let accuracies: Option<Vec<f64>> = scores.iter().map(|scores| scores.accuracy).collect();
    let losses = scores.iter().map(|scores| scores.loss).collect();
    TunedCandidate {
        values: candidate.values(),
        plan_sha256: plan.digest().to_string(),
        validation_accuracy: accuracies.filter(|_| whole).and_then(Estimate::of),
        validation_loss: Some(losses).filter(|_| whole).and_then(Estimate::of),
        seconds: judged.iter().map(|(_, seconds)| seconds).sum::<f64>() / judged.len() as f64,
        failure,
    }
}
