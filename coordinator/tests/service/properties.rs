//! Whatever is asked of a store, in whatever order, and however often it is closed and opened again: what must hold,
//! holds after each transaction.
//!
//! The same operations go to a store in memory, which is never disturbed, and to one on a disk, which is. Both must give
//! the same answers; and what they tell must follow from a small reference of what was acknowledged.

use crate::conformance::{NOW, claim, format, submission};
use crate::harness::{PARAMETERS, charter, encode, first_model, identity, noise_seed, rules};
use privet_coordinator::{
    Charter, Denial, Invitation, Journal, MemoryStore, SqliteStore, Stage, Store, StoreError, check,
};
use privet_core::plan::Plan;
use privet_core::protocol::{Enrol, HexDigest, PhaseName, RoundOutcome, RoundSummary};
use privet_core::round::{
    Assignment, Federation, Outcome, Receipt, RoundRecord, Rules, Timestamp, check_chain,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;
use tempfile::TempDir;

/// Something that is asked. Clients may be none.
#[derive(Debug, Clone)]
enum Operation {
    Enrol { key: u32, place: Option<u32> },
    Submit { client: u32, back: u32, body: Body },
    Decline { client: u32, back: u32 },
    CheckIn { client: u32 },
    Admit { client: u32, signer: u32, nonce: u8 },
    Wait(Pause),
    Tick,
    Restart,
}

#[derive(Debug, Clone, Copy)]
enum Body {
    Right,
    Other,
    Overweight,
    Short,
}

#[derive(Debug, Clone, Copy)]
enum Pause {
    Short,
    UntilJustBefore,
    Until,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let client = || prop_oneof![9 => 1_u32..=3, 1 => Just(0), 1 => Just(4)];
    // Rounds are named from the open one backwards; one of five that does not exist yet.
    let back = || prop_oneof![6 => Just(1_u32), 2 => Just(2), 1 => Just(0)];
    let body = prop_oneof![8 => Just(Body::Right), 2 => Just(Body::Other), 1 => Just(Body::Overweight), 1 => Just(Body::Short)];
    let pause = prop_oneof![Just(Pause::Short), Just(Pause::UntilJustBefore), Just(Pause::Until)];
    let place = prop_oneof![3 => Just(None), 1 => (0_u32..=4).prop_map(Some)];
    let operation = prop_oneof![
        4 => (1_u32..=4, place).prop_map(|(key, place)| Operation::Enrol { key, place }),
        12 => (client(), back(), body).prop_map(|(client, back, body)| Operation::Submit { client, back, body }),
        2 => (client(), back()).prop_map(|(client, back)| Operation::Decline { client, back }),
        1 => client().prop_map(|client| Operation::CheckIn { client }),
        2 => (client(), 1_u32..=3, 0_u8..4)
            .prop_map(|(client, signer, nonce)| Operation::Admit { client, signer, nonce }),
        3 => pause.prop_map(Operation::Wait),
        1 => Just(Operation::Tick),
        4 => Just(Operation::Restart),
    ];
    prop::collection::vec(operation, 1..40)
}

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    places: BTreeMap<u32, u32>,
    receipts: BTreeMap<(u32, u32), Receipt>,
    declined: BTreeSet<(u32, u32)>,
    admitted: BTreeSet<(u32, u8)>,
    epsilon: f64,
}

struct World {
    charter: fn() -> Charter,
    rules: Rules,
    folder: TempDir,
    memory: MemoryStore,
    /// Absent only while it is started again.
    sqlite: Option<SqliteStore>,
    now: Timestamp,
    acknowledged: Acknowledged,
}

/// All that a store tells. Models are left out where their noise differs from one store to the other, and who came
/// late where a refusal may change it.
#[derive(Debug, PartialEq)]
struct Told {
    phase: (PhaseName, u32, u32),
    models: Vec<HexDigest>,
    records: Vec<RoundRecord>,
    history: Vec<RoundSummary>,
    spent: Option<(u64, f64, bool)>,
    stage: Stage,
    assignments: Vec<Option<Assignment>>,
}

