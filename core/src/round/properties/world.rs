//! A federation, what a store keeps of it, and the reference; after each operation all three must agree.

use super::face::face;
use super::kept::Kept;
use super::masking::{Members, Way};
use super::reference::{Ask, Counted, Reference};
use super::setting::{Body, Kind, ONE, PARAMETERS, Setting, model};
use super::{Operation, Pause, Which};
use crate::privacy::NoiseSeed;
use crate::round::{
    Assignment, Collecting, Contribution, Effect, Event, Federation, Outcome, Phase, Receipt, RoundRecord,
    Rules, Timestamp,
};
use crate::secagg::Stage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) struct World<'a> {
    pub(super) rules: Rules,
    pub(super) federation: Federation,
    pub(super) reference: Reference,
    pub(super) now: Timestamp,
    pub(super) members: &'a Members,
    /// How far the clients are in the masked round.
    pub(super) ways: BTreeMap<u32, Way<'a>>,
    /// What they have sent in it.
    pub(super) sent: BTreeMap<(u32, Stage, u32), Vec<u8>>,
    kept: Kept,
    /// What was promised: the first receipt for each update.
    receipts: BTreeMap<(u32, u32), Receipt>,
    epsilon: f64,
    restarts: u8,
}

impl<'a> World<'a> {
    pub(super) fn new(setting: Setting, members: &'a Members) -> World<'a> {
        let (rules, model) = (setting.rules(), model());
        World {
            federation: Federation::protected(rules.clone(), model.clone(), seed(0)),
            rules,
            reference: Reference::new(setting),
            now: Timestamp(1_000),
            members,
            ways: BTreeMap::new(),
            sent: BTreeMap::new(),
            kept: Kept::new(model),
            receipts: BTreeMap::new(),
            epsilon: 0.0,
            restarts: 0,
        }
    }

    pub(super) fn released(&self) -> usize {
        let released = |record: &&RoundRecord| matches!(record.outcome, Outcome::Released { .. });
        self.kept.history.iter().filter(released).count()
    }

    /// Does one thing, and checks everything.
    pub(super) fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::Enrol { place, keyed } => self.enrol(place, keyed),
            Operation::Update { client, which, body } => self.submit(client, self.round(which), body),
            Operation::Everybody => {
                for client in self.awaited() {
                    match self.reference.setting.kind {
                        Kind::Masked => self.go_on(client),
                        _ => self.submit(client, self.reference.current(), Body::Right),
                    }
                }
            }
            Operation::Decline { client, which } => {
                let round = self.round(which);
                self.step(Event::Decline { client, round, accused: None }, Ask::Decline { client, round });
            }
            Operation::Wait(pause) => self.wait(pause),
            Operation::Tick => self.tick(),
            Operation::Expire => self.expire(),
            Operation::Apart(ref clients) => self.collect_apart(clients),
            Operation::GoOn(client) => {
                self.tick();
                if self.awaited().contains(&client) && self.reference.setting.kind == Kind::Masked {
                    self.go_on(client);
                }
            }
            Operation::Meddle(client, meddling) => self.meddle(client, meddling),
            Operation::Restart => self.restart(),
        }
        self.check();
    }

    fn round(&self, which: Which) -> u32 {
        match which {
            Which::Current => self.reference.current(),
            Which::Before => self.reference.current().saturating_sub(1),
            Which::First => 1,
            Which::After => self.reference.current() + 1,
        }
    }

    fn awaited(&self) -> Vec<u32> {
        let open = match self.federation.phase() {
            Phase::Collecting(open) => {
                open.cohort().iter().filter(|client| open.awaits(**client)).copied().collect()
            }
            Phase::Masked(open) => open.awaited().into_iter().collect(),
            _ => Vec::new(),
        };
        if self.is_overdue() { Vec::new() } else { open }
    }

    fn is_overdue(&self) -> bool {
        match self.federation.phase() {
            Phase::Collecting(open) => self.now >= open.deadline(),
            Phase::Masked(open) => self.now >= open.deadline(),
            _ => false,
        }
    }

    fn enrol(&mut self, place: Option<u32>, keyed: bool) {
        let free = (1..=self.reference.setting.places).find(|place| !self.reference.enrolled.contains(place));
        let client = place.or(free).unwrap_or(1);
        let key = keyed.then(|| self.members.key(client));
        let before = self.reference.enrolled.len();
        self.step(Event::Enrol { place, key }, Ask::Enrol { place, keyed });
        if let Some(key) = key.filter(|_| self.reference.enrolled.len() > before) {
            self.kept.identify(client, key);
        }
    }

    fn submit(&mut self, client: u32, round: u32, body: Body) {
        let sent = self.reference.setting.sent(client, round, body);
        self.step(Event::Submit(sent.submission()), Ask::Submit(sent));
    }

    fn wait(&mut self, pause: Pause) {
        let left = match self.federation.phase() {
            Phase::Collecting(open) => self.now.until(open.deadline()).as_millis() as u64,
            Phase::Masked(open) => self.now.until(open.deadline()).as_millis() as u64,
            _ => 0,
        };
        self.now.0 += match pause {
            Pause::Short => 400,
            Pause::UntilJustBefore => left.saturating_sub(1),
            Pause::Until => left,
            Pause::Long => 60_000,
        };
    }

    pub(super) fn tick(&mut self) {
        self.step(Event::Tick, Ask::Nothing);
    }

    fn expire(&mut self) {
        self.tick();
        self.reference.cut_short = matches!(self.federation.phase(), Phase::Collecting(_));
        self.step(Event::Expire, Ask::Nothing);
        assert!(!self.reference.cut_short, "what expires is closed");
    }

    /// As the simulator's workers do.
    fn collect_apart(&mut self, clients: &[u32]) {
        self.tick();
        let Phase::Collecting(open) = self.federation.phase() else { return };
        let mut part: Collecting = open.part();
        for &client in clients.iter().collect::<BTreeSet<_>>() {
            if self.reference.awaits(client) {
                let sent = self.reference.setting.sent(client, open.round(), Body::Right);
                let receipt =
                    part.accept(&crate::round::Submission { digest: None, ..sent.submission() }).unwrap();
                self.reference.count(sent, None);
                self.receipts.insert((receipt.round, client), receipt);
                self.kept.open().contributions.insert(client, receipt.contribution);
            }
        }
        self.step(Event::Absorb(part), Ask::Nothing);
    }

    /// Goes on with what was kept, and with another secret seed.
    fn restart(&mut self) {
        let before = face(&self.federation);
        self.restarts += 1;
        let saved = self.kept.saved();
        assert_eq!(saved.check_ledger(self.rules.protection.as_ref()), Ok(self.federation.epsilon()));
        let was_masked = matches!(self.federation.phase(), Phase::Masked(_));
        self.federation = Federation::resume(self.rules.clone(), saved, seed(self.restarts)).unwrap();
        if was_masked {
            // Its secrets are gone, and it with them.
            self.ways.clear();
            self.reference.cut_short = true;
            let over = self.reference.over.len();
            self.tick();
            assert_eq!(self.reference.over.len(), over + 1);
            let record = self.kept.history.last().unwrap();
            assert!(matches!(record.outcome, Outcome::Abandoned { .. }));
        } else {
            assert_eq!(face(&self.federation), before, "the same goes on");
        }
    }

    /// Carries an event to the federation, and every effect to those who must know.
    pub(super) fn step(&mut self, event: Event, ask: Ask) {
        let overdue = self.federation.clone().step(Event::Tick, self.now).0;
        let (federation, effects) = self.federation.clone().step(event, self.now);
        for (at, effect) in effects.iter().enumerate() {
            let effect = match effect {
                Effect::Belated(belated) => &self.kept.answer(*belated),
                effect => effect,
            };
            self.kept.keep(ask, effect);
            match effect {
                Effect::Recorded(recorded) => self.reference.record(recorded.round),
                Effect::Opened { round } => {
                    self.ways.clear();
                    let cohort = cohort(*round, &effects[at..], &federation);
                    self.reference.open(*round, cohort, self.now);
                }
                Effect::Closed { record, .. } => self.reference.close(record, self.now),
                Effect::Finished => self.reference.finished = true,
                Effect::StageOpened { round, .. } => assert_eq!(*round, self.reference.current()),
                answer => self.reference.answer(ask, answer),
            }
            match effect {
                Effect::Refused(_) => {
                    assert_eq!(face(&federation), face(&overdue), "a refusal changes nothing")
                }
                Effect::Accepted(receipt) => {
                    let at = (receipt.round, receipt.client);
                    assert_eq!(self.receipts.entry(at).or_insert(*receipt), receipt);
                }
                _ => {}
            }
        }
        let answers = effects.iter().filter(|effect| is_answer(effect)).count();
        assert_eq!(answers, usize::from(!matches!(ask, Ask::Nothing)), "one answer to each question");
        self.federation = federation;
        self.kept.keep_round(&self.federation);
        self.check_phase();
    }

    /// What is due has happened.
    fn check_phase(&self) {
        let Reference { setting, open, over, finished, enrolled, .. } = &self.reference;
        match self.federation.phase() {
            Phase::Gathering => {
                assert!(open.is_none() && over.is_empty() && enrolled.len() < setting.wait_for as usize)
            }
            Phase::Collecting(collecting) => {
                let open = open.as_ref().expect("a round is open");
                assert_eq!((collecting.round(), collecting.cohort()), (open.round, &open.cohort));
                assert_eq!(collecting.deadline(), open.deadline);
                assert!(!self.reference.is_due(self.now), "round {} should be over", open.round);
            }
            Phase::Masked(masked) => {
                let open = open.as_ref().expect("a round is open");
                assert_eq!((masked.round(), masked.cohort()), (open.round, &open.cohort));
                assert!(self.now < masked.deadline() && !masked.awaited().is_empty());
            }
            Phase::Interrupted(_) => panic!("a step closes what was interrupted"),
            Phase::Finished => {
                assert!(*finished && open.is_none());
                let all = over.len() == setting.rounds as usize;
                assert!(all != self.federation.is_exhausted(), "it ends with its rounds or with its target");
            }
        }
    }

    /// Everything that must hold between two events.
    fn check(&mut self) {
        let federation = &self.federation;
        assert_eq!(federation.enrolled(), &self.reference.enrolled);
        assert_eq!(federation.past().rounds() as usize, self.reference.over.len());
        assert_eq!(self.kept.history.len(), self.reference.over.len());
        for (round, record) in (1..).zip(&self.kept.history) {
            self.check_record(round, record);
        }
        if let Phase::Collecting(open) = federation.phase() {
            self.check_open(open);
        }
        for round in 0..=self.reference.current() + 1 {
            for client in 0..=self.reference.setting.places + 1 {
                let promised = self.receipts.get(&(round, client)).copied();
                let record = self.kept.history.get((round as usize).wrapping_sub(1));
                let receipt =
                    record.map_or_else(|| federation.receipt(round, client), |record| record.receipt(client));
                assert_eq!(receipt, promised, "round {round}, client {client}");
            }
        }
        if self.reference.setting.kind != Kind::Protected {
            for (value, expected) in federation.model().values().iter().zip(self.reference.model) {
                assert!((f64::from(*value) - expected).abs() < 1e-5, "{value} and {expected}");
            }
        }
        self.check_spending();
    }

    fn check_record(&self, round: u32, record: &RoundRecord) {
        assert_eq!(record.round, round);
        let counted = self.reference.counted_in(round);
        assert_eq!(record.declined, Reference::of_round(&self.reference.declined, round));
        assert_eq!(record.late, Reference::of_round(&self.reference.late, round));
        assert!(counted.keys().chain(&record.declined).all(|client| record.cohort.contains(client)));
        assert_eq!(record.contributors(), counted.keys().copied().collect::<Vec<u32>>());
        match self.reference.setting.kind {
            Kind::Masked => assert!(record.contributions.is_empty(), "masks hide what an update weighs"),
            _ => check_contributions(&record.contributions, &counted),
        }
    }

    fn check_open(&self, open: &Collecting) {
        let (expected, weight) = self.reference.sum(open.round());
        assert_eq!(open.sum().weight(), weight);
        let counted = self.reference.counted_in(open.round());
        check_contributions(&open.contributions, &counted);
        if let Some(mean) = open.sum().mean(self.rules.grid) {
            let steps = |value: f64| (value * weight as f64 * f64::from(ONE)).round() as i64;
            let sum: Vec<i64> = mean.delta.into_iter().map(steps).collect();
            assert_eq!(sum, expected, "what is acknowledged is in the sum, once");
        }
        for client in 0..=PARAMETERS as u32 {
            let trains = match self.federation.assignment(client) {
                Ok(assignment) => {
                    matches!(assignment, Assignment::Train { round, .. } if round == open.round())
                }
                Err(_) => false,
            };
            assert_eq!(trains, self.reference.awaits(client), "client {client}");
        }
    }

    fn check_spending(&mut self) {
        let Some(ledger) = self.federation.ledger() else { return };
        assert_eq!(ledger.releases(), u64::from(self.reference.recorded));
        assert_eq!(self.reference.recorded, self.reference.current());
        let epsilon = self.federation.epsilon().unwrap();
        let records = self.kept.history.iter().map(|record| record.epsilon.unwrap());
        let spent: Vec<f64> = records.chain([epsilon]).collect();
        assert!(spent.is_sorted() && epsilon >= self.epsilon, "{spent:?} after {}", self.epsilon);
        assert!(epsilon <= ledger.target().unwrap());
        self.epsilon = epsilon;
    }
}

