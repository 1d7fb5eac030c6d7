//! `privet compare`: what does federated learning cost in accuracy?
//!
//! For every seed the same rows, the same first model and the same number of example-gradients, three times over:
//! federated, centralized on the pooled rows, and every client on its own.

use crate::cli;
use crate::document::compare::{
    CENTRALIZED, Comparison, CurvePoint, FEDERATED, LOCAL_ONLY, Regime, private_name,
};
use crate::document::estimate::{Estimate, Interval};
use crate::document::round::{Bytes, Round};
use crate::error::CommandError;
use crate::explanation;
use crate::federated::{self, FederatedRun};
use crate::noise::NO_GUARANTEE;
use crate::output;
use crate::private_baseline;
use crate::progress::{Progress, Task};
use crate::quantity;
use crate::report;
use crate::results;
use crate::run_directory::RunDirectory;
use crate::setting::{self, Prepared, Setting};
use crate::table;
use privet_core::plan::{Plan, PlanError};
use privet_core::random::{Purpose, Seed};
use privet_core::simulation::{Checkpoint, Scores, Start, centralized, local_only};
use rayon::ThreadPoolBuilder;
use std::time::{Instant, SystemTime};

/// At how many points of the way the clients on their own are judged: each point costs as many judgements as there
/// are clients.
const LOCAL_CHECKPOINTS: usize = 10;

/// How masks are called in the name of a row.
const MASKS: &str = "secure aggregation";

/// One regime, one seed.
struct SeedRun {
    /// The way there: example-gradients and scores, from the first model to the last.
    way: Vec<(u64, Scores)>,
    seconds: f64,
    bytes: Bytes,
    /// What was spent of its privacy; 0 where none is promised.
    epsilon: f64,
}

/// Runs the comparison, prints its answer and keeps its results.
pub(crate) fn run(args: &cli::Compare, progress: &Progress) -> Result<(), CommandError> {
    let started = SystemTime::now();
    let prepared = Prepared::new(&args.plan, args.run.noise_seed, progress)?;
    let bare = prepared.plan.unprotected();
    let rows = rows_of(&prepared.plan).map_err(|error| CommandError::plan(&args.plan.plan, error))?;
    let threads = setting::threads(args.run.threads);
    let mut directory = RunDirectory::create(args.run.out.as_deref(), prepared.plan.name(), started)?;
    let plan = prepared.plan.to_toml();
    results::note_set_aside(&directory, progress);
    directory.write_plan(&plan)?;

    let first = prepared.plan.seed().0;
    let seeds: Vec<u64> = (0..u64::from(args.seeds)).map(|at| first.wrapping_add(at)).collect();
    let rounds = prepared.plan.rounds();
    let total = seeds.len() as u64;
    let rounds_of_rows: u64 = rows.iter().map(|row| u64::from(row.plan.rounds())).sum();
    let steps = total * (u64::from(rounds) + rounds_of_rows);
    let federated_task = progress.task(FEDERATED, steps, "rounds");
    let baselines_task = progress.task("baselines", 2 * total, "runs");
    let mut regimes = [Vec::new(), Vec::new(), Vec::new()];
    let mut runs_of_rows: Vec<Vec<SeedRun>> = rows.iter().map(|_| Vec::new()).collect();
    let mut pooled_of_rows: Vec<Vec<SeedRun>> = rows.iter().map(|_| Vec::new()).collect();
    let mut labels = None;
    let mut budget = 0;
    let mut explanation = None;
    for (at, seed) in seeds.iter().enumerate() {
        let setting = prepared.variant(&bare, Seed(*seed))?;
        let federated = federate(&setting, None, args, threads, &mut directory, &federated_task)?;
        let (pooled, alone) = baselines(&setting, &federated, threads, &baselines_task)?;
        if at == 0 {
            directory.write_model(&federated.model)?;
            labels = Some(results::labels(setting.labels()));
            explanation = explanation::of_model(
                &federated.model,
                &setting.holdings.test,
                setting.plan.seed(),
                threads,
            )?;
            budget = *federated.gradients.last().unwrap_or(&0);
        }
        let first_scores = pooled.way[0].1;
        for ((row, runs), pooled_runs) in rows.iter().zip(&mut runs_of_rows).zip(&mut pooled_of_rows) {
            let setting = prepared.variant(&row.plan, Seed(*seed))?;
            let run = federate(&setting, Some(&row.name), args, threads, &mut directory, &federated_task)?;
            if let Some(warning) = run.warning.as_ref().filter(|_| at == 0) {
                progress.note(&format!("warning: {}: {warning}", row.name));
            }
            if at == 0 && setting.plan.protection().is_some() {
                // The model that the plan promises is the one to keep.
                directory.write_model(&run.model)?;
            }
            let run = way_of(&run, first_scores);
            let began = Instant::now();
            if let Some(way) = private_baseline::way(&setting, &run.way, run.epsilon)? {
                let (seconds, bytes, epsilon) =
                    (began.elapsed().as_secs_f64(), Bytes::default(), run.epsilon);
                pooled_runs.push(SeedRun { way, seconds, bytes, epsilon });
            }
            runs.push(run);
        }
        regimes[2].push(way_of(&federated, first_scores));
        regimes[1].push(alone);
        regimes[0].push(pooled);
    }

    drop((federated_task, baselines_task));
    let [pooled, alone, federated] = regimes;
    let mut regimes = vec![
        regime(CENTRALIZED, &pooled, false),
        regime(LOCAL_ONLY, &alone, false),
        regime(FEDERATED, &federated, true),
    ];
    for ((row, runs), pooled) in rows.iter().zip(&runs_of_rows).zip(&pooled_of_rows) {
        regimes.push(row.regime(&row.name, runs, true, args.run.noise_seed));
        if !pooled.is_empty() {
            regimes.push(row.regime(&row.pooled_name, pooled, false, args.run.noise_seed));
        }
    }
    let private = rows.iter().any(|row| row.plan.protection().is_some());
    if private && args.run.noise_seed.is_some() {
        progress.note(&format!("warning: {NO_GUARANTEE}"));
    }
    let data = (Some(&prepared.split.train), Some(&prepared.split.test));
    let document = Comparison {
        origin: results::origin(&prepared.plan, data, started, args.run.over, threads),
        seeds,
        rounds,
        budget,
        rows: regimes,
        explanation,
    };
    directory.write_summary(&document)?;
    directory.write_report(&report::compare(&document, labels.as_ref(), &plan)?)?;
    output::result(&document, args.run.json, || table::comparison(&document))?;
    progress.note(&format!("report: {}", directory.report_path().display()));
    Ok(())
}