async fn told(store: &impl Store, now: Timestamp, noisy: bool) -> Told {
    let mut assignments = Vec::new();
    for client in 0..=4 {
        assignments.push(store.check_in(client, now).await.ok().map(|orders| orders.assignment));
    }
    let standing = store.standing().await.unwrap();
    let sealed = store.records().await.unwrap();
    let models = [standing.model_sha256].into_iter().chain(sealed.iter().map(|sealed| sealed.model_out));
    let mut history = store.history().await.unwrap();
    if noisy {
        history.iter_mut().for_each(|round| round.model_sha256 = HexDigest([0; 32]));
    }
    let spending = store.spending().await.unwrap();
    Told {
        phase: (standing.phase, standing.round, standing.enrolled),
        models: if noisy { Vec::new() } else { models.collect() },
        records: sealed.into_iter().map(|sealed| without_noise(sealed.record)).collect(),
        history,
        spent: spending.map(|spending| (spending.ledger.releases(), spending.epsilon, spending.exhausted)),
        stage: *store.stage().borrow(),
        assignments,
    }
}

/// A store that was opened again draws other noise, and the noised mean tells of it.
fn without_noise(mut record: RoundRecord) -> RoundRecord {
    if let Some(diagnostics) = &mut record.diagnostics {
        diagnostics.signal_to_noise = None;
    }
    record
}

fn without_late(mut told: Told) -> Told {
    told.history.iter_mut().for_each(|round| round.late.clear());
    told
}

impl World {
    fn new(charter: fn() -> Charter) -> World {
        let folder = tempfile::tempdir().unwrap();
        let rules = charter().rules;
        let federation = Federation::protected(rules.clone(), first_model(), noise_seed());
        World {
            charter,
            memory: MemoryStore::new(federation, &charter(), encode, Journal::new().0),
            sqlite: Some(open(folder.path(), &charter())),
            folder,
            rules,
            now: Timestamp(1_000),
            acknowledged: Acknowledged::default(),
        }
    }

    fn sqlite(&self) -> &SqliteStore {
        self.sqlite.as_ref().expect("it is started")
    }

    fn noisy(&self) -> bool {
        self.rules.protection.is_some()
    }

