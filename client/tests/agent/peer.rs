//! A hand-made coordinator, and an agent for it.

use bytes::Bytes;
use http::{Method, Request, Response};
use privet_client::{
    Agent, AgentError, AgentEvent, AnsweredRounds, Connection, Membership, Outcome, Patience, Transport,
    TransportError,
};
use privet_core::identity::{Identity, IdentityKey};
use privet_core::nn::{self, Examples, Network, Target};
use privet_core::participant::LocalTraining;
use privet_core::plan::{Plan, built_in};
use privet_core::protocol::signature::{Nonce, SignatureHeaders, SignedParts};
use privet_core::protocol::{
    CheckInAnswer, Enrol, Enrolled, HexDigest, LeaseToken, Problem, ReceiptMessage, TaskLease, UpdateMessage,
};
use privet_core::random::Purpose;
use privet_core::round::LeaseKey;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

pub(crate) const CLIENT: u32 = 4;
pub(crate) const ROUNDS: u32 = 3;

/// What becomes of a request.
pub(crate) enum Fate {
    /// It is answered.
    Answered,
    /// It is answered after this time.
    Slow(Duration),
    /// It does not arrive.
    Lost,
    /// It arrives, and its answer does not.
    AnswerLost,
    /// Nothing ever happens.
    Silence,
    /// It is refused, with a time to stay away.
    Refused(Problem, Option<u64>),
    /// Somebody else answers, with this status and these bytes.
    Foreign(u16, &'static [u8]),
    /// It is answered with this.
    Json(String),
}

/// Decides what becomes of a request, by its number from 1 and its method and path.
type Judge = dyn FnMut(usize, &str) -> Fate + Send;

/// A coordinator of one client, which it always asks.
#[derive(Clone)]
pub(crate) struct Peer(Arc<Mutex<State>>);

struct State {
    judge: Box<Judge>,
    model_file: Bytes,
    plan_sha256: HexDigest,
    /// The update that counts in each round.
    counted: BTreeMap<u32, Bytes>,
    /// Rounds that are over without an update.
    missed: Vec<u32>,
    requests: Vec<(String, Instant)>,
    nonces: BTreeSet<Nonce>,
    /// How many leases were given; each check-in gets one.
    lent: u32,
    /// A round that is over from the check-in of this number on.
    over: Option<(u32, u32)>,
}

impl Peer {
    pub(crate) fn new(judge: impl FnMut(usize, &str) -> Fate + Send + 'static) -> Peer {
        let (plan, network) = plan();
        let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
        Peer(Arc::new(Mutex::new(State {
            judge: Box::new(judge),
            model_file: nn::to_safetensors(&network, &model).into(),
            plan_sha256: plan.digest(),
            counted: BTreeMap::new(),
            missed: Vec::new(),
            requests: Vec::new(),
            nonces: BTreeSet::new(),
            lent: 0,
            over: None,
        })))
    }

    /// The requests that were sent, whether or not they arrived.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.0.lock().unwrap().requests.iter().map(|(request, _)| request.clone()).collect()
    }

