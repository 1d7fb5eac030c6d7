//! Masked rounds: the round engine as the coordinator, in memory, which can be made to lie.

use crate::peer::{Rows, json, refusal};
use bytes::Bytes;
use http::{Method, Request, Response};
use privet_client::{
    Agent, AgentError, AgentEvent, AnsweredRounds, Connection, Ending, Masks, Membership, Outcome, Patience,
    SeenKeys, SeenKeysError, Transport, TransportError,
};
use privet_core::identity::Identity;
use privet_core::nn::{self, Network};
use privet_core::participant::LocalTraining;
use privet_core::plan::Plan;
use privet_core::protocol::{
    CheckIn, CheckInAnswer, DeclineReason, Enrol, Enrolled, EnrolledClient, HexDigest, Problem, StageReceipt,
    TaskLease,
};
use privet_core::random::Purpose;
use privet_core::round::{
    Assignment, Effect, Event, Federation, Outcome as RoundOutcome, RoundRecord, Rules, StageContent,
    StageMessage, Timestamp,
};
use privet_core::secagg::{Identities, Stage};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CLIENTS: u32 = 3;
const PLAN: &str = "\
[federation]
rounds = 2
[data]
source = \"digits\"
[partition]
clients = 3
[cohort]
minimum = 3
[aggregation]
weights = \"uniform\"
[encoding]
fraction-bits = 16
largest = 8.0
[secure-aggregation]
adversarial-fraction = 0.0
dropout-fraction = 0.0
";

/// How a coordinator lies to client 1.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    None,
    /// It asks for an update without masks.
    BareUpdate,
    /// From round 2 on it publishes another key for client 2.
    ExchangedKey,
}

#[derive(Clone)]
struct Coordinator(Arc<Mutex<State>>);

struct State {
    federation: Option<Federation>,
    plan: Plan,
    network: Arc<Network>,
    lie: Lie,
    requests: Vec<String>,
    closed: Vec<RoundRecord>,
    declined: Vec<(u32, DeclineReason)>,
    /// A record that must exist before the shares arrive, and what it held when they did.
    watched: Option<PathBuf>,
    found: Vec<String>,
}

impl Coordinator {
    fn new(lie: Lie) -> Coordinator {
        let plan = Plan::parse(PLAN).unwrap();
        let network = Arc::new(plan.network(2, 2).unwrap());
        let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
        let federation = Some(Federation::new(Rules::new(&plan), model));
        let (requests, closed, declined, found) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let watched = None;
        let state = State { federation, plan, network, lie, requests, closed, declined, watched, found };
        Coordinator(Arc::new(Mutex::new(state)))
    }

    /// Runs an agent with this key, whose files are in `folder`.
    async fn run(
        &self,
        client: u32,
        folder: &Path,
        known: Option<Identities>,
    ) -> Result<Outcome, AgentError> {
        let (plan, network) = {
            let state = self.0.lock().unwrap();
            (state.plan.clone(), Arc::clone(&state.network))
        };
        let key = folder.join(format!("{client}.key"));
        let seen = SeenKeys::beside(Some(&key)).unwrap();
        let membership = Membership {
            identity: Arc::new(identity(client)),
            place: Some(client),
            token: None,
            plan_sha256: plan.digest(),
            answered: AnsweredRounds::beside(Some(&key)).unwrap(),
            masks: Masks::of(&plan, 0, known).map(|masks| Masks { seen, ..masks }),
        };
        let connection = Connection::new(self.clone(), Patience::default(), u64::from(client));
        let training = LocalTraining::new(&plan, network);
        let agent = Agent::new(connection, membership, training, Arc::new(Rows::new(20)));
        let events = |event| {
            if matches!(event, AgentEvent::Counted { round: 0, .. }) {
                unreachable!("rounds are numbered from 1");
            }
        };
        // Whoever is left alone by the others waits for a round that does not come.
        agent.run(events, tokio::time::sleep(Duration::from_secs(60))).await
    }

    async fn run_all(&self, folder: &Path) -> [Result<Outcome, AgentError>; 3] {
        let (one, two, three) =
            tokio::join!(self.run(1, folder, None), self.run(2, folder, None), self.run(3, folder, None));
        [one, two, three]
    }

    fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap().requests.iter().filter(|request| request.contains(what)).count()
    }
}

fn identity(client: u32) -> Identity {
    Identity::from_random(&[client as u8; 32])
}

