//! What all requests share.

use crate::clock::{Clock, SystemClock};
use crate::enrolment::Enrolment;
use crate::journal::{Journal, ServiceEvent};
use crate::meter::Meter;
use crate::occupancy::{Occupancy, Place};
use crate::request_error::RequestError;
use crate::room::{Room, Rooms, Size};
use crate::serve::Limits;
use crate::signed::Signed;
use crate::store::{
    CheckError, Checked, MemoryStore, ModelFormat, SqliteError, SqliteStore, Stage, Store, StoreError, check,
};
use privet_core::nn::{self, Network};
use privet_core::params::Params;
use privet_core::plan::Plan;
use privet_core::privacy::NoiseSeed;
use privet_core::protocol::HexDigest;
use privet_core::round::{Federation, LeaseKey, Rules, Timestamp};
use privet_core::secagg::Stage as MaskStage;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use tracing::Instrument;

/// What does not change while a federation runs.
#[derive(Debug, Clone)]
pub struct Charter {
    /// The federation's name, from its plan.
    pub name: String,
    /// The resolved plan, as TOML.
    pub plan: String,
    /// The rules that follow from the plan.
    pub rules: Rules,
    /// How many parameters the model has.
    pub parameters: usize,
}

impl Charter {
    /// The charter of a plan's federation, which trains this network.
    pub fn new(plan: &Plan, network: &Network) -> Charter {
        Charter {
            name: plan.name().into(),
            plan: plan.to_toml(),
            rules: Rules::new(plan),
            parameters: network.layout().len(),
        }
    }

    /// How many numbers an update has: the parameters, and a vote where the clip adapts.
    pub(crate) fn coordinates(&self) -> usize {
        self.rules.coordinates(self.parameters)
    }
}

/// What whoever runs a service decides: how patient it is, and by which names it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The hosts that requests may be signed for, each with its port unless that is the scheme's own, for example
    /// `federation.example`. Any if there is none: then another coordinator, to which a client sent a request, could
    /// pass it on to this one.
    pub authorities: Vec<String>,
    /// Who may enrol. Whoever reaches the coordinator.
    pub enrolment: Enrolment,
    /// What the service bears.
    pub limits: Limits,
    /// How long a check-in is held while there is nothing to do. 20 seconds.
    pub hold: Duration,
    /// After how long a client to which nothing was given should ask again; whole seconds. 1 second.
    pub retry_after: Duration,
    /// How long a federation that has finished waits for clients that have not been told. 30 seconds.
    pub grace: Duration,
    /// How long a service that stops waits for requests that it has begun. 10 seconds.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            authorities: Vec::new(),
            enrolment: Enrolment::Open,
            limits: Limits::default(),
            hold: Duration::from_secs(20),
            retry_after: Duration::from_secs(1),
            grace: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

/// A federation that can be served. Clones are the same service.
pub struct Service<S> {
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    store: S,
    clock: Box<dyn Clock>,
    charter: Charter,
    plan_sha256: HexDigest,
    options: Options,
    journal: Journal,
    meter: Meter,
    requests: AtomicU64,
    rooms: Rooms,
    /// Places for check-ins that are held.
    held: Semaphore,
    held_by_client: Occupancy<u32>,
    under_way: Occupancy<u32>,
    draining: watch::Sender<bool>,
    in_flight: watch::Sender<usize>,
    told: watch::Sender<BTreeSet<u32>>,
}

impl Service<MemoryStore> {
    /// A service whose state lasts as long as the process, by the system's clock, and the end from which its
    /// journal is read. Noise, cohorts that must stay hidden, and the key of the leases are drawn from the seed.
    pub fn in_memory(
        plan: &Plan,
        network: Arc<Network>,
        first_model: Params,
        noise_seed: Arc<NoiseSeed>,
        options: Options,
    ) -> (Service<MemoryStore>, mpsc::UnboundedReceiver<ServiceEvent>) {
        let (journal, events) = Journal::new();
        let charter = Charter::new(plan, &network);
        let lease_key = LeaseKey::new(&noise_seed);
        let federation = Federation::protected(charter.rules.clone(), first_model, noise_seed);
        let encode = move |model: &Params| nn::to_safetensors(&network, model);
        let store = MemoryStore::new(federation, &charter, encode, journal.clone(), lease_key);
        (Service::new(store, charter, SystemClock::new(), options, journal), events)
    }
}

