//! Load for a coordinator on this machine: clients with keys of their own that sign, check in and upload, round after round.
//!
//! ```text
//! privet coordinator examples/plans/load.toml --state state
//! cargo run --release --example load -- --clients 64 --seconds 60 --rate 150 --pid $(pgrep -x privet)
//! ```
//!
//! It says how many updates a second were accepted and how long an upload took, then reads the records of the rounds and
//! counts what was acknowledged but is in none (lost), and what is in more than one place (doubled). With `--idle` the
//! clients only wait, each in a long poll of its own, in a federation that is for more clients than come.
//!
//! The updates are of full size and next to nothing: nobody trains. The keys follow from the clients' numbers, so that a
//! second run goes on with the same clients; whoever reads this file has them too.

use clap::Parser;
use privet_client::{Connection, HeldLease, HttpTransport, Patience, Transport};
use privet_core::encoding::Update;
use privet_core::identity::Identity;
use privet_core::plan::Plan;
use privet_core::protocol::{CheckInAnswer, FederationState, HexDigest, ReceiptMessage, UpdateMessage};
use privet_core::round::SealedRecord;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How many clients enrol at a time: the queue of a listening socket is short.
const ENROLLING: usize = 64;
/// How long the last round may take once the time is over.
const LAST_ROUND: Duration = Duration::from_secs(60);
/// How many times it is told how things stand.
const LINES: u32 = 10;

type Fault = Box<dyn Error + Send + Sync>;
type Line = Connection<HttpTransport>;

/// Drives signed clients against a coordinator that runs on this machine.
#[derive(Debug, Parser)]
struct Args {
    /// Where the coordinator is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7310")]
    coordinator: String,
    /// How many clients there are; each has at most one upload under way.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// For how many seconds rounds are begun, or waited for.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Begin no more uploads a second than this, evenly spread; as many as there can be if left out.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Only wait: enrol, and hold a check-in each.
    #[arg(long)]
    idle: bool,
    /// The process of the coordinator, to tell its memory (Linux).
    #[arg(long)]
    pid: Option<u32>,
}

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let args = Args::parse();
    let transport = HttpTransport::new(&args.coordinator)?;
    let host = transport.authority().rsplit_once(':').map_or(transport.authority(), |(host, _)| host);
    if !["127.0.0.1", "[::1]", "localhost"].contains(&host) {
        return Err(format!("{host} is another machine: load only a coordinator on this one").into());
    }
    let line = Arc::new(Connection::new(transport, Patience::default(), 0));
    let state = line.federation().await?;
    fits(&args, &state)?;
    let plan = Plan::parse(&state.plan)?;
    let shape = plan.data().shape().ok_or("the plan does not say how many inputs its network has")?;
    let parameters = plan.network(shape.features, shape.outputs)?.layout().len();
    let bytes = UpdateMessage::encoded_len(parameters);
    println!("{} clients, {parameters} parameters, {bytes} bytes an update", args.clients);

    let load = Arc::new(Load::new(args.rate, parameters));
    let mut clients = begin(args.clients, &line, &load);
    watch(&args, &load, &mut clients).await?;
    if args.idle {
        return Ok(());
    }
    load.progress().over = true;
    // Whoever is in no cohort any more would wait for ever.
    while let Ok(Some(ended)) = timeout(LAST_ROUND, clients.join_next()).await {
        ended??;
    }
    let accepted = std::mem::take(&mut load.progress().accepted);
    conclude(&accepted, &records_of(&line, &accepted).await?)
}

/// Whether so many clients begin the federation, or just do not if they are to wait.
fn fits(args: &Args, state: &FederationState) -> Result<(), Fault> {
    let (clients, wait_for, places) = (args.clients, state.wait_for, state.places);
    match clients <= places && (clients < wait_for) == args.idle {
        true => Ok(()),
        false => Err(format!(
            "the federation has {places} places and begins with {wait_for} clients: {clients} that {} do not suit it; \
             start the coordinator with another --clients",
            if args.idle { "only wait" } else { "upload" }
        )
        .into()),
    }
}

/// What is shared by all clients.
struct Load {
    /// From one upload to the next.
    gap: Duration,
    update: Update,
    progress: Mutex<Progress>,
}

struct Progress {
    enrolled: u32,
    /// The last round that was begun.
    newest: u32,
    /// Whether later ones are not begun any more.
    over: bool,
    /// When the next upload may begin.
    due: Instant,
    accepted: Vec<Accepted>,
}

/// An update that was acknowledged.
struct Accepted {
    receipt: ReceiptMessage,
    /// From when its upload was due until it was acknowledged.
    took: Duration,
    at: Instant,
}

