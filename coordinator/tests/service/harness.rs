//! A small federation and a hand-made client of it.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use privet_coordinator::{
    Charter, Clock, Journal, MemoryStore, Options, PastRound, Service, ServiceEvent, Store, StoreError, app,
};
use privet_core::aggregation::FederatedAveraging;
use privet_core::encoding::{FixedPoint, Update};
use privet_core::identity::Identity;
use privet_core::params::{Layout, Params};
use privet_core::plan::{CohortRule, SamplingRule};
use privet_core::privacy::NoiseSeed;
use privet_core::protocol::signature::{Nonce, SignatureHeaders, SignedParts};
use privet_core::protocol::{
    CheckInAnswer, Enrol, Enrolled, HexDigest, Problem, ProblemDocument, RoundSummary, UpdateMessage,
};
use privet_core::random::Seed;
use privet_core::round::{Federation, LeaseKey, Rules, SealedRecord, Timestamp};
use serde::de::DeserializeOwned;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;

pub(crate) const PARAMETERS: usize = 2;
pub(crate) const ONE: i32 = 1 << 16;

/// Three places, everybody in every round, two contributions at the least, ten seconds, two rounds.
pub(crate) fn rules() -> Rules {
    Rules {
        places: 3,
        wait_for: 3,
        rounds: 2,
        cohort: CohortRule { sampling: SamplingRule::Fixed, fraction: 1.0, over_selection: 1.0 },
        minimum: 2,
        deadline: Duration::from_secs(10),
        weight_cap: 100,
        grid: FixedPoint::new(16).unwrap(),
        strategy: FederatedAveraging { server_learning_rate: 1.0 },
        seed: Seed(1),
        protection: None,
        masking: None,
    }
}

/// A time that passes when the test says so.
#[derive(Debug, Clone)]
pub(crate) struct ManualClock(watch::Sender<Timestamp>);