impl Service<SqliteStore> {
    /// A service whose state is kept in a folder and goes on where it was, by the system's clock, and the end from
    /// which its journal is read. Noise, and cohorts that must stay hidden, are drawn from the seed, which is not kept.
    pub fn in_folder(
        folder: &Path,
        plan: &Plan,
        network: Arc<Network>,
        first_model: &Params,
        noise_seed: Arc<NoiseSeed>,
        options: Options,
    ) -> Result<(Service<SqliteStore>, mpsc::UnboundedReceiver<ServiceEvent>), SqliteError> {
        let (journal, events) = Journal::new();
        let charter = Charter::new(plan, &network);
        let format = ModelFormat {
            encode: Arc::new(move |model: &Params| nn::to_safetensors(&network, model)),
            decode: Arc::new(model_of_file),
        };
        let store = SqliteStore::open(folder, &charter, first_model, noise_seed, format, journal.clone())?;
        Ok((Service::new(store, charter, SystemClock::new(), options, journal), events))
    }
}

/// The parameters of a model file.
fn model_of_file(bytes: &[u8]) -> Result<Params, Box<dyn std::error::Error + Send + Sync>> {
    Ok(nn::from_safetensors(bytes)?.1)
}

/// Checks a state folder that no coordinator has: every digest, every record, and whether all of it fits together.
pub fn check_folder(folder: &Path) -> Result<Checked, CheckError> {
    check(folder, &model_of_file)
}

impl<S: Store> Service<S> {
    /// A service over a store that writes into the same journal.
    pub fn new(
        store: S,
        charter: Charter,
        clock: impl Clock,
        options: Options,
        journal: Journal,
    ) -> Service<S> {
        let plan_sha256 = HexDigest::of(charter.plan.as_bytes());
        let Limits { bytes_in_flight, room, bodies_per_client, held, .. } = options.limits;
        let mut kinds = vec![Size::of_update(&charter)];
        kinds.extend(MaskStage::ALL.map(|stage| Size::of_stage(&charter, stage)));
        kinds.extend(MaskStage::ALL.map(|stage| Size::of_task(&charter, stage)));
        let shared = Shared {
            store,
            clock: Box::new(clock),
            charter,
            plan_sha256,
            options,
            journal,
            meter: Meter::default(),
            requests: AtomicU64::new(1),
            rooms: Rooms::new(bytes_in_flight, &kinds, room, bodies_per_client),
            held: Semaphore::new(held.min(Semaphore::MAX_PERMITS)),
            held_by_client: Occupancy::default(),
            under_way: Occupancy::default(),
            draining: watch::Sender::new(false),
            in_flight: watch::Sender::new(0),
            told: watch::Sender::new(BTreeSet::new()),
        };
        Service { shared: Arc::new(shared) }
    }

    /// The federation's state.
    pub fn store(&self) -> &S {
        &self.shared.store
    }

    /// What does not change.
    pub fn charter(&self) -> &Charter {
        &self.shared.charter
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }

    pub(crate) fn plan_sha256(&self) -> HexDigest {
        self.shared.plan_sha256
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.shared.meter
    }

    /// Takes room for a body of a client and what is read from it, or for an answer to it; waits for it a little. No client
    /// can take all of it.
    pub(crate) async fn room(&self, client: u32, size: Size) -> Result<Room, RequestError> {
        self.shared.rooms.take(client, size).await
    }