impl Load {
    fn new(rate: Option<u32>, parameters: usize) -> Load {
        // A few steps of the grid in either direction: the model stays where it is, however many rounds there are.
        let delta = (0..parameters as i32).map(|at| at % 17 - 8).collect();
        let (enrolled, newest, over, due, accepted) = (0, 0, false, Instant::now(), Vec::new());
        Load {
            gap: rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate),
            update: Update { delta, weight: 1, loss: 0 },
            progress: Mutex::new(Progress { enrolled, newest, over, due, accepted }),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the upload for a round may begin; none if the time was over before the round began.
    fn begin(&self, round: u32) -> Option<Instant> {
        let mut progress = self.progress();
        if progress.over && round > progress.newest {
            return None;
        }
        progress.newest = progress.newest.max(round);
        let due = progress.due.max(Instant::now());
        progress.due = due + self.gap;
        Some(due)
    }
}

/// Lets the clients enrol, each under a key of its own, and then take part.
fn begin(clients: u32, line: &Arc<Line>, load: &Arc<Load>) -> JoinSet<Result<(), Fault>> {
    let enrolling = Arc::new(Semaphore::new(ENROLLING));
    let mut tasks = JoinSet::new();
    for number in 1..=clients {
        let (line, load, enrolling) = (Arc::clone(line), Arc::clone(load), Arc::clone(&enrolling));
        tasks.spawn(async move {
            let (identity, permit) = (identity(number), enrolling.acquire().await?);
            let client = line.enrol(&identity, Some(number), None).await?.client;
            load.progress().enrolled += 1;
            drop(permit);
            take_part(&line, &load, client, &identity).await
        });
    }
    tasks
}

/// The key of a client, the same each time.
fn identity(number: u32) -> Identity {
    let mut secret = [0; 32];
    secret[..4].copy_from_slice(&number.to_le_bytes());
    Identity::from_random(&secret)
}

/// Uploads an update for every round, until the time is over.
async fn take_part(line: &Line, load: &Load, client: u32, identity: &Identity) -> Result<(), Fault> {
    loop {
        let (round, lease) = match line.check_in(client, identity).await? {
            CheckInAnswer::Train { round, lease, .. } => (round, HeldLease::from(lease)),
            CheckInAnswer::Wait => continue,
            CheckInAnswer::Mask { .. } => {
                return Err("the rounds of the plan are masked: take another".into());
            }
            CheckInAnswer::Finished { .. } => return Err("the plan has too few rounds for the time".into()),
        };
        let Some(due) = load.begin(round) else { return Ok(()) };
        sleep_until(due).await;
        let body = UpdateMessage { round, client, update: load.update.clone() }.encode();
        let receipt = line.upload((round, client), identity, lease, body.into()).await?;
        load.progress().accepted.push(Accepted { receipt, took: due.elapsed(), at: Instant::now() });
    }
}

/// Tells how things stand until the time is over, which begins when all have enrolled. A client that ends before is a fault.
async fn watch(args: &Args, load: &Load, clients: &mut JoinSet<Result<(), Fault>>) -> Result<(), Fault> {
    while load.progress().enrolled < args.clients {
        tokio::select! {
            Some(ended) = clients.join_next() => ended??,
            () = sleep(Duration::from_millis(10)) => {}
        }
    }
    let begun = Instant::now();
    for line in 0..=LINES {
        let at = Duration::from_secs(args.seconds.into()) * line / LINES;
        tokio::select! {
            Some(ended) = clients.join_next() => ended??,
            () = sleep_until(begun + at) => {}
        }
        let memory = args.pid.map(memory).transpose()?.unwrap_or_default();
        let standing = match args.idle {
            true => format!("{} wait", clients.len()),
            false => format!("{} accepted", load.progress().accepted.len()),
        };
        println!("{:5.0} s  {standing}{memory}", at.as_secs_f64());
    }
    Ok(())
}

/// The memory and the open files of a process.
fn memory(pid: u32) -> io::Result<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let megabytes = |key: &str| {
        let kilobytes = status.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next());
        kilobytes.and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024 / 1_000_000
    };
    let files = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    let (now, most) = (megabytes("VmRSS:"), megabytes("VmHWM:"));
    Ok(format!(", coordinator {now} MB, {most} MB at most, {files} open files"))
}

/// The records, once the last round in which an update was acknowledged is among them.
async fn records_of(line: &Line, accepted: &[Accepted]) -> Result<Vec<SealedRecord>, Fault> {
    let last = accepted.iter().max_by_key(|accepted| accepted.receipt.round).ok_or("nothing was accepted")?;
    let client = last.receipt.client;
    let give_up = Instant::now() + LAST_ROUND;
    loop {
        let records = line.records(client, &identity(client)).await?;
        let over = records.last().is_some_and(|sealed| sealed.record.round >= last.receipt.round);
        if over || Instant::now() > give_up {
            return Ok(records);
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Tells how fast it was, and holds what was acknowledged against the records.
fn conclude(accepted: &[Accepted], records: &[SealedRecord]) -> Result<(), Fault> {
    let mut took: Vec<_> = accepted.iter().map(|accepted| accepted.took).collect();
    took.sort_unstable();
    let quantile = |part: f64| took[((took.len() - 1) as f64 * part).round() as usize].as_millis();
    let first = accepted.iter().map(|accepted| accepted.at - accepted.took).min();
    let last = accepted.iter().map(|accepted| accepted.at).max();
    let seconds = first.zip(last).map_or(0.0, |(first, last)| (last - first).as_secs_f64());
    println!("accepted {} in {seconds:.1} s: {:.1}/s", took.len(), took.len() as f64 / seconds);
    println!("upload   p50 {} ms, p99 {} ms, longest {} ms", quantile(0.5), quantile(0.99), quantile(1.0));

    // An update names its round and its client: no two have the same digest.
    let mut places: BTreeMap<HexDigest, Vec<(u32, u32)>> = BTreeMap::new();
    for SealedRecord { record, .. } in records {
        for (client, contribution) in &record.contributions {
            if let Some(digest) = contribution.digest {
                places.entry(digest).or_default().push((record.round, *client));
            }
        }
    }
    let is_lost = |Accepted { receipt, .. }: &&Accepted| {
        places
            .get(&receipt.update_sha256)
            .is_none_or(|places| !places.contains(&(receipt.round, receipt.client)))
    };
    let lost = accepted.iter().filter(is_lost).count();
    let doubled = places.values().filter(|places| places.len() > 1).count();
    println!("lost     {lost}\ndoubled  {doubled}");
    match lost + doubled {
        0 => Ok(()),
        _ => Err("what was acknowledged does not count exactly once".into()),
    }
}
