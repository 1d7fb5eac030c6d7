//! A federation on a simulated network, from its first request to its end.

use super::door::{Connections, Door};
use super::federation::{CLIENTS, Kind, UnitRow, identity, plan};
use super::keeper::Keeper;
use super::line::{COORDINATOR, Echo, Line, exchange, outcome, what};
use super::sight::Sight;
use super::tls;
use super::weather::{self, CALM, Happening, USUAL_DELAY, forecast, name};
use privet_client::{Agent, AnsweredRounds, Connection, Ending, Masks, Membership, Patience};
use privet_coordinator::{Charter, Clock, Doors, Journal, Limits, Options, Service, Store, run};
use privet_core::participant::LocalTraining;
use privet_core::random::{Purpose, Seed};
use privet_core::round::Timestamp;
use rand::RngExt;
use std::collections::BTreeMap;
use std::future::pending;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::{Mutex, mpsc};
use turmoil::Sim;

/// How finely simulated time runs.
const STEP: Duration = Duration::from_millis(20);
/// How long a federation may take once there are no faults any more.
const TIME_TO_FINISH: Duration = Duration::from_secs(60);
/// How far a client's clock may be from the coordinator's, in milliseconds: less than signatures bear.
const SKEW: u64 = 90_000;
/// How long a process that died at a transaction of its own is away.
const AWAY: Duration = Duration::from_millis(400);
/// When simulations begin, in seconds since the Unix epoch.
const START: u64 = 1_800_000_000;

/// Runs a federation on what `open` gives whenever a coordinator starts. What happened is then in the sight; gives
/// whether the federation finished in time.
pub(super) fn simulate<S: Store>(
    kind: Kind,
    seed: u64,
    journal: &Journal,
    sight: &Arc<Sight>,
    open: impl Fn() -> Arc<S> + Clone + 'static,
) -> bool {
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .epoch(UNIX_EPOCH + Duration::from_secs(START))
        .tick_duration(STEP)
        .simulation_duration(Duration::MAX)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(USUAL_DELAY)
        .repair_rate(0.3)
        .enable_random_order()
        .build();
    let (journal, of_coordinator, connections) = (journal.clone(), Arc::clone(sight), Arc::default());
    let of_door = Arc::clone(&connections);
    sim.host(COORDINATOR, move || {
        coordinator(kind, open.clone(), journal.clone(), Arc::clone(&of_coordinator), Arc::clone(&of_door))
    });
    let (echoes, heard) = mpsc::unbounded_channel();
    let (heard, of_echoes) = (Arc::new(Mutex::new(heard)), Arc::clone(sight));
    sim.host("echoes", move || echo(kind, Arc::clone(&heard), Arc::clone(&of_echoes)));
    // What a client has on its disk outlives its process.
    let disks = tempfile::tempdir().expect("a folder can be made");
    for client in 1..=CLIENTS {
        let key = disks.path().join(name(client));
        let (sight, echoes, starts) = (Arc::clone(sight), echoes.clone(), AtomicU64::new(0));
        sim.host(name(client), move || {
            let start = starts.fetch_add(1, Ordering::Relaxed);
            let line = Line { kind, client, sight: Arc::clone(&sight), echoes: echoes.clone() };
            agent(kind, line, seed, start, key.clone())
        });
    }
    pass(&mut sim, seed, sight, &connections)
}

/// Lets time pass until every client knows that the federation has finished.
fn pass(sim: &mut Sim<'_>, seed: u64, sight: &Sight, connections: &Connections) -> bool {
    let mut ahead: Vec<(Duration, Happening)> = forecast(seed);
    ahead.reverse();
    let mut back = None;
    while sight.told.lock().unwrap().len() < CLIENTS as usize {
        let now = sim.elapsed();
        sight.set_time(now);
        if now > CALM + TIME_TO_FINISH || !sight.failures.lock().unwrap().is_empty() {
            return false;
        }
        while let Some((_, happening)) = ahead.pop_if(|(at, _)| *at <= now) {
            happen(sim, happening, sight, connections);
        }
        if back.is_some_and(|at| at <= now) {
            back = None;
            happen(sim, Happening::CoordinatorStarts, sight, connections);
        }
        if now >= CALM && sight.stormy.swap(false, Ordering::Relaxed) {
            clear(sim, sight);
            happen(sim, Happening::CoordinatorStarts, sight, connections);
        }
        sim.step().expect("no host of the simulation fails");
        if sight.doomed.swap(false, Ordering::Relaxed) {
            happen(sim, Happening::CoordinatorDies, sight, connections);
            back = Some(now + AWAY);
        }
    }
    true
}

fn happen(sim: &mut Sim<'_>, happening: Happening, sight: &Sight, connections: &Connections) {
    sight.note("world", format_args!("{happening:?}"));
    match happening {
        Happening::Begins(client, fault) => weather::begin(sim, client, fault),
        Happening::Heals(client) => weather::heal(sim, client),
        Happening::ClientDies(client) => sim.crash(name(client)),
        Happening::ClientStarts(client) => sim.bounce(name(client)),
        Happening::CoordinatorDies => {
            connections.die();
            sim.crash(COORDINATOR);
        }
        Happening::CoordinatorStarts if sim.is_host_running(COORDINATOR) => {}
        Happening::CoordinatorStarts => sim.bounce(COORDINATOR),
    }
}