fn check_contributions(contributions: &BTreeMap<u32, Contribution>, counted: &BTreeMap<u32, Counted>) {
    let of = |counted: &Counted| Contribution { weight: counted.sent.weight, digest: counted.digest };
    let expected: BTreeMap<u32, Contribution> =
        counted.iter().map(|(client, counted)| (*client, of(counted))).collect();
    assert_eq!(*contributions, expected);
}

fn is_answer(effect: &Effect) -> bool {
    match effect {
        Effect::Enrolled { .. } | Effect::Accepted(_) | Effect::Taken { .. } => true,
        Effect::Declined | Effect::Refused(_) | Effect::Belated(_) => true,
        Effect::Closed { .. } | Effect::Recorded(_) | Effect::Opened { .. } => false,
        Effect::StageOpened { .. } | Effect::Finished => false,
    }
}

/// Who was drawn for a round that has just been opened, and may be over already.
fn cohort(round: u32, effects: &[Effect], federation: &Federation) -> BTreeSet<u32> {
    let closed = effects.iter().find_map(|effect| match effect {
        Effect::Closed { record, .. } if record.round == round => Some(record.cohort.clone()),
        _ => None,
    });
    closed.unwrap_or_else(|| match federation.phase() {
        Phase::Collecting(open) => open.cohort().clone(),
        Phase::Masked(open) => open.cohort().clone(),
        other => panic!("round {round} was opened, and now there is {other:?}"),
    })
}

fn seed(restarts: u8) -> Arc<NoiseSeed> {
    Arc::new(NoiseSeed::from_bytes(&mut [restarts.wrapping_add(1); 32]))
}