    /// How long it was between each request and the next.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.0.lock().unwrap().requests.windows(2).map(|pair| pair[1].1 - pair[0].1).collect()
    }

    /// How many requests of this kind were sent.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.requests().iter().filter(|request| request.starts_with(prefix)).count()
    }

    /// Lets a round be over from the check-in of this number on.
    pub(crate) fn over(&self, round: u32, check_in: u32) {
        self.0.lock().unwrap().over = Some((round, check_in));
    }

    /// The updates that count, by round.
    pub(crate) fn counted(&self) -> BTreeMap<u32, Bytes> {
        self.0.lock().unwrap().counted.clone()
    }

    /// Runs an agent until the federation has finished.
    pub(crate) async fn run(&self) -> (Result<Outcome, AgentError>, Vec<AgentEvent>) {
        self.run_with(Patience::default(), Arc::new(Rows::new(20)), std::future::pending()).await
    }

    pub(crate) async fn run_with(
        &self,
        patience: Patience,
        rows: Arc<Rows>,
        shutdown: impl Future<Output = ()>,
    ) -> (Result<Outcome, AgentError>, Vec<AgentEvent>) {
        let (plan, network) = plan();
        let training = LocalTraining::new(&plan, network);
        self.run_as(training, AnsweredRounds::default(), patience, rows, shutdown).await
    }

    /// An agent that trains like this and has answered these rounds before.
    pub(crate) async fn run_as(
        &self,
        training: LocalTraining,
        answered: AnsweredRounds,
        patience: Patience,
        rows: Arc<Rows>,
        shutdown: impl Future<Output = ()>,
    ) -> (Result<Outcome, AgentError>, Vec<AgentEvent>) {
        let (plan, _) = plan();
        let membership = Membership {
            identity: Arc::new(Identity::from_random(&[1; 32])),
            place: Some(CLIENT),
            token: None,
            plan_sha256: plan.digest(),
            answered,
            masks: None,
        };
        let agent = Agent::new(Connection::new(self.clone(), patience, 1), membership, training, rows);
        let mut events = Vec::new();
        let outcome = agent.run(|event| events.push(event), shutdown).await;
        (outcome, events)
    }
}

impl Transport for Peer {
    fn authority(&self) -> &str {
        "peer"
    }

    async fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, TransportError> {
        let what = format!("{} {}", request.method(), request.uri().path());
        let fate = {
            let mut state = self.0.lock().unwrap();
            state.requests.push((what.clone(), Instant::now()));
            let number = state.requests.len();
            (state.judge)(number, &what)
        };
        let answer = || self.0.lock().unwrap().answer(&request);
        let response = match fate {
            Fate::Answered => answer(),
            Fate::Slow(time) => {
                tokio::time::sleep(time).await;
                answer()
            }
            Fate::Lost => {
                return Err(TransportError::Unreachable { address: "peer".into(), source: "lost".into() });
            }
            Fate::AnswerLost => {
                answer();
                return Err(TransportError::Broken { address: "peer".into(), source: "lost".into() });
            }
            Fate::Silence => std::future::pending().await,
            Fate::Refused(problem, seconds) => {
                if let (Problem::TooLate, Some(round)) = (problem, round_of(&what)) {
                    self.0.lock().unwrap().missed.push(round);
                }
                refusal(problem, seconds)
            }
            Fate::Foreign(status, body) => Response::builder().status(status).body(body.into()).unwrap(),
            Fate::Json(text) => Response::new(text.into()),
        };
        assert!(response.body().len() <= limit);
        Ok(response)
    }
}

impl State {
    fn answer(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let path: Vec<&str> = request.uri().path().trim_start_matches("/v1/").split('/').collect();
        let model_sha256 = HexDigest::of(&self.model_file);
        match (request.method(), &path[..]) {
            (&Method::POST, ["clients"]) => {
                let message: Enrol = serde_json::from_slice(request.body()).unwrap();
                assert_eq!(message.key, self.signer(request));
                json(&Enrolled { client: CLIENT, plan_sha256: self.plan_sha256 })
            }
            (&Method::POST, ["checkins"]) => {
                self.signer(request);
                self.missed
                    .extend(self.over.take_if(|(_, from)| self.lent + 1 >= *from).map(|(round, _)| round));
                let open = |round: &u32| !self.counted.contains_key(round) && !self.missed.contains(round);
                json(&match (1..=ROUNDS).find(open) {
                    Some(round) => {
                        self.lent += 1;
                        let lease = TaskLease { token: self.lease(round), milliseconds_left: 1_000 };
                        CheckInAnswer::Train {
                            round,
                            model_sha256,
                            milliseconds_left: 4_000,
                            lease,
                            clip: None,
                        }
                    }
                    None => CheckInAnswer::Finished { model_sha256 },
                })
            }
            (&Method::GET, ["models", digest]) => {
                assert_eq!(*digest, model_sha256.to_string());
                Response::new(self.model_file.clone())
            }
            (&Method::PUT, ["rounds", round, "updates", client]) => {
                self.count(round.parse().unwrap(), client.parse().unwrap(), request)
            }
            (&Method::POST, ["rounds", round, "declines", _]) => {
                self.missed.push(round.parse().unwrap());
                Response::builder().status(204).body(Bytes::new()).unwrap()
            }
            _ => refusal(Problem::NotFound, None),
        }
    }

