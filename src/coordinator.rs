//! `privet coordinator`: serve the federation of a plan.

use crate::cli::{self, Over};
use crate::document::simulate::Simulation;
use crate::error::CommandError;
use crate::explanation;
use crate::interrupt;
use crate::metrics;
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
use privet_coordinator::{Checked, Doors, Ending, Enrolment, Options, tls_from_files};
use privet_core::data::{LoadError, Shard};
use privet_core::plan::Plan;
use privet_core::privacy::NoiseSeed;
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::net::TcpListener;

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
    let (options, doors) = (options(args, progress)?, runtime.block_on(doors(args))?);
    let opened = {
        let _runtime = runtime.enter();
        serving::open(&served, args.state.as_deref(), options)?
    };
    let mut directory = RunDirectory::create(args.out.as_deref(), served.plan.name(), started)?;
    let text = served.plan.to_toml();
    results::note_set_aside(&directory, progress);
    directory.write_plan(&text)?;
    tell_where(&doors, &served, progress);

    let task = progress.task(served.plan.name(), u64::from(served.plan.rounds()), "rounds");
    let mut records = None;
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
            News::Sealed(sealed) => {
                let file = match &mut records {
                    Some(file) => file,
                    None => records.insert(directory.begin_records()?),
                };
                file.append(sealed)?;
            }
        }
        Ok(())
    };
    let concluded =
        runtime.block_on(serving::serve(&served, opened, doors, interrupt::pressed(), &mut observe))?;
    drop(task);
    directory.write_model(&concluded.model)?;
    records.map_or_else(|| directory.begin_records(), Ok)?.finish()?;
    // They were not kept in memory while it served.
    let rounds = directory.rounds()?;

    let origin = results::origin(&served.plan, (None, served.test.as_ref()), started, Over::Http, threads);
    let Concluded { model, seconds, ending, exhausted, epsilon } = concluded;
    let spent = epsilon.unwrap_or(0.0);
    let privacy = results::privacy(&served.plan, spent, args.noise_seed, exhausted);
    let seed = served.plan.seed();
    let (metrics, explanation) = match &served.test {
        Some(test) => (
            Some(metrics::of_model(&model, test, threads)?),
            explanation::of_model(&model, test, seed, threads)?,
        ),
        None => (None, None),
    };
    let document = results::simulation(origin, seed, (&model, metrics), seconds, rounds, privacy);
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

/// What whoever runs the coordinator decides.
fn options(args: &cli::Coordinator, progress: &Progress) -> Result<Options, CommandError> {
    let enrolment = match &args.allow_list {
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|source| CommandError::ReadAllowList { path: path.clone(), source })?;
            Enrolment::of_list(&text)
                .map_err(|source| CommandError::AllowList { path: path.clone(), source })?
        }
        None if args.invite => Enrolment::Invited { listed: BTreeSet::new() },
        None => {
            progress.note(
                "WARNING: whoever reaches this coordinator can enrol; --invite or --allow-list bounds that",
            );
            Enrolment::Open
        }
    };
    Ok(Options { authorities: args.name.clone(), enrolment, ..Options::default() })
}

/// Where the coordinator is reached.
async fn doors(args: &cli::Coordinator) -> Result<Doors, CommandError> {
    let tls = match args.tls_cert.as_ref().zip(args.tls_key.as_ref()) {
        Some((certificate, key)) => Some(tls_from_files(certificate, key, args.tls_client_ca.as_deref())?),
        None if args.insecure || args.listen.ip().is_loopback() => None,
        None => return Err(CommandError::PlainHttp(args.listen)),
    };
    let following = if args.listen.port() == 0 { 0 } else { args.listen.port().wrapping_add(1) };
    let private = args.admin.unwrap_or(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), following));
    if !args.insecure && !private.ip().is_loopback() {
        return Err(CommandError::OpenAdministration(private));
    }
    let public = privet_coordinator::bind(&args.listen.to_string()).await?;
    let administration = Some(privet_coordinator::bind(&private.to_string()).await?);
    Ok(Doors { public, tls, administration })
}

fn tell_where(doors: &Doors, served: &Served, progress: &Progress) {
    if let Some(Ok(address)) = doors.administration.as_ref().map(TcpListener::local_addr) {
        progress.note(&format!("administration at {address}"));
    }
    if let Ok(address) = doors.public.local_addr() {
        let (name, wanted) = (served.plan.name(), served.plan.wait_for());
        let scheme = if doors.tls.is_some() { "https" } else { "http" };
        progress.note(&format!("serving {name} at {scheme}://{address}, waiting for {wanted} clients"));
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