    /// Carries a transaction out to its end, also if whoever asked for it goes away meanwhile: the room is taken for as long as
    /// what it was taken for is there. Then it is handed back.
    pub(crate) async fn see_through<T: Send + 'static, F>(
        &self,
        room: Room,
        transaction: impl FnOnce(Service<S>) -> F,
    ) -> Result<(T, Room), RequestError>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let transaction = transaction(self.clone());
        let carried_out = async move { transaction.await.map(|answer| (answer, room)) };
        let answer = tokio::spawn(carried_out.in_current_span()).await;
        Ok(answer.map_err(|error| RequestError::Internal(error.into()))??)
    }

    /// Takes a place for a check-in that is held, if one is left, for this client too.
    pub(crate) fn hold(&self, client: u32) -> Option<(Place<u32>, SemaphorePermit<'_>)> {
        let place = self.shared.held_by_client.enter(client, self.options().limits.held_per_client)?;
        Some((place, self.shared.held.try_acquire().ok()?))
    }

    /// A number for the next request, by which its lines in the log are known.
    pub(crate) fn next_request(&self) -> u64 {
        self.shared.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// How many requests are under way.
    pub(crate) fn in_flight(&self) -> usize {
        *self.shared.in_flight.borrow()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// What the machine's clock says, in seconds since the Unix epoch.
    pub(crate) fn wall_seconds(&self) -> u64 {
        self.clock().wall().0 / 1_000
    }

    /// Whether requests to this host are for this service.
    pub(crate) fn answers_to(&self, authority: &str) -> bool {
        let names = &self.options().authorities;
        names.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(authority))
    }

    /// Checks that a signed request in the name of a client comes from that client, and is new. It counts among those of the
    /// client that are under way until the place is dropped.
    pub(crate) async fn authorize(&self, client: u32, signed: &Signed) -> Result<Place<u32>, RequestError> {
        self.store().admit(client, signed.0, self.wall_seconds()).await?;
        let place = self.shared.under_way.enter(client, self.options().limits.requests_per_client);
        place.ok_or(RequestError::TooManyUnderWay { client })
    }

    /// Refuses what begins from now on; what has begun may end.
    pub(crate) fn drain(&self) {
        self.shared.draining.send_replace(true);
    }

    pub(crate) fn draining(&self) -> watch::Receiver<bool> {
        self.shared.draining.subscribe()
    }

    /// Counts a request as begun until the guard is dropped.
    pub(crate) fn begin_request(&self) -> impl Drop + Send + use<S> {
        self.shared.in_flight.send_modify(|count| *count += 1);
        InFlight { service: self.clone() }
    }

    /// Waits until no request is under way.
    pub(crate) async fn idle(&self) {
        let mut in_flight = self.shared.in_flight.subscribe();
        // The sender lives as long as this service: it cannot be closed here.
        let _ = in_flight.wait_for(|count| *count == 0).await;
    }

    /// Notes that a client knows that the federation has finished.
    pub(crate) fn note_told(&self, client: u32) {
        self.shared.told.send_if_modified(|told| told.insert(client));
    }

    /// Waits until the federation has finished and all its clients know, or the grace period is over.
    pub(crate) async fn concluded(&self) -> Result<(), StoreError> {
        let mut stage = self.store().stage();
        let _ = stage.wait_for(|stage| *stage == Stage::Finished).await;
        let enrolled = self.store().standing().await?.enrolled as usize;
        let mut told = self.shared.told.subscribe();
        let all_told = told.wait_for(|told| told.len() >= enrolled);
        if tokio::time::timeout(self.shared.options.grace, all_told).await.is_err() {
            let told = self.shared.told.borrow().len();
            tracing::warn!(
                told,
                enrolled,
                "some clients were not there to hear that the federation has finished"
            );
        }
        Ok(())
    }
}

impl<S> Clone for Service<S> {
    fn clone(&self) -> Service<S> {
        Service { shared: Arc::clone(&self.shared) }
    }
}

struct InFlight<S> {
    service: Service<S>,
}

impl<S> Drop for InFlight<S> {
    fn drop(&mut self) {
        self.service.shared.in_flight.send_modify(|count| *count -= 1);
    }
}