/// A variant of the federation: its updates are hidden, or privacy is promised, or whatever else the plan names.
struct Row {
    name: String,
    /// The name of its counterpart on the pooled rows, if there is one.
    pooled_name: String,
    plan: Plan,
}

/// The rows that the plan asks for: its masks alone, the promises it makes, and those that it names.
fn rows_of(plan: &Plan) -> Result<Vec<Row>, PlanError> {
    let masked = plan.masked_row()?;
    let hidden = masked.as_ref().map_or_else(|| FEDERATED.to_owned(), |_| format!("{FEDERATED} + {MASKS}"));
    let masked = masked.map(|plan| Row { name: hidden.clone(), pooled_name: CENTRALIZED.to_owned(), plan });
    let private = plan.private_rows()?.into_iter().map(|(target, plan)| {
        let unit = plan.protection().expect("a private row promises privacy").unit();
        let name = |regime| private_name(regime, unit, target);
        Row { name: name(&hidden), pooled_name: name(CENTRALIZED), plan }
    });
    let named = plan.named_rows()?.into_iter().map(|(name, plan)| {
        let pooled_name = format!("{name}, on the pooled rows");
        Row { name, pooled_name, plan }
    });
    Ok(masked.into_iter().chain(private).chain(named).collect())
}

impl Row {
    /// The row with what it promises, if it does, and whom one must trust for it.
    fn regime(&self, name: &str, runs: &[SeedRun], has_rounds: bool, noise_seed: Option<u64>) -> Regime {
        let regime = regime(name, runs, has_rounds);
        let Some(protection) = self.plan.protection() else { return regime };
        let trusted = match noise_seed {
            None => protection.trusted(),
            Some(_) => "no guarantee: noise seed given",
        };
        // Pooled, whoever holds the rows sees them.
        let trusted = if has_rounds || noise_seed.is_some() { trusted } else { "whoever pools the rows" };
        Regime {
            unit: Some(protection.unit().to_owned()),
            epsilon: Some(runs.iter().map(|run| run.epsilon).fold(0.0, f64::max)),
            delta: Some(protection.delta()),
            trusted: Some(trusted.to_owned()),
            ..regime
        }
    }
}

fn federate(
    setting: &Setting,
    row: Option<&str>,
    args: &cli::Compare,
    threads: usize,
    directory: &mut RunDirectory,
    task: &Task,
) -> Result<FederatedRun, CommandError> {
    federated::run(setting, &args.run, threads, &mut |round| {
        directory.append_round(&Round { row: row.map(str::to_owned), ..round.clone() })?;
        if let Some(accuracy) = round.test_accuracy {
            task.message(&format!("accuracy {} %", quantity::percent(accuracy)));
        }
        task.advance(1);
        Ok(())
    })
}