impl Transport for Coordinator {
    fn authority(&self) -> &str {
        "hidden"
    }

    async fn send(&self, request: Request<Bytes>, _: usize) -> Result<Response<Bytes>, TransportError> {
        // A request takes time, so that agents take turns.
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(self.0.lock().unwrap().answer(&request))
    }
}

impl State {
    fn federation(&self) -> &Federation {
        self.federation.as_ref().unwrap()
    }

    fn step(&mut self, event: Event) -> Result<Vec<Effect>, ()> {
        let (federation, effects) = self.federation.take().unwrap().step(event, Timestamp(0));
        self.federation = Some(federation);
        for effect in &effects {
            match effect {
                Effect::Closed { record, .. } => self.closed.push(RoundRecord::clone(record)),
                Effect::Refused(_) => return Err(()),
                Effect::Belated(belated) => {
                    let record = &self.closed[belated.round as usize - 1];
                    belated.answer(record).map_err(|_| ())?;
                }
                _ => {}
            }
        }
        Ok(effects)
    }

    fn answer(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path().to_owned();
        self.requests.push(format!("{} {path}", request.method()));
        let path: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        match (request.method(), &path[..]) {
            (&Method::POST, ["clients"]) => {
                let Enrol { key, place, .. } = serde_json::from_slice(request.body()).unwrap();
                let client = place.unwrap();
                self.step(Event::Enrol { place, key: Some(key) }).unwrap();
                json(&Enrolled { client, plan_sha256: self.plan.digest() })
            }
            (&Method::GET, ["clients"]) => json(&self.published()),
            (&Method::POST, ["checkins"]) => {
                let CheckIn { client } = serde_json::from_slice(request.body()).unwrap();
                json(&self.check_in(client))
            }
            (&Method::GET, ["models", _]) => Response::new(self.model_file()),
            (&Method::GET, ["rounds", round, "stages", stage, client]) => {
                let (round, client) = (round.parse().unwrap(), client.parse().unwrap());
                match self.federation().task(round, client, self::stage(stage)) {
                    Ok(task) => Response::new(task.into()),
                    Err(_) => refusal(Problem::TooLate, None),
                }
            }
            (&Method::PUT, ["rounds", round, "stages", stage, client]) => {
                let (round, client) = (round.parse().unwrap(), client.parse().unwrap());
                self.take(round, self::stage(stage), client, request.body())
            }
            (&Method::POST, ["rounds", round, "declines", client]) => {
                let (round, client) = (round.parse().unwrap(), client.parse().unwrap());
                let message: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
                let reason = serde_json::from_value(message["reason"].clone()).unwrap();
                self.declined.push((client, reason));
                match self.step(Event::Decline { client, round, accused: None }) {
                    Ok(_) => Response::builder().status(204).body(Bytes::new()).unwrap(),
                    Err(()) => refusal(Problem::TooLate, None),
                }
            }
            _ => refusal(Problem::NotFound, None),
        }
    }

    fn take(&mut self, round: u32, stage: Stage, client: u32, body: &Bytes) -> Response<Bytes> {
        if stage == Stage::Answer
            && let Some(path) = self.watched.as_ref().filter(|_| client == 1)
        {
            self.found.push(fs::read_to_string(path).unwrap_or_default());
        }
        let ring = self.plan.masking().unwrap().ring();
        let content = StageContent::decode(stage, ring, body).unwrap();
        let message_sha256 = HexDigest::of(body);
        let message = StageMessage { client, round, digest: Some(message_sha256), content };
        match self.step(Event::Send(Box::new(message))) {
            Ok(_) => json(&StageReceipt { round, stage, client, message_sha256 }),
            Err(()) => refusal(Problem::TooLate, None),
        }
    }

    fn check_in(&self, client: u32) -> CheckInAnswer {
        let (model_sha256, milliseconds_left) = (HexDigest::of(&self.model_file()), 1_000);
        let token = "0".repeat(32).parse().unwrap();
        let lease = TaskLease { token, milliseconds_left };
        match self.federation().assignment(client).unwrap() {
            Assignment::Mask { round, .. } if self.lie == Lie::BareUpdate && client == 1 => {
                CheckInAnswer::Train { round, model_sha256, milliseconds_left, lease, clip: None }
            }
            Assignment::Mask { round, stage, .. } => {
                CheckInAnswer::Mask { round, stage, model_sha256, milliseconds_left, lease, clip: None }
            }
            Assignment::Finished => CheckInAnswer::Finished { model_sha256 },
            Assignment::Wait | Assignment::Train { .. } => CheckInAnswer::Wait,
        }
    }

