//! A coordinator and its clients without anything between them.

use super::*;

pub(super) const START: Timestamp = Timestamp(1_000);
pub(super) const PLAN: &str = "\
[federation]
rounds = 2
[data]
source = \"digits\"
[partition]
clients = 4
[cohort]
minimum = 3
deadline-seconds = 10
[aggregation]
weight-cap = 100
[encoding]
fraction-bits = 16
largest = 16.0
[secure-aggregation]
coordinator = \"curious\"
adversarial-fraction = 0.0
dropout-fraction = 0.0
stage-seconds = 2
";

pub(super) fn identity(client: u32) -> Identity {
    Identity::from_random(&[client as u8; 32])
}

pub(super) fn model() -> Params {
    Params::zeros(Arc::new(Layout::new([("0.bias".into(), vec![2])])))
}

pub(super) fn update(client: u32) -> Update {
    Update { delta: vec![1 << 16, client as i32], weight: client, loss: 7 }
}

/// A federation and its clients, which see nothing of each other but messages.
pub(super) struct World {
    pub(super) federation: Option<Federation>,
    pub(super) now: Timestamp,
    pub(super) closed: Vec<RoundRecord>,
    pub(super) refused: Vec<Refusal>,
    /// What came for a round that was over.
    pub(super) belated: Vec<Belated>,
    /// Who gives wrong shares when it answers.
    pub(super) alters: Option<u32>,
}

impl World {
    pub(super) fn new() -> World {
        let rules = Rules::new(&Plan::parse(PLAN).unwrap());
        let federation = Some(Federation::new(rules, model()));
        let (closed, refused, belated) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = World { federation, now: START, closed, refused, belated, alters: None };
        (1..=4).for_each(|client| {
            world.step(Event::Enrol { place: Some(client), key: Some(identity(client).key()) })
        });
        world
    }

    pub(super) fn federation(&self) -> &Federation {
        self.federation.as_ref().unwrap()
    }

    pub(super) fn step(&mut self, event: Event) {
        let (federation, effects) = self.federation.take().unwrap().step(event, self.now);
        self.federation = Some(federation);
        for effect in effects {
            match effect {
                Effect::Closed { record, .. } => self.closed.push(*record),
                Effect::Refused(refusal) => self.refused.push(refusal),
                Effect::Belated(belated) => self.belated.push(belated),
                _ => {}
            }
        }
    }