/// The faults are over: the network is whole, and who is down starts again.
fn clear(sim: &mut Sim<'_>, sight: &Sight) {
    sight.note("world", "is calm");
    for client in 1..=CLIENTS {
        weather::heal(sim, client);
        let told = sight.told.lock().unwrap().contains_key(&client);
        if !told && !sim.is_host_running(name(client)) {
            sim.bounce(name(client));
        }
    }
}

/// The coordinator: whoever runs it starts it again when it has ended, so that every client can hear of the end.
async fn coordinator<S: Store>(
    kind: Kind,
    open: impl Fn() -> Arc<S>,
    journal: Journal,
    sight: Arc<Sight>,
    connections: Arc<Connections>,
) -> turmoil::Result {
    let (plan, network) = plan(kind);
    loop {
        let keeper = Keeper::new(open(), Arc::clone(&sight));
        let charter = Charter::new(&plan, &network);
        let service = Service::new(keeper, charter, SimulatedClock, options(), journal.clone());
        let tls = (kind == Kind::Secured).then(tls::of_coordinator);
        let doors = Doors { public: Door::open(Arc::clone(&connections)).await?, tls, administration: None };
        let conclusion = run(service, doors, pending()).await?;
        sight.note(COORDINATOR, format_args!("{:?}", conclusion.ending));
        // Whatever the service has left behind lets go of the store.
        tokio::time::sleep(STEP).await;
    }
}

fn options() -> Options {
    let second = Duration::from_secs(1);
    let limits = Limits { head: 3 * second, body: 3 * second, silence: 6 * second, ..Limits::default() };
    let (hold, grace) = (2 * second, 3 * second);
    Options {
        authorities: vec![COORDINATOR.into()],
        limits,
        hold,
        grace,
        drain: second,
        ..Options::default()
    }
}

/// A client, on its `start`-th start from 0. Which masked rounds it has answered is beside its key.
async fn agent(kind: Kind, line: Line, seed: u64, start: u64, key: PathBuf) -> turmoil::Result {
    let (client, sight) = (line.client, Arc::clone(&line.sight));
    let patience =
        Patience { first: Duration::from_millis(100), longest: Duration::from_secs(2), give_up_after: None };
    let (plan, network) = plan(kind);
    let mut draws = Seed(seed).stream_for(Purpose::Partition, start as u32, client);
    let fast = Duration::from_millis(draws.random_range(0..2 * SKEW));
    let wall = move || since_epoch() + fast - Duration::from_millis(SKEW);
    let connection = Connection::new(line, patience, draws.random()).by_clock(wall);
    let plan_sha256 = plan.digest();
    let (place, answered) = (Some(client), AnsweredRounds::beside(Some(&key))?);
    let masks = Masks::of(&plan, 0, None);
    let membership =
        Membership { identity: identity(client), place, token: None, plan_sha256, answered, masks };
    let training = LocalTraining::new(&plan, network);
    let agent = Agent::new(connection, membership, training, Arc::new(UnitRow { client }));
    let ended = agent.run(|event| sight.note(name(client), format_args!("{event:?}")), pending()).await;
    match ended {
        Ok(outcome) => match outcome.ending {
            Ending::Finished { model_sha256 } => {
                sight.note(name(client), "knows the end");
                sight.told.lock().unwrap().insert(client, model_sha256);
            }
            Ending::Stopped => unreachable!("nobody stops it"),
        },
        Err(error) => sight.failures.lock().unwrap().push(format!("client {client}: {error}")),
    }
    Ok(())
}

/// Sends what arrives a second time.
async fn echo(
    kind: Kind,
    heard: Arc<Mutex<mpsc::UnboundedReceiver<Echo>>>,
    sight: Arc<Sight>,
) -> turmoil::Result {
    let mut heard = heard.lock().await;
    while let Some(Echo { after, client, request }) = heard.recv().await {
        let sight = Arc::clone(&sight);
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let what = what(&request);
            if let Ok(answer) = exchange(kind, request, 1 << 20).await {
                sight.note(format_args!("echo of {client}"), format_args!("{what}: {}", outcome(&answer)));
            }
        });
    }
    Ok(())
}

/// The time of the simulation.
struct SimulatedClock;

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp(0).after(since_epoch())
    }

    fn reach(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(self.now().until(at)))
    }
}

fn since_epoch() -> Duration {
    turmoil::since_epoch().expect("a host of the simulation asks")
}

/// How often each kind of line is in a trace.
pub(super) fn tally(trace: &[String], into: &mut BTreeMap<&'static str, usize>, kinds: &[&'static str]) {
    for kind in kinds {
        *into.entry(kind).or_default() += trace.iter().filter(|line| line.contains(kind)).count();
    }
}