    fn published(&self) -> Vec<EnrolledClient> {
        let exchanged = self.lie == Lie::ExchangedKey && !self.closed.is_empty();
        let listed = |(client, key): (&u32, &_)| {
            let key = if exchanged && *client == 2 { identity(9).key() } else { *key };
            EnrolledClient { client: *client, key, revoked: false }
        };
        self.federation().identities().iter().map(listed).collect()
    }

    fn model_file(&self) -> Bytes {
        nn::to_safetensors(&self.network, self.federation().model()).into()
    }
}

fn stage(name: &str) -> Stage {
    Stage::ALL.into_iter().find(|stage| stage.name() == name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_client_goes_through_every_stage_and_writes_down_that_it_answers_before_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::new(Lie::None);
    coordinator.0.lock().unwrap().watched = Some(folder.path().join("1.key.answered"));
    for outcome in coordinator.run_all(folder.path()).await {
        let outcome = outcome.unwrap();
        assert!(matches!(outcome.ending, Ending::Finished { .. }));
        assert_eq!(outcome.counted, [1, 2]);
    }
    assert_eq!(coordinator.count("/updates/"), 0);
    let state = coordinator.0.lock().unwrap();
    assert!(state.closed.iter().all(|record| matches!(record.outcome, RoundOutcome::Released { .. })));
    let plan = state.plan.digest();
    assert_eq!(state.found, [format!("{plan} 0 0 1\n"), format!("{plan} 0 0 2\n")]);
}

#[tokio::test(start_paused = true)]
async fn no_update_leaves_bare_by_a_plan_that_hides_them_whatever_the_coordinator_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::new(Lie::BareUpdate);
    let [one, ..] = coordinator.run_all(folder.path()).await;
    let refused = one.unwrap_err();
    assert!(matches!(refused, AgentError::OnlyMasked { round: 1, client: 1 }), "{refused}");
    assert_eq!((coordinator.count("/updates/"), coordinator.count("GET /v1/models")), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_exchanged_between_rounds_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::new(Lie::ExchangedKey);
    let [one, ..] = coordinator.run_all(folder.path()).await;
    let refused = one.unwrap_err();
    assert!(matches!(refused, AgentError::Keys(SeenKeysError::Changed { client: 2 })), "{refused}");
    let state = coordinator.0.lock().unwrap();
    assert!(!state.requests.iter().any(|request| request.contains("rounds/2/stages/input")));
}

#[tokio::test(start_paused = true)]
async fn a_client_hides_among_those_of_its_roster_alone() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::new(Lie::None);
    let strangers: Identities =
        [(1, identity(1).key()), (2, identity(7).key()), (3, identity(3).key())].into();
    let (one, _, _) = tokio::join!(
        coordinator.run(1, folder.path(), Some(strangers)),
        coordinator.run(2, folder.path(), None),
        coordinator.run(3, folder.path(), None)
    );
    assert!(one.unwrap().counted.is_empty());
    // It says that it leaves, so that nobody waits for it.
    assert!(coordinator.0.lock().unwrap().declined.contains(&(1, DeclineReason::Refused)));
    let sent = |what: &str| coordinator.0.lock().unwrap().requests.iter().any(|request| request == what);
    assert!(sent("GET /v1/rounds/1/stages/share/1") && !sent("PUT /v1/rounds/1/stages/share/1"));
}

#[tokio::test(start_paused = true)]
async fn a_federation_that_begins_anew_gets_no_second_answer_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for outcome in Coordinator::new(Lie::None).run_all(folder.path()).await {
        assert_eq!(outcome.unwrap().counted, [1, 2]);
    }
    let again = Coordinator::new(Lie::None);
    for outcome in again.run_all(folder.path()).await {
        assert!(outcome.unwrap().counted.is_empty());
    }
    assert_eq!(again.count("PUT"), 0);
    let state = again.0.lock().unwrap();
    assert_eq!(state.closed.len(), 2, "rounds do not wait for whoever has left them");
    assert!(state.closed.iter().all(|record| record.declined.len() == CLIENTS as usize));
}