impl ManualClock {
    pub(crate) fn new() -> ManualClock {
        ManualClock(watch::Sender::new(Timestamp(1_000)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now = now.after(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    /// Signatures are made by the machine's clock.
    fn wall(&self) -> Timestamp {
        Timestamp(1_000 * seconds())
    }

    fn reach(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut now = self.0.subscribe();
        Box::pin(async move { drop(now.wait_for(|now| *now >= at).await) })
    }
}

pub(crate) fn first_model() -> Params {
    Params::zeros(Arc::new(Layout::new([("0.bias".into(), vec![PARAMETERS])])))
}

pub(crate) fn encode(params: &Params) -> Vec<u8> {
    params.values().iter().flat_map(|value| value.to_le_bytes()).collect()
}

pub(crate) fn store(rules: Rules, journal: Journal) -> MemoryStore {
    let federation = Federation::new(rules.clone(), first_model());
    MemoryStore::new(federation, &charter(rules), encode, journal, lease_key())
}

/// All rounds that are over, at once: tests have few.
pub(crate) trait Remembers {
    async fn all_past(&self) -> Result<Vec<PastRound>, StoreError>;

    async fn records(&self) -> Result<Vec<SealedRecord>, StoreError> {
        Ok(self.all_past().await?.into_iter().map(|past| past.sealed).collect())
    }

    async fn history(&self) -> Result<Vec<RoundSummary>, StoreError> {
        Ok(self.all_past().await?.iter().map(|past| past.summary(false)).collect())
    }
}

impl<S: Store> Remembers for S {
    async fn all_past(&self) -> Result<Vec<PastRound>, StoreError> {
        let mut all: Vec<PastRound> = Vec::new();
        loop {
            let page = self.past(all.len() as u32).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }
}

/// A new secret seed, as every process brings one.
pub(crate) fn noise_seed() -> Arc<NoiseSeed> {
    static SEEDS: AtomicU8 = AtomicU8::new(1);
    Arc::new(NoiseSeed::from_bytes(&mut [SEEDS.fetch_add(1, Ordering::Relaxed); 32]))
}

/// The key of the leases of those stores that are in memory.
pub(crate) fn lease_key() -> LeaseKey {
    LeaseKey::from_bytes(&mut [7; 32])
}

pub(crate) fn charter(rules: Rules) -> Charter {
    Charter { name: "garden".into(), plan: "name = \"garden\"\n".into(), rules, parameters: PARAMETERS }
}

pub(crate) fn service(clock: impl Clock) -> (Service<MemoryStore>, mpsc::UnboundedReceiver<ServiceEvent>) {
    service_with(clock, Options::default())
}

pub(crate) fn service_with(
    clock: impl Clock,
    options: Options,
) -> (Service<MemoryStore>, mpsc::UnboundedReceiver<ServiceEvent>) {
    let (journal, events) = Journal::new();
    let store = store(rules(), journal.clone());
    (Service::new(store, charter(rules()), clock, options, journal), events)
}

/// The service's routes, called without a socket.
#[derive(Clone)]
pub(crate) struct Garden {
    pub(crate) app: Router,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Garden {
    pub(crate) fn new() -> Garden {
        Garden { app: app(service(ManualClock::new()).0) }
    }

    /// All three clients are enrolled and the first round is open.
    pub(crate) async fn collecting() -> Garden {
        let garden = Garden::new();
        garden.enrol_all().await;
        garden
    }

    pub(crate) async fn enrol_all(&self) {
        for client in 1..=3 {
            assert_eq!(self.enrol(client).await.status, StatusCode::OK);
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn enrol(&self, client: u32) -> Answer {
        let answer = self.send(post("/v1/clients", Some(client), &enrolment(client, Some(client)))).await;
        if answer.status == StatusCode::OK {
            assert_eq!(answer.json::<Enrolled>().client, client);
        }
        answer
    }

    pub(crate) async fn check_in(&self, client: u32) -> Answer {
        self.send(post("/v1/checkins", Some(client), &format!(r#"{{"client":{client}}}"#))).await
    }

    pub(crate) async fn upload(&self, round: u32, client: u32, body: Vec<u8>) -> Answer {
        self.send(put(round, client, body)).await
    }

    /// Sends everybody's update.
    pub(crate) async fn upload_all(&self, round: u32) {
        for client in 1..=3 {
            let answer = self.upload(round, client, update(round, client)).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.headers["content-type"], "application/json", "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The problem that the answer tells of. Its form is checked on the way.
    #[track_caller]
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let document: ProblemDocument = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(document.status, self.status.as_u16());
        assert!(!document.detail.is_empty());
        document.problem().unwrap()
    }

    #[track_caller]
    pub(crate) fn assignment(&self) -> CheckInAnswer {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.json()
    }
}

pub(crate) fn identity(client: u32) -> Identity {
    Identity::from_random(&[client as u8; 32])
}

/// What a client asks for when it enrols.
pub(crate) fn enrolment(client: u32, place: Option<u32>) -> String {
    serde_json::to_string(&Enrol { key: identity(client).key(), place, token: None }).unwrap()
}

/// The time by the machine's clock.
pub(crate) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// By what name requests ask for the service.
pub(crate) const HOST: &str = "garden.example";

pub(crate) fn post(path: &str, client: Option<u32>, body: &str) -> Request<Body> {
    let mut request = Request::post(path).header("host", HOST).header("content-type", "application/json");
    if let Some(client) = client {
        for (name, value) in signature("POST", HOST, path, client, body.as_bytes()) {
            request = request.header(name, value);
        }
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

pub(crate) fn put(round: u32, client: u32, body: Vec<u8>) -> Request<Body> {
    put_as(round, client, client, body)
}

/// The update of one client, signed by another.
pub(crate) fn put_as(round: u32, client: u32, signer: u32, body: Vec<u8>) -> Request<Body> {
    put_at(&update_path(round, client), signer, body)
}

/// Where a client sends its update while its first lease lasts.
pub(crate) fn update_path(round: u32, client: u32) -> String {
    format!("/v1/rounds/{round}/updates/{client}?lease={}", lease_key().token(round, None, client, 0))
}

/// An upload to any address.
pub(crate) fn put_at(path: &str, signer: u32, body: Vec<u8>) -> Request<Body> {
    let mut request =
        Request::put(path).header("host", HOST).header("content-type", "application/octet-stream");
    for (name, value) in signature("PUT", HOST, path, signer, &body) {
        request = request.header(name, value);
    }
    request.body(Body::from(body)).unwrap()
}

/// The headers that sign a request now, with a new nonce.
pub(crate) fn signature(
    method: &str,
    authority: &str,
    path: &str,
    client: u32,
    body: &[u8],
) -> [(&'static str, String); 3] {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts = SignedParts { method, authority, path, query, content: HexDigest::of(body) };
    signature_of(&parts, client, seconds())
}

/// The headers that sign these parts of a request at a time, with a new nonce.
pub(crate) fn signature_of(
    parts: &SignedParts<'_>,
    client: u32,
    created: u64,
) -> [(&'static str, String); 3] {
    static NONCES: AtomicU64 = AtomicU64::new(0);
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&NONCES.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    let signed = parts.sign(&identity(client), created, Nonce(nonce));
    let SignatureHeaders { content_digest, signature_input, signature } = signed;
    [("content-digest", content_digest), ("signature-input", signature_input), ("signature", signature)]
}

/// The update that a client sends in a round: one in the first parameter, its number in the second.
pub(crate) fn update(round: u32, client: u32) -> Vec<u8> {
    update_of(round, client, vec![ONE, client as i32 * ONE])
}

pub(crate) fn update_of(round: u32, client: u32, delta: Vec<i32>) -> Vec<u8> {
    UpdateMessage { round, client, update: Update { delta, weight: client, loss: ONE } }.encode()
}
