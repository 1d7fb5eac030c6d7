//! Masked rounds: their stages over HTTP, and what a restart makes of them.

use crate::conformance::{format, holding};
use crate::harness::{
    Answer, Garden, HOST, ManualClock, PARAMETERS, Remembers, charter, first_model, identity, lease_key,
    noise_seed, post, put_at, signature, update,
};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use privet_coordinator::{
    Clock, Invitation, Journal, MemoryStore, Options, Service, SqliteStore, Store, StoreError, app, check,
};
use privet_core::encoding::Update;
use privet_core::participant::Masker;
use privet_core::plan::Plan;
use privet_core::privacy::{NoisePurpose, NoiseSeed, NoiseStream};
use privet_core::protocol::{
    CheckInAnswer, Enrol, FederationState, HexDigest, PhaseName, Problem, RoundOutcome, RoundSummary,
    StageReceipt,
};
use privet_core::round::{Assignment, Federation, Refusal, Rules, StageContent, StageMessage, Timestamp};
use privet_core::secagg::{LatestAnswer, Member, Setup, Stage};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const PLAN: &str = "\
[federation]
rounds = 2
[data]
source = \"digits\"
[partition]
clients = 4
[cohort]
minimum = 3
[aggregation]
weight-cap = 100
[encoding]
fraction-bits = 16
largest = 16.0
[secure-aggregation]
coordinator = \"curious\"
adversarial-fraction = 0.0
dropout-fraction = 0.0
";

fn rules() -> Rules {
    Rules::new(&Plan::parse(PLAN).unwrap())
}

pub(crate) fn service_with(clock: impl Clock, options: Options) -> Service<MemoryStore> {
    let (journal, _) = Journal::new();
    let charter = charter(rules());
    let federation = Federation::new(rules(), first_model());
    let store = MemoryStore::new(federation, &charter, crate::harness::encode, journal.clone(), lease_key());
    Service::new(store, charter, clock, options, journal)
}

fn garden() -> Garden {
    Garden { app: app(service_with(ManualClock::new(), Options::default())) }
}

/// The client's half, for round 1.
pub(crate) fn masker(client: u32) -> Masker {
    let masking = rules().masking.unwrap();
    let setup = Setup {
        identities: (1..=4).map(|client| (client, identity(client).key())).collect(),
        assumptions: masking.masking.assumptions(),
        minimum: 3,
        ring: masking.masking.ring(),
    };
    let member = Member::new(client, identity(client), Arc::new(setup));
    Masker::new(member, masking.context(1, &first_model(), None), masking.masking.layout(PARAMETERS))
}

pub(crate) fn rng(number: u32) -> NoiseStream {
    NoiseSeed::given([1; 32]).stream_for(NoisePurpose::Masks, 1, number)
}

pub(crate) fn request(method: &str, stage: Stage, client: u32, body: &[u8]) -> Request<Body> {
    let mut path = format!("/v1/rounds/1/stages/{stage}/{client}");
    if method == "PUT" {
        path = format!("{path}?lease={}", lease_key().token(1, Some(stage), client, 0));
    }
    let mut request = Request::builder().method(method).uri(&path).header("host", HOST);
    request = request.header("content-type", "application/octet-stream");
    for (name, value) in signature(method, HOST, &path, client, body) {
        request = request.header(name, value);
    }
    request.body(Body::from(body.to_vec())).unwrap()
}

pub(crate) async fn put(garden: &Garden, stage: Stage, client: u32, body: &[u8]) -> Answer {
    garden.send(request("PUT", stage, client, body)).await
}

pub(crate) async fn task(garden: &Garden, stage: Stage, client: u32) -> Vec<u8> {
    let orders = garden.check_in(client).await.assignment();
    assert!(
        matches!(orders, CheckInAnswer::Mask { round: 1, stage: open, .. } if open == stage),
        "{orders:?}"
    );
    let answer = garden.send(request("GET", stage, client, &[])).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(answer.body.len() <= StageContent::longest_task(stage, 4), "{stage}");
    answer.body.to_vec()
}