    async fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::Enrol { key, place } => self.enrol(key, place).await,
            Operation::Submit { client, back, body } => {
                self.submit(client, self.round(back).await, body).await
            }
            Operation::Decline { client, back } => {
                let round = self.round(back).await;
                let answers = (
                    self.memory.decline(client, round, None, self.now).await,
                    self.sqlite().decline(client, round, None, self.now).await,
                );
                if agreed(answers).is_ok() {
                    self.acknowledged.declined.insert((round, client));
                }
            }
            Operation::CheckIn { client } => {
                let memory = self.memory.check_in(client, self.now).await.map(|orders| orders.assignment);
                let sqlite = self.sqlite().check_in(client, self.now).await.map(|orders| orders.assignment);
                drop(agreed((memory, sqlite)));
            }
            Operation::Admit { client, signer, nonce } => self.admit(client, signer, nonce).await,
            Operation::Wait(pause) => self.wait(pause).await,
            Operation::Tick => {
                self.memory.tick(self.now).await.unwrap();
                self.sqlite().tick(self.now).await.unwrap();
            }
            Operation::Restart => self.restart().await,
        }
        self.check().await;
    }

    async fn round(&self, back: u32) -> u32 {
        (self.memory.standing().await.unwrap().round + 1).saturating_sub(back)
    }

    async fn enrol(&mut self, key: u32, place: Option<u32>) {
        let request = || Enrol { key: identity(key).key(), place, token: None };
        let memory = self.memory.enrol(request(), Invitation::NotNeeded, self.now).await;
        let sqlite = self.sqlite().enrol(request(), Invitation::NotNeeded, self.now).await;
        if let Ok(client) = agreed((memory, sqlite)) {
            assert_eq!(*self.acknowledged.places.entry(key).or_insert(client), client);
        }
    }

    async fn submit(&mut self, client: u32, round: u32, body: Body) {
        let mut update = submission(round, client);
        update.update.weight = if self.noisy() { 1 } else { client.max(1) };
        update.digest =
            Some(HexDigest([client as u8, round as u8, body as u8, 0].repeat(8).try_into().unwrap()));
        match body {
            Body::Right => {}
            Body::Other => update.update.delta[0] = 0,
            Body::Overweight => update.update.weight = self.rules.weight_cap + 1,
            Body::Short => update.update.delta.truncate(1),
        }
        if self.noisy() {
            update.update.delta.iter_mut().for_each(|steps| *steps /= 8);
        }
        self.memory.tick(self.now).await.unwrap();
        self.sqlite().tick(self.now).await.unwrap();
        let before = without_late(told(self.sqlite(), self.now, false).await);
        let memory = self.memory.submit(update.clone(), self.now).await;
        let sqlite = self.sqlite().submit(update, self.now).await;
        match agreed((memory, sqlite)) {
            Ok(receipt) => {
                let first = self.acknowledged.receipts.entry((round, client)).or_insert(receipt);
                assert_eq!(*first, receipt, "the same update has one receipt");
            }
            Err(_) => assert_eq!(without_late(told(self.sqlite(), self.now, false).await), before),
        }
    }

    async fn admit(&mut self, client: u32, signer: u32, nonce: u8) {
        let memory = self.memory.admit(client, claim(signer, nonce), NOW).await;
        let sqlite = self.sqlite().admit(client, claim(signer, nonce), NOW).await;
        match agreed((memory, sqlite)) {
            Ok(()) => {
                assert_eq!(self.acknowledged.places.get(&signer), Some(&client));
                assert!(self.acknowledged.admitted.insert((client, nonce)), "a nonce is used once");
            }
            Err(StoreError::Denied(Denial::NonceUsed)) => {
                assert!(self.acknowledged.admitted.contains(&(client, nonce)));
            }
            Err(_) => assert_ne!(self.acknowledged.places.get(&signer), Some(&client)),
        }
    }

    async fn wait(&mut self, pause: Pause) {
        let left = match *self.memory.stage().borrow() {
            Stage::Round { deadline, .. } => self.now.until(deadline).as_millis() as u64,
            Stage::Gathering | Stage::Finished => 0,
        };
        self.now.0 += match pause {
            Pause::Short => 400,
            Pause::UntilJustBefore => left.saturating_sub(1),
            Pause::Until => left,
        };
    }

    /// Between the end and the new beginning, the folder is sound.
    async fn restart(&mut self) {
        let before = told(self.sqlite(), self.now, false).await;
        self.sqlite = None;
        let checked = check(self.folder.path(), &*format().decode).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(checked.orphans, 0);
        self.sqlite = Some(open(self.folder.path(), &(self.charter)()));
        assert_eq!(told(self.sqlite(), self.now, false).await, before);
    }

    async fn check(&mut self) {
        let (memory, sqlite) = (
            told(&self.memory, self.now, self.noisy()).await,
            told(self.sqlite(), self.now, self.noisy()).await,
        );
        assert_eq!(memory, sqlite, "both stores tell the same");
        let is_due = |deadline| self.now >= deadline;
        assert!(
            !matches!(sqlite.stage, Stage::Round { deadline, .. } if is_due(deadline)),
            "what is due is closed"
        );
        let sealed = self.sqlite().records().await.unwrap();
        check_chain(&sealed, HexDigest::of((self.charter)().plan.as_bytes())).unwrap();
        self.check_rounds(&sqlite);
        self.check_spending(&sqlite);
        for (client, assignment) in (0..).zip(&sqlite.assignments) {
            let at = (sqlite.phase.1, client);
            let done =
                self.acknowledged.receipts.contains_key(&at) || self.acknowledged.declined.contains(&at);
            let trains = matches!(assignment, Some(Assignment::Train { .. }));
            assert!(!(done && trains), "client {client} is asked again");
            let is_enrolled = self.acknowledged.places.values().any(|place| *place == client);
            assert_eq!(assignment.is_some(), is_enrolled);
        }
        let current = self.sqlite().standing().await.unwrap().model_sha256;
        let model = self.sqlite().model(current).await.unwrap().expect("the current model can be had");
        assert_eq!(HexDigest::of(&model), current);
        if !self.noisy() {
            self.check_model(&model, &sqlite.records);
        }
    }

    /// What was acknowledged for a round that is over is in its record, and nothing else is.
    fn check_rounds(&self, told: &Told) {
        for (number, (record, summary)) in (1..).zip(told.records.iter().zip(&told.history)) {
            assert_eq!((record.round, summary.round), (number, number));
            let receipts = self.acknowledged.receipts.range((number, 0)..=(number, u32::MAX));
            let promised: BTreeMap<_, _> =
                receipts.map(|((_, client), receipt)| (*client, receipt.contribution)).collect();
            assert_eq!(record.contributions, promised);
            assert!(promised.keys().chain(&summary.late).all(|client| record.cohort.contains(client)));
            let enough = promised.len() >= self.rules.minimum as usize;
            assert_eq!(matches!(record.outcome, Outcome::Released { .. }), enough);
            assert_eq!(matches!(summary.outcome, RoundOutcome::Released { .. }), enough);
        }
    }

    fn check_spending(&mut self, told: &Told) {
        let Some((releases, epsilon, _)) = told.spent else { return };
        assert_eq!(releases, u64::from(told.phase.1), "each round that was opened is in the ledger");
        assert!(epsilon >= self.acknowledged.epsilon);
        let target = self.rules.protection.as_ref().and_then(|protection| protection.ledger().target());
        assert!(target.is_none_or(|target| epsilon <= target));
        self.acknowledged.epsilon = epsilon;
    }

    /// Each client moves the second coordinate by its number, and weighs as much.
    fn check_model(&self, model: &[u8], records: &[RoundRecord]) {
        let (values, _) = model.as_chunks::<4>();
        let mut expected = 0.0;
        for record in records.iter().filter(|record| matches!(record.outcome, Outcome::Released { .. })) {
            let clients = || record.contributions.keys().map(|client| f64::from(*client));
            expected += clients().map(|client| client * client).sum::<f64>() / clients().sum::<f64>();
        }
        let value = f64::from(f32::from_le_bytes(values[1]));
        assert!((value - expected).abs() < 1e-5, "{value} and {expected}");
    }
}

