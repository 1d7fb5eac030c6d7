//! `privet coordinator`: serve the federation of a plan.

use crate::cli::{self, Over};
use crate::document::simulate::Simulation;
use crate::error::CommandError;
use crate::explanation;
use crate::interrupt;
use crate::noise;
use crate::output;
use crate::progress::Progress;
use crate::quantity;
use crate::report;
use crate::results;
use crate::run_directory::RunDirectory;
use crate::runtime;
use crate::serving::{self, Concluded, News, Served};
use crate::setting::{self, read_file};
use crate::table;
use privet_coordinator::{Checked, Ending, Options};
use privet_core::data::{LoadError, Shard};
use privet_core::plan::Plan;
use privet_core::privacy::NoiseSeed;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Serves until the last round is over, or until Ctrl-C; prints how it ended and keeps its results.
pub(crate) fn run(args: &cli::Coordinator, progress: &Progress) -> Result<(), CommandError> {
    if let Some(folder) = &args.check {
        return check(folder);
    }
    let started = SystemTime::now();
    let plan = setting::plan(&args.plan)?;
    setting::note_counted_rows(&plan, progress);
    let noise_seed = noise::seed(args.noise_seed, plan.seed().0)?;
    let served = served(plan, noise_seed)?;
    let threads = setting::threads(None);
    let runtime = runtime::new(threads)?;
    let listener = runtime.block_on(privet_coordinator::bind(&args.listen.to_string()))?;
    let options = Options { authorities: args.name.clone(), ..Options::default() };
    let opened = {
        let _runtime = runtime.enter();
        serving::open(&served, args.state.as_deref(), options)?
    };
    let mut directory = RunDirectory::create(args.out.as_deref(), served.plan.name(), started)?;
    let text = served.plan.to_toml();
    results::note_set_aside(&directory, progress);
    directory.write_plan(&text)?;
    if let Ok(address) = listener.local_addr() {
        let (name, wanted) = (served.plan.name(), served.plan.wait_for());
        progress.note(&format!("serving {name} at http://{address}, waiting for {wanted} clients"));
    }

    let task = progress.task(served.plan.name(), u64::from(served.plan.rounds()), "rounds");
    let mut observe = |news: News<'_>| {
        match news {
            News::Enrolled(count) => {
                progress.note(&format!("{count} of {} clients have enrolled", served.plan.wait_for()));
            }
            News::Round { line, .. } => {
                directory.append_round(line)?;
                if let Some(accuracy) = line.test_accuracy {
                    task.message(&format!("accuracy {} %", quantity::percent(accuracy)));
                }
                task.advance(1);
            }
        }
        Ok(())
    };
    let concluded =
        runtime.block_on(serving::serve(&served, opened, listener, interrupt::pressed(), &mut observe))?;
    drop(task);
    directory.write_model(&concluded.model)?;

    let origin = results::origin(&served.plan, (None, served.test.as_ref()), started, Over::Http, threads);
    let Concluded { model, rounds, seconds, ending, exhausted, epsilon } = concluded;
    let spent = epsilon.unwrap_or(0.0);
    let privacy = results::privacy(&served.plan, spent, args.noise_seed, exhausted);
    let document = results::simulation(origin, served.plan.seed(), &model, seconds, rounds, privacy);
    let explanation = match &served.test {
        Some(test) => explanation::of_model(&model, test, served.plan.seed(), threads)?,
        None => None,
    };
    let document = Simulation { explanation, ..document };
    results::note_privacy(&document, progress);
    directory.write_summary(&document)?;
    directory.write_report(&report::simulate(&document, None, &text)?)?;
    output::result(&document, args.json, || table::simulation(&document))?;
    progress.note(&format!("report: {}", directory.report_path().display()));
    match ending {
        Ending::Finished => Ok(()),
        Ending::Stopped => Err(CommandError::Interrupted),
    }
}

/// Says whether a state folder is sound, and what it holds.
fn check(folder: &Path) -> Result<(), CommandError> {
    let Checked { plan_sha256, enrolled, rounds, counted, model_sha256, head, orphans, epsilon } =
        privet_coordinator::check_folder(folder)?;
    let open = match counted {
        Some(counted) => format!("round {} is open, with {counted} updates", rounds + 1),
        None => "no round is open".to_owned(),
    };
    let spent = match epsilon {
        Some(epsilon) => format!("\nprivacy spent: epsilon {epsilon:.3}"),
        None => String::new(),
    };
    output::print(&format!(
        "sound: {enrolled} clients, {rounds} rounds over, {open}\n\
         plan         {plan_sha256}\n\
         model        {model_sha256}\n\
         last record  {head}\n\
         files that the next start removes: {orphans}{spent}"
    ))
}

/// The federation of a plan, with the test rows if the coordinator can see any.
fn served(plan: Plan, noise_seed: Arc<NoiseSeed>) -> Result<Served, CommandError> {
    let undeclared = plan.data().undeclared();
    if !undeclared.is_empty() {
        return Err(CommandError::Undeclared(undeclared.join(", ")));
    }
    let test = test_rows(&plan)?;
    let shape = plan.data().shape().map(|shape| (shape.features, shape.outputs));
    let seen = test.as_ref().map(|test| (test.dataset().width(), test.dataset().outputs()));
    let (inputs, outputs) = shape.or(seen).ok_or(CommandError::UnknownShape)?;
    let network = Arc::new(plan.network(inputs, outputs)?);
    Ok(Served { plan, network, test, noise_seed })
}

/// The test rows of the plan, if its files are here: a coordinator need not have any.
fn test_rows(plan: &Plan) -> Result<Option<Shard>, CommandError> {
    let data = plan.data();
    match data.load(&mut read_file) {
        Ok(loaded) => Ok(Some(data.standardization().view_own(&data.split(&loaded)?.test)?)),
        Err(LoadError::NotFound { .. } | LoadError::NoPath) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
