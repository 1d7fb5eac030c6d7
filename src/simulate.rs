//! `privet simulate`: a federation with all its clients in this process.

use crate::cli;
use crate::document::simulate::Simulation;
use crate::error::CommandError;
use crate::explanation;
use crate::federated;
use crate::metrics;
use crate::output;
use crate::progress::Progress;
use crate::quantity;
use crate::report;
use crate::results;
use crate::run_directory::RunDirectory;
use crate::setting::{self, Prepared};
use crate::table;
use std::time::SystemTime;

/// Runs the federation, prints how it ended and keeps its results.
pub(crate) fn run(args: &cli::Simulate, progress: &Progress) -> Result<(), CommandError> {
    let started = SystemTime::now();
    let prepared = Prepared::new(&args.plan, args.run.noise_seed, progress)?;
    let threads = setting::threads(args.run.threads);
    let mut directory = RunDirectory::create(args.run.out.as_deref(), prepared.plan.name(), started)?;
    let plan = prepared.plan.to_toml();
    results::note_set_aside(&directory, progress);
    directory.write_plan(&plan)?;

    let setting = prepared.with_seed(prepared.plan.seed())?;
    let task = progress.task(prepared.plan.name(), u64::from(prepared.plan.rounds()), "rounds");
    let run = federated::run(&setting, &args.run, threads, &mut |round| {
        directory.append_round(round)?;
        if let Some(accuracy) = round.test_accuracy {
            task.message(&format!("accuracy {} %", quantity::percent(accuracy)));
        }
        task.advance(1);
        Ok(())
    })?;
    drop(task);
    directory.write_model(&run.model)?;

    let rows = (Some(&prepared.split.train), Some(&prepared.split.test));
    let origin = results::origin(&prepared.plan, rows, started, args.run.over, threads);
    let explanation =
        explanation::of_model(&run.model, &setting.holdings.test, setting.plan.seed(), threads)?;
    let warning = run.warning;
    let spent = run.rounds.iter().filter_map(|round| round.epsilon).fold(0.0, f64::max);
    let privacy = results::privacy(&prepared.plan, spent, args.run.noise_seed, run.exhausted);
    let seed = prepared.plan.seed();
    let metrics = Some(metrics::of_model(&run.model, &setting.holdings.test, threads)?);
    let document = results::simulation(origin, seed, (&run.model, metrics), run.seconds, run.rounds, privacy);
    let document = Simulation { explanation, ..document };
    results::note_privacy(&document, progress);
    if let Some(warning) = warning {
        progress.note(&format!("warning: {warning}"));
    }
    directory.write_summary(&document)?;
    let labels = results::labels(setting.labels());
    directory.write_report(&report::simulate(&document, Some(&labels), &plan)?)?;
    output::result(&document, args.run.json, || table::simulation(&document))?;
    progress.note(&format!("report: {}", directory.report_path().display()));
    Ok(())
}