    pub(super) fn open(&self) -> &MaskedRound {
        match self.federation().phase() {
            Phase::Masked(open) => open,
            other => panic!("a masked round is open, not {other:?}"),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.open().stage()
    }

    /// Sends bytes as somebody's message for a stage of round 1; gives why they are refused, if they are.
    pub(super) fn send(&mut self, client: u32, stage: Stage, bytes: &[u8]) -> Option<Refusal> {
        let masking = *Plan::parse(PLAN).unwrap().masking().unwrap();
        assert!(bytes.len() <= StageContent::longest(stage, &masking.layout(2), 4), "{stage}");
        let ring = masking.ring();
        let content = StageContent::decode(stage, ring, bytes).unwrap();
        let digest = Some(HexDigest::of(bytes));
        self.step(Event::Send(Box::new(StageMessage { client, round: 1, digest, content })));
        self.refused.pop()
    }

    /// Lets the time of the open stage pass.
    pub(super) fn wait(&mut self) {
        self.now = self.open().deadline();
        self.step(Event::Tick);
    }

    pub(super) fn masker(&self, client: u32) -> Masker {
        let open = self.open();
        let member = Member::new(client, identity(client), Arc::clone(open.setup()));
        Masker::new(member, open.context(), open.layout())
    }

    /// Runs round 1; client 2 vanishes before a stage, if one is given.
    pub(super) fn run(&mut self, vanishes: Option<Stage>) {
        let there = |stage: Stage, client: u32| client != 2 || vanishes.is_none_or(|last| stage < last);
        let rng = |client: u32| ChaCha20Rng::seed_from_u64(client.into());
        let maskers: Vec<Masker> = (1..=4).map(|client| self.masker(client)).collect();
        let mut states = Vec::new();
        for (client, masker) in (1..).zip(&maskers).filter(|(client, _)| there(Stage::Advertise, *client)) {
            let (state, message) = masker.advertise(&mut rng(client));
            assert_eq!(self.send(client, Stage::Advertise, &message), None);
            assert_eq!(self.send(client, Stage::Advertise, &message), None, "the same again changes nothing");
            states.push((client, state));
        }
        self.end(Stage::Advertise, vanishes);
        let mut shared = Vec::new();
        for (client, state) in states.into_iter().filter(|(client, _)| there(Stage::Share, *client)) {
            let roster = self.federation().task(1, client, Stage::Share).unwrap();
            let (state, message) = state.share(&roster, &mut rng(client + 10)).unwrap();
            assert_eq!(self.send(client, Stage::Share, &message), None);
            shared.push((client, state));
        }
        self.end(Stage::Share, vanishes);
        let mut masked = Vec::new();
        for (client, state) in shared.into_iter().filter(|(client, _)| there(Stage::Input, *client)) {
            let delivery = self.federation().task(1, client, Stage::Input).unwrap();
            let (state, message) = state.mask(&delivery, &update(client)).unwrap();
            assert_eq!(self.send(client, Stage::Input, &message), None);
            masked.push((client, state));
        }
        self.end(Stage::Input, vanishes);
        let mut confirmed = Vec::new();
        for (client, state) in masked.into_iter().filter(|(client, _)| there(Stage::Confirm, *client)) {
            let survivors = self.federation().task(1, client, Stage::Confirm).unwrap();
            let (state, message) = state.confirm(&survivors).unwrap();
            assert_eq!(self.send(client, Stage::Confirm, &message), None);
            confirmed.push((client, state));
        }
        self.end(Stage::Confirm, vanishes);
        for (client, state) in confirmed.into_iter().filter(|(client, _)| there(Stage::Answer, *client)) {
            let confirmations = self.federation().task(1, client, Stage::Answer).unwrap();
            let mut message = state.answer(&confirmations, &mut LatestAnswer::default()).unwrap().to_vec();
            if self.alters == Some(client) {
                (0..3).for_each(|share| message[17 + 44 * share + 4] ^= 1);
            }
            assert_eq!(self.send(client, Stage::Answer, &message), None);
        }
        self.end(Stage::Answer, vanishes);
    }

    /// A stage closes by itself when all have come, and at its deadline when somebody vanished before it.
    pub(super) fn end(&mut self, stage: Stage, vanishes: Option<Stage>) {
        if vanishes == Some(stage) {
            assert_eq!((self.open().round(), self.stage()), (1, stage));
            assert_eq!(self.federation().assignment(2), Ok(self.mask(stage)));
            self.wait();
        }
    }

    pub(super) fn mask(&self, stage: Stage) -> Assignment {
        Assignment::Mask { round: 1, stage, deadline: self.open().deadline() }
    }
}

/// The model of an unmasked round with the updates of these clients.
pub(super) fn unmasked(clients: impl Iterator<Item = u32>) -> (Params, Outcome) {
    let rules = Rules { masking: None, ..Rules::new(&Plan::parse(PLAN).unwrap()) };
    let (mut federation, mut effects) = (Federation::new(rules, model()), Vec::new());
    let mut step = |event| {
        let (next, did) = federation.clone().step(event, START);
        federation = next;
        effects.extend(did);
    };
    for client in 1..=4 {
        step(Event::Enrol { place: Some(client), key: None });
    }
    for client in clients {
        let submission = crate::round::Submission { client, round: 1, update: update(client), digest: None };
        step(Event::Submit(submission));
    }
    step(Event::Expire);
    (federation.model().clone(), closed(&effects)[0].outcome)
}
