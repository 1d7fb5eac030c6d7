//! A small federation and a hand-made client of it.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use privet_coordinator::{
    Charter, Clock, Journal, MemoryStore, Options, Service, ServiceEvent, SystemClock, app,
};
use privet_core::aggregation::FederatedAveraging;
use privet_core::encoding::{FixedPoint, Update};
use privet_core::params::{Layout, Params};
use privet_core::plan::{CohortRule, SamplingRule};
use privet_core::privacy::NoiseSeed;
use privet_core::protocol::{
    CheckInAnswer, Credential, Enrol, Enrolled, Problem, ProblemDocument, UpdateMessage,
};
use privet_core::random::Seed;
use privet_core::round::{Federation, Rules, Timestamp};
use serde::de::DeserializeOwned;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
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
    MemoryStore::new(federation, &charter(rules), encode, journal)
}

/// A new secret seed, as every process brings one.
pub(crate) fn noise_seed() -> Arc<NoiseSeed> {
    static SEEDS: AtomicU8 = AtomicU8::new(1);
    Arc::new(NoiseSeed::from_bytes(&mut [SEEDS.fetch_add(1, Ordering::Relaxed); 32]))
}

pub(crate) fn charter(rules: Rules) -> Charter {
    Charter { name: "garden".into(), plan: "name = \"garden\"\n".into(), rules, parameters: PARAMETERS }
}

pub(crate) fn service(clock: impl Clock) -> (Service<MemoryStore>, mpsc::UnboundedReceiver<ServiceEvent>) {
    let (journal, events) = Journal::new();
    let store = store(rules(), journal.clone());
    (Service::new(store, charter(rules()), clock, Options::default(), journal), events)
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
        Garden { app: app(service(SystemClock::new()).0) }
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
        let request = Enrol { credential: credential(client).digest(), place: Some(client) };
        let answer = self.send(post("/v1/clients", None, &serde_json::to_string(&request).unwrap())).await;
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

pub(crate) fn credential(client: u32) -> Credential {
    Credential::from_random([client as u8; 32])
}

pub(crate) fn post(path: &str, client: Option<u32>, body: &str) -> Request<Body> {
    let mut request = Request::post(path).header("content-type", "application/json");
    if let Some(client) = client {
        request = request.header("authorization", bearer(client));
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

pub(crate) fn put(round: u32, client: u32, body: Vec<u8>) -> Request<Body> {
    Request::put(format!("/v1/rounds/{round}/updates/{client}"))
        .header("content-type", "application/octet-stream")
        .header("authorization", bearer(client))
        .body(Body::from(body))
        .unwrap()
}

pub(crate) fn bearer(client: u32) -> String {
    format!("Bearer {}", credential(client).to_text())
}

/// The update that a client sends in a round: one in the first parameter, its number in the second.
pub(crate) fn update(round: u32, client: u32) -> Vec<u8> {
    update_of(round, client, vec![ONE, client as i32 * ONE])
}

pub(crate) fn update_of(round: u32, client: u32, delta: Vec<i32>) -> Vec<u8> {
    UpdateMessage { round, client, update: Update { delta, weight: client, loss: ONE } }.encode()
}