/// The two baselines at the budget of a federated run, beside each other.
fn baselines(
    setting: &Setting,
    federated: &FederatedRun,
    threads: usize,
    task: &Task,
) -> Result<(SeedRun, SeedRun), CommandError> {
    let model = setting.network.initialize(&mut setting.plan.seed().stream(Purpose::Initialization));
    let start = Start {
        network: &setting.network,
        model: &model,
        recipe: setting.plan.recipe(),
        seed: setting.plan.seed(),
    };
    let holdings = &setting.holdings;
    let budgets: Vec<u64> = [0].into_iter().chain(federated.gradients.iter().copied()).collect();
    let few = evenly(&budgets, LOCAL_CHECKPOINTS);
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|source| CommandError::Threads { threads, source })?;
    let (pooled, alone) = pool.install(|| {
        rayon::join(
            || {
                let began = Instant::now();
                let (_, way) = centralized(&start, &holdings.pooled, &holdings.test, &budgets)?;
                task.advance(1);
                Ok::<_, CommandError>(seed_run(&way, began))
            },
            || {
                let began = Instant::now();
                let way = local_only(&start, &holdings.clients, &holdings.test, &few)?;
                task.advance(1);
                Ok::<_, CommandError>(seed_run(&way, began))
            },
        )
    });
    Ok((pooled?, alone?))
}

fn seed_run(way: &[Checkpoint], began: Instant) -> SeedRun {
    SeedRun {
        way: way.iter().map(|checkpoint| (checkpoint.gradients, checkpoint.test)).collect(),
        seconds: began.elapsed().as_secs_f64(),
        bytes: Bytes::default(),
        epsilon: 0.0,
    }
}

/// The way of a federated run, which starts from the same model as the baselines.
fn way_of(run: &FederatedRun, first: Scores) -> SeedRun {
    let rounds = run.gradients.iter().zip(&run.rounds).filter_map(|(gradients, round)| {
        let scores = Scores { loss: round.test_loss?, accuracy: round.test_accuracy };
        Some((*gradients, scores))
    });
    SeedRun {
        way: [(0, first)].into_iter().chain(rounds).collect(),
        seconds: run.seconds,
        bytes: Bytes::of(&run.rounds),
        epsilon: run.rounds.iter().filter_map(|round| round.epsilon).fold(0.0, f64::max),
    }
}

fn regime(name: &str, runs: &[SeedRun], has_rounds: bool) -> Regime {
    let last = |run: &SeedRun| run.way[run.way.len() - 1].1;
    let mean = |value: &dyn Fn(&SeedRun) -> f64| runs.iter().map(value).sum::<f64>() / runs.len() as f64;
    let losses = runs.iter().map(|run| last(run).loss).collect();
    let accuracies: Option<Vec<f64>> = runs.iter().map(|run| last(run).accuracy).collect();
    let points = runs.iter().map(|run| run.way.len()).min().unwrap_or(0);
    Regime {
        name: name.to_owned(),
        test_accuracy: accuracies.and_then(Estimate::of),
        test_loss: Estimate::of(losses).expect("there is at least one seed: the command line says so"),
        seconds: mean(&|run| run.seconds),
        bytes_up: mean(&|run| run.bytes.up as f64) as u64,
        bytes_down: mean(&|run| run.bytes.down as f64) as u64,
        curve: (0..points).map(|at| point(runs, at, has_rounds)).collect(),
        unit: None,
        epsilon: None,
        delta: None,
        trusted: None,
    }
}

fn point(runs: &[SeedRun], at: usize, has_rounds: bool) -> CurvePoint {
    let losses: Vec<f64> = runs.iter().map(|run| run.way[at].1.loss).collect();
    let accuracies: Option<Vec<f64>> = runs.iter().map(|run| run.way[at].1.accuracy).collect();
    CurvePoint {
        examples: runs.iter().map(|run| run.way[at].0).sum::<u64>() / runs.len() as u64,
        round: has_rounds.then_some(at as u32),
        test_accuracy: accuracies.and_then(|accuracies| Interval::of(&accuracies)),
        test_loss: Interval::of(&losses).expect("there is at least one seed: the command line says so"),
    }
}

/// At most `count + 1` of the values, evenly spread, the first and the last among them.
fn evenly(values: &[u64], count: usize) -> Vec<u64> {
    let last = values.len() - 1;
    let mut places: Vec<usize> = (0..=count).map(|at| at * last / count).collect();
    places.dedup();
    places.into_iter().map(|at| values[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinned_values_keep_their_ends() {
        let values: Vec<u64> = (0..=50).collect();
        assert_eq!(evenly(&values, 10), [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
        assert_eq!(evenly(&[0, 7], 10), [0, 7]);
    }
}