    /// Who has signed this request, whose signature must be sound and its nonce new.
    fn signer(&mut self, request: &Request<Bytes>) -> IdentityKey {
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        let headers = SignatureHeaders {
            content_digest: header("content-digest"),
            signature_input: header("signature-input"),
            signature: header("signature"),
        };
        let (method, path) = (request.method().as_str(), request.uri().path());
        let query = request.uri().query().unwrap_or_default();
        let content = HexDigest::of(request.body());
        let parts = SignedParts { method, authority: "peer", path, query, content };
        // The paused time of a test runs ahead of the machine's clock: its own time is right.
        let created = headers.signature_input.split(';').find_map(|part| part.strip_prefix("created="));
        let claim = headers.verify(&parts, created.unwrap().parse().unwrap()).unwrap();
        assert_eq!(claim.content, content);
        assert!(self.nonces.insert(claim.nonce), "a nonce is used once");
        claim.key
    }

    /// The lease that is good: the last that was given.
    fn lease(&self, round: u32) -> LeaseToken {
        LeaseKey::from_bytes(&mut [1; 32]).token(round, None, CLIENT, self.lent)
    }

    fn count(&mut self, round: u32, client: u32, request: &Request<Bytes>) -> Response<Bytes> {
        self.signer(request);
        assert_eq!(request.headers()["content-type"], "application/octet-stream");
        let lease = format!("lease={}", self.lease(round));
        if request.uri().query() != Some(&lease) {
            return refusal(Problem::LeaseLapsed, None);
        }
        let body = request.body();
        let message = UpdateMessage::decode(body).unwrap();
        assert_eq!((message.round, message.client), (round, client));
        if self.counted.entry(round).or_insert_with(|| body.clone()) != body {
            return refusal(Problem::AnotherUpdate, None);
        }
        let weight = message.update.weight;
        json(&ReceiptMessage { round, client, weight, update_sha256: HexDigest::of(body) })
    }
}

/// Rows with two features and two classes.
pub(crate) struct Rows {
    pub(crate) count: usize,
    pub(crate) scale: f32,
}

impl Rows {
    pub(crate) fn new(count: usize) -> Rows {
        Rows { count, scale: 1.0 }
    }
}

impl Examples for Rows {
    fn len(&self) -> usize {
        self.count
    }

    fn width(&self) -> usize {
        2
    }

    fn copy_features(&self, row: usize, out: &mut [f32]) {
        out.copy_from_slice(&[self.scale * (row % 2) as f32, self.scale]);
    }

    fn target(&self, row: usize) -> Target {
        Target::Class((row % 2) as u32)
    }
}

pub(crate) fn plan() -> (Plan, Arc<Network>) {
    let plan = Plan::parse(built_in("digits").unwrap().text).unwrap();
    let network = plan.network(2, 2).unwrap();
    (plan, Arc::new(network))
}

pub(crate) fn json(message: &impl Serialize) -> Response<Bytes> {
    Response::new(serde_json::to_vec(message).unwrap().into())
}

pub(crate) fn refusal(problem: Problem, seconds: Option<u64>) -> Response<Bytes> {
    let mut response = Response::builder().status(problem.status());
    if let Some(seconds) = seconds {
        response = response.header("retry-after", seconds);
    }
    let document = serde_json::to_vec(&problem.document("because of the test")).unwrap();
    response.body(document.into()).unwrap()
}

fn round_of(what: &str) -> Option<u32> {
    what.split('/').nth(3)?.parse().ok()
}