pub(crate) async fn taken(garden: &Garden, stage: Stage, client: u32, body: &[u8]) {
    for _ in 0..2 {
        let receipt: StageReceipt = put(garden, stage, client, body).await.json();
        let message_sha256 = HexDigest::of(body);
        assert_eq!(receipt, StageReceipt { round: 1, stage, client, message_sha256 });
    }
}

async fn enrolled() -> Garden {
    let garden = garden();
    enrol_all(&garden).await;
    garden
}

pub(crate) async fn enrol_all(garden: &Garden) {
    for client in 1..=4 {
        assert_eq!(garden.enrol(client).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn who_declines_may_say_because_of_whom() {
    let garden = enrolled().await;
    let decline = async |client: u32, body: &str| {
        garden.send(post(&format!("/v1/rounds/1/declines/{client}"), Some(client), body)).await
    };
    let strange = decline(1, r#"{"reason":"refused","accused":"three"}"#).await;
    assert_eq!(strange.problem(), Problem::MalformedRequest);
    let answer = decline(1, r#"{"reason":"refused","accused":3}"#).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    for client in [2, 3, 4] {
        let answer = decline(client, r#"{"reason":"diverged"}"#).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }
    let rounds: Vec<RoundSummary> = garden.get("/v1/rounds").await.json();
    let masked = rounds[0].masked.as_ref().unwrap();
    assert_eq!(masked.complaints, BTreeMap::from([(3, BTreeSet::from([1]))]));
    assert_eq!(rounds[0].declined, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_masked_round_goes_through_its_stages() {
    let service = service_with(ManualClock::new(), Options::default());
    let garden = Garden { app: app(service.clone()) };
    enrol_all(&garden).await;
    let maskers: Vec<Masker> = (1..=4).map(masker).collect();
    let mut states = Vec::new();
    for (client, masker) in (1..).zip(&maskers) {
        let (state, message) = masker.advertise(&mut rng(client));
        if client == 1 {
            assert_eq!(put(&garden, Stage::Share, 1, &[]).await.problem(), Problem::MalformedRequest);
            let early = garden.send(request("GET", Stage::Share, 1, &[])).await;
            assert_eq!(early.problem(), Problem::RoundNotOpen);
        }
        taken(&garden, Stage::Advertise, client, &message).await;
        states.push(state);
    }
    let mut shared = Vec::new();
    for (client, state) in (1..).zip(states) {
        let roster = task(&garden, Stage::Share, client).await;
        let (state, message) = state.share(&roster, &mut rng(client + 10)).unwrap();
        taken(&garden, Stage::Share, client, &message).await;
        shared.push(state);
    }
    let mut masked = Vec::new();
    for (client, state) in (1..).zip(shared) {
        let delivery = task(&garden, Stage::Input, client).await;
        let update = Update { delta: vec![1 << 16, client as i32], weight: client, loss: 1 };
        let (state, message) = state.mask(&delivery, &update).unwrap();
        taken(&garden, Stage::Input, client, &message).await;
        masked.push(state);
    }
    let mut confirmed = Vec::new();
    for (client, state) in (1..).zip(masked) {
        let survivors = task(&garden, Stage::Confirm, client).await;
        let (state, message) = state.confirm(&survivors).unwrap();
        taken(&garden, Stage::Confirm, client, &message).await;
        confirmed.push(state);
    }
    let mut answers = Vec::new();
    for (client, state) in (1..).zip(confirmed) {
        let confirmations = task(&garden, Stage::Answer, client).await;
        let answer = state.answer(&confirmations, &mut LatestAnswer::default()).unwrap();
        assert_eq!(put(&garden, Stage::Answer, client, &answer).await.status, StatusCode::OK);
        answers.push(answer);
    }
    answers_while_masks_are_taken_off(&service, &garden, &answers).await;
    unmask(service.store(), Timestamp(1_000)).await;
    let rounds: Vec<RoundSummary> = garden.get("/v1/rounds").await.json();
    assert!(matches!(rounds[0].outcome, RoundOutcome::Released { .. }));
    assert_eq!(rounds[0].contributed, [1, 2, 3, 4]);
    assert_eq!(rounds[0].masked.as_ref().unwrap().missed.len(), 0);
    let late = put(&garden, Stage::Advertise, 1, &masker(1).advertise(&mut rng(1)).1).await;
    assert_eq!(late.problem(), Problem::TooLate);
}

/// Takes the masks off, as a service does that is being run.
async fn unmask(store: &impl Store, now: Timestamp) {
    let answered = store.answered().await.unwrap().expect("all answers are there");
    store.unmasked(answered.unmask(), now).await.unwrap();
}

/// The round is neither open nor over, however long that takes; whatever is asked meanwhile is answered.
async fn answers_while_masks_are_taken_off(
    service: &Service<MemoryStore>,
    garden: &Garden,
    answers: &[impl AsRef<[u8]>],
) {
    let store = service.store();
    assert_eq!(*store.stage().borrow(), privet_coordinator::Stage::Unmasking { round: 1 });
    let an_hour_later = Timestamp(3_600_000);
    store.tick(an_hour_later).await.unwrap();
    assert_eq!(store.check_in(1, an_hour_later).await.unwrap().assignment, Assignment::Wait);
    assert_eq!(garden.get("/v1/rounds").await.json::<Vec<RoundSummary>>(), []);
    let state: FederationState = garden.get("/v1/federation").await.json();
    assert_eq!((state.phase, state.round), (PhaseName::Collecting, 1));
    taken(garden, Stage::Answer, 1, answers[0].as_ref()).await;
    assert_eq!(garden.send(request("GET", Stage::Answer, 1, &[])).await.problem(), Problem::TooLate);
    assert_eq!(garden.upload(1, 1, update(1, 1)).await.problem(), Problem::OtherKindOfRound);
}

#[tokio::test]
async fn a_message_under_a_lease_that_has_lapsed_is_taken_under_the_next() {
    let clock = ManualClock::new();
    let garden = Garden { app: app(service_with(clock.clone(), Options::default())) };
    enrol_all(&garden).await;
    let message = masker(1).advertise(&mut rng(1)).1;
    let lease = async || match garden.check_in(1).await.assignment() {
        CheckInAnswer::Mask { round: 1, stage: Stage::Advertise, lease, .. } => lease,
        other => panic!("{other:?}"),
    };
    let first = lease().await;
    assert_eq!(first.token, lease_key().token(1, Some(Stage::Advertise), 1, 0));
    clock.advance(Duration::from_millis(first.milliseconds_left));
    assert_eq!(put(&garden, Stage::Advertise, 1, &message).await.problem(), Problem::LeaseLapsed);
    let path = format!("/v1/rounds/1/stages/advertise/1?lease={}", lease().await.token);
    let receipt: StageReceipt = garden.send(put_at(&path, 1, message.clone())).await.json();
    assert_eq!((receipt.stage, receipt.client), (Stage::Advertise, 1));
    // It is acknowledged for good.
    taken(&garden, Stage::Advertise, 1, &message).await;
}

#[tokio::test]
async fn messages_that_do_not_belong_are_refused() {
    let garden = enrolled().await;
    let (one, two) = (masker(1), masker(2));
    let (_, message) = one.advertise(&mut rng(1));
    let (_, another) = one.advertise(&mut rng(2));
    let problem = |answer: Answer| answer.problem();
    assert_eq!(problem(put(&garden, Stage::Advertise, 2, &message).await), Problem::MalformedRequest);
    let mut forged = message.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(problem(put(&garden, Stage::Advertise, 1, &forged).await), Problem::StageRefused);
    assert_eq!(problem(put(&garden, Stage::Advertise, 1, &[7; 20]).await), Problem::MalformedRequest);
    assert_eq!(problem(put(&garden, Stage::Advertise, 1, &[0; 300]).await), Problem::BodyTooLarge);
    taken(&garden, Stage::Advertise, 1, &message).await;
    assert_eq!(problem(put(&garden, Stage::Advertise, 1, &another).await), Problem::AnotherUpdate);
    // An update in the clear, and somebody else's signature.
    assert_eq!(garden.upload(1, 1, update(1, 1)).await.problem(), Problem::OtherKindOfRound);
    let path = format!("/v1/rounds/1/stages/{}/2", Stage::Advertise);
    let (_, message) = two.advertise(&mut rng(2));
    let mut request =
        Request::put(&path).header("host", HOST).header("content-type", "application/octet-stream");
    for (name, value) in signature("PUT", HOST, &path, 1, &message) {
        request = request.header(name, value);
    }
    let answer = garden.send(request.body(Body::from(message)).unwrap()).await;
    assert_eq!(answer.problem(), Problem::NotAuthorized);
    let unknown = garden.get("/v1/rounds/1/stages/confess/1").await;
    assert!(unknown.status.is_client_error());
}

#[tokio::test]
async fn stages_of_a_federation_without_masks_are_refused() {
    let garden = Garden::collecting().await;
    let (_, message) = masker(1).advertise(&mut rng(1));
    assert_eq!(put(&garden, Stage::Advertise, 1, &message).await.problem(), Problem::OtherKindOfRound);
}

/// A store of masked rounds in a folder.
pub(crate) fn open(folder: &Path) -> SqliteStore {
    let journal = Journal::new().0;
    SqliteStore::open(folder, &charter(rules()), &first_model(), noise_seed(), format(), journal).unwrap()
}

pub(crate) const NOW: Timestamp = Timestamp(1_000);

/// All four enrol, and the first round is open.
pub(crate) async fn found(folder: &Path) -> SqliteStore {
    let store = open(folder);
    for client in 1..=4 {
        let request = Enrol { key: identity(client).key(), place: Some(client), token: None };
        store.enrol(request, Invitation::NotNeeded, NOW).await.unwrap();
    }
    store
}

/// Sends a message of the first round.
pub(crate) async fn send(
    store: &SqliteStore,
    stage: Stage,
    client: u32,
    body: &[u8],
) -> Result<(), StoreError> {
    let content = StageContent::decode(stage, rules().masking.unwrap().masking.ring(), body).unwrap();
    let message = StageMessage { client, round: 1, digest: Some(HexDigest::of(body)), content };
    store.send(message, holding(store, client, NOW).await, NOW).await
}

/// Brings the first round to the stage of the masked updates, and gives the update of this client.
pub(crate) async fn masked_update(store: &SqliteStore, client: u32) -> Vec<u8> {
    let maskers: Vec<Masker> = (1..=4).map(masker).collect();
    let mut states = Vec::new();
    for (client, masker) in (1..).zip(&maskers) {
        let (state, message) = masker.advertise(&mut rng(client));
        send(store, Stage::Advertise, client, &message).await.unwrap();
        states.push(state);
    }
    let mut shared = Vec::new();
    for (client, state) in (1..).zip(states) {
        let roster = store.task(1, client, Stage::Share, NOW).await.unwrap();
        let (state, message) = state.share(&roster, &mut rng(client + 10)).unwrap();
        send(store, Stage::Share, client, &message).await.unwrap();
        shared.push(state);
    }
    let delivery = store.task(1, client, Stage::Input, NOW).await.unwrap();
    let update = Update { delta: vec![1, 2], weight: 1, loss: 1 };
    shared.swap_remove(client as usize - 1).mask(&delivery, &update).unwrap().1
}

#[tokio::test]
async fn a_masked_round_that_a_restart_interrupts_is_over_and_says_whose_update_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let store = found(folder.path()).await;
    let message = masked_update(&store, 3).await;
    send(&store, Stage::Input, 3, &message).await.unwrap();
    drop(store);

    let decode = format().decode;
    assert_eq!(check(folder.path(), &*decode).unwrap().counted, Some(1));
    let store = open(folder.path());
    store.tick(NOW).await.unwrap();
    let records = store.records().await.unwrap();
    let masked = records[0].record.masked.as_ref().unwrap();
    assert_eq!(masked.inputs, BTreeSet::from([3]));
    assert!(masked.failure.as_ref().unwrap().contains("started again"));
    assert_eq!(records[0].model_in, records[0].model_out);
    let standing = store.standing().await.unwrap();
    assert_eq!(standing.round, 2);
    let late = store.task(1, 1, Stage::Input, NOW).await.unwrap_err();
    assert!(late.to_string().contains(&Refusal::TooLate { round: 1, client: 1 }.to_string()), "{late}");
    drop(store);
    assert_eq!(check(folder.path(), &*decode).unwrap().rounds, 1);
}