/// The answer that both stores gave.
fn agreed<T: Debug + PartialEq>(
    (memory, sqlite): (Result<T, StoreError>, Result<T, StoreError>),
) -> Result<T, StoreError> {
    match (&memory, &sqlite) {
        (Ok(memory), Ok(sqlite)) => assert_eq!(memory, sqlite),
        (Err(memory), Err(sqlite)) => assert_eq!(memory.to_string(), sqlite.to_string()),
        _ => panic!("the stores disagree: {memory:?} in memory, {sqlite:?} on the disk"),
    }
    sqlite
}

/// The same cases every time.
fn replayable(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_160_217),
        failure_persistence: None,
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    }
}

fn run(charter: fn() -> Charter, operations: &[Operation]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(charter);
        for key in 1..=3 {
            world.apply(&Operation::Enrol { key, place: None }).await;
        }
        for operation in operations {
            world.apply(operation).await;
        }
    });
}

fn open(folder: &Path, charter: &Charter) -> SqliteStore {
    SqliteStore::open(folder, charter, &first_model(), noise_seed(), format(), Journal::new().0).unwrap()
}

fn plain() -> Charter {
    charter(Rules { rounds: 3, ..rules() })
}

/// Everybody in every round, and a target that ends the federation before its last.
fn private() -> Charter {
    let plan = "[federation]\nrounds = 5\n[data]\nsource = \"digits\"\n[partition]\nclients = 3\n\
                [cohort]\nsampling = \"all\"\nminimum = 2\ndeadline-seconds = 10\n\
                [aggregation]\nweights = \"uniform\"\n[encoding]\nfraction-bits = 16\n\
                [privacy]\nclip = 1.0\ndelta = 1e-5\nnoise-multiplier = 1.0\ntarget-epsilon = 8.0\n";
    let rules = Rules::new(&Plan::parse(plan).unwrap());
    Charter { name: "garden".into(), plan: plan.into(), rules, parameters: PARAMETERS }
}

proptest! {
    #![proptest_config(replayable(40))]

    #[test]
    fn what_must_hold_of_a_store_holds_after_each_transaction(operations in operations()) {
        run(plain, &operations);
    }
}

proptest! {
    #![proptest_config(replayable(15))]

    #[test]
    fn what_must_hold_of_a_private_store_holds_after_each_transaction(operations in operations()) {
        run(private, &operations);
    }
}
