//! The federation: which phase it is in, and how events move it on.

use super::guard::Guard;
use super::{
    Belated, BelatedContent, Collecting, Effect, Event, Interrupted, MaskedRound, Past, Refusal, Rules,
    StageMessage, Submission, Timestamp,
};
use crate::params::Params;
use crate::privacy::NoiseSeed;
use crate::secagg::{Identities, IdentityKey, Stage};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the federation waits for.
#[derive(Debug, Clone)]
pub enum Phase {
    /// For clients to enrol, until there are enough for the first round.
    Gathering,
    /// For the updates of a round.
    Collecting(Box<Collecting>),
    /// For the messages of a masked round.
    Masked(Box<MaskedRound>),
    /// For nothing: a masked round was open when the coordinator ended, and is closed with the next step.
    Interrupted(Box<Interrupted>),
    /// For nothing: the model is final.
    Finished,
}

/// The answer to a client that asks whether there is something for it to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignment {
    /// Train the current model and send an update for this round.
    Train {
        /// The round.
        round: u32,
        /// When the round stops waiting.
        deadline: Timestamp,
    },
    /// Do your part in a stage of a masked round: in the first, train the current model and advertise.
    Mask {
        /// The round.
        round: u32,
        /// The stage.
        stage: Stage,
        /// When the stage stops waiting.
        deadline: Timestamp,
    },
    /// Nothing at present.
    Wait,
    /// Nothing any more: the federation has finished.
    Finished,
}

/// The coordinator's state.
#[derive(Debug, Clone)]
pub struct Federation {
    pub(super) rules: Rules,
    pub(super) enrolled: BTreeSet<u32>,
    pub(super) identities: Identities,
    pub(super) model: Params,
    pub(super) phase: Phase,
    pub(super) past: Past,
    pub(super) guard: Option<Guard>,
    /// Whether whoever carries the events takes masks off.
    pub(super) unmasks_apart: bool,
}

impl Federation {
    /// A federation with its first model, that waits for clients.
    ///
    /// # Panics
    /// If the rules promise privacy: see [`Federation::protected`].
    pub fn new(rules: Rules, model: Params) -> Federation {
        assert!(rules.protection.is_none(), "a federation that promises privacy needs the seed of its noise");
        Federation::gathering(rules, model, None)
    }

    /// A federation whose noise, if its rules promise privacy, and whose hidden cohorts are drawn from this seed.
    pub fn protected(rules: Rules, model: Params, seed: Arc<NoiseSeed>) -> Federation {
        let guard = rules.protection.clone().map(|protection| Guard::new(protection, seed, model.len()));
        Federation::gathering(rules, model, guard)
    }

    fn gathering(rules: Rules, model: Params, guard: Option<Guard>) -> Federation {
        let (enrolled, identities, past) = (BTreeSet::new(), Identities::new(), Past::default());
        Federation {
            rules,
            enrolled,
            identities,
            model,
            phase: Phase::Gathering,
            past,
            guard,
            unmasks_apart: false,
        }
    }

    /// Leaves it to whoever carries the events to take masks off: when the answers of a masked round are there it waits for
    /// [`Event::Unmasked`], which is made of [`MaskedRound::answered`].
    pub fn unmasking_apart(self) -> Federation {
        Federation { unmasks_apart: true, ..self }
    }

    /// Moves on by one event. What is overdue at `now` comes first, so that an update that arrives after the
    /// deadline finds its round closed. A refused event changes nothing.
    pub fn step(self, event: Event, now: Timestamp) -> (Federation, Vec<Effect>) {
        let (mut federation, mut effects) = self.advance(Vec::new(), now);
        match federation.handle(event, now) {
            Ok(effect) => effects.extend(effect),
            Err(refusal) => effects.push(Effect::Refused(refusal)),
        }
        federation.advance(effects, now)
    }

    fn handle(&mut self, event: Event, now: Timestamp) -> Result<Option<Effect>, Refusal> {
        match event {
            Event::Enrol { place, key } => {
                self.enrol(place, key).map(|client| Some(Effect::Enrolled { client }))
            }
            Event::Send(message) => self.take(*message).map(Some),
            Event::Submit(submission) => self.submit(&submission).map(Some),
            Event::Decline { client, round, accused } => {
                self.decline(client, round, accused).map(|()| Some(Effect::Declined))
            }
            Event::Unmasked(unmasked) => {
                if let Phase::Masked(masked) = &mut self.phase {
                    masked.enter(*unmasked);
                }
                Ok(None)
            }
            Event::Absorb(part) => {
                self.absorb(part);
                Ok(None)
            }
            Event::Expire => {
                match &mut self.phase {
                    Phase::Collecting(collecting) => collecting.deadline = now,
                    Phase::Masked(masked) => masked.deadline = now,
                    Phase::Gathering | Phase::Interrupted(_) | Phase::Finished => {}
                }
                Ok(None)
            }
            Event::Tick => Ok(None),
        }
    }

    fn enrol(&mut self, place: Option<u32>, key: Option<IdentityKey>) -> Result<u32, Refusal> {
        let places = self.rules.places;
        if self.rules.masking.is_some() && key.is_none() {
            return Err(Refusal::NoKey);
        }
        let client = match place {
            Some(place) if !(1..=places).contains(&place) => {
                return Err(Refusal::NoSuchPlace { place, places });
            }
            Some(place) if self.enrolled.contains(&place) => return Err(Refusal::PlaceTaken { place }),
            Some(place) => place,
            None => {
                (1..=places).find(|place| !self.enrolled.contains(place)).ok_or(Refusal::Full { places })?
            }
        };
        self.enrolled.insert(client);
        self.identities.extend(key.map(|key| (client, key)));
        Ok(client)
    }

    fn submit(&mut self, submission: &Submission) -> Result<Effect, Refusal> {
        let Submission { client, round, digest, .. } = *submission;
        self.check_enrolled(client)?;
        if let Phase::Collecting(collecting) = &mut self.phase
            && collecting.round == round
        {
            return collecting.accept(submission).map(Effect::Accepted);
        }
        if self.is_masked(round) {
            return Err(Refusal::OnlyMasked { round });
        }
        self.check_over(round)?;
        Ok(Effect::Belated(Belated { round, client, content: BelatedContent::Update(digest) }))
    }

    fn decline(&mut self, client: u32, round: u32, accused: Option<u32>) -> Result<(), Refusal> {
        self.check_enrolled(client)?;
        match &mut self.phase {
            Phase::Collecting(collecting) if collecting.round == round => collecting.decline(client, round),
            Phase::Masked(masked) if masked.round == round => masked.decline(client, accused),
            _ => self.check_over(round).and(Err(Refusal::TooLate { round, client })),
        }
    }

    /// Counts the message of a stage.
    fn take(&mut self, message: StageMessage) -> Result<Effect, Refusal> {
        let StageMessage { client, round, .. } = message;
        self.check_enrolled(client)?;
        match &mut self.phase {
            Phase::Masked(masked) if masked.round() == round => {
                masked.accept(message).map(|stage| Effect::Taken { round, client, stage })
            }
            Phase::Collecting(collecting) if collecting.round == round => Err(Refusal::NotMasked { round }),
            _ => {
                self.check_over(round)?;
                Ok(Effect::Belated(Belated { round, client, content: BelatedContent::Message }))
            }
        }
    }

    fn is_masked(&self, round: u32) -> bool {
        matches!(&self.phase, Phase::Masked(masked) if masked.round() == round)
    }

    fn absorb(&mut self, part: Collecting) {
        match &mut self.phase {
            Phase::Collecting(collecting) => collecting.absorb(part),
            Phase::Gathering | Phase::Masked(_) | Phase::Interrupted(_) | Phase::Finished => {
                unreachable!("a part is taken from the round that is open, and joined before it closes")
            }
        }
    }

    pub(super) fn check_enrolled(&self, client: u32) -> Result<(), Refusal> {
        match self.enrolled.contains(&client) {
            true => Ok(()),
            false => Err(Refusal::NotEnrolled { client }),
        }
    }

    fn check_over(&self, round: u32) -> Result<(), Refusal> {
        match self.past.has(round) {
            true => Ok(()),
            false => Err(Refusal::RoundNotOpen { round }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Update;
    use crate::params::Layout;
    use crate::plan::CohortRule;
    use crate::protocol::HexDigest;
    use crate::round::testing::{closed, rules};
    use crate::round::{Outcome, Receipt, RoundRecord};
    use std::time::Duration;

    const START: Timestamp = Timestamp(1_000);
    const STEPS_IN_ONE: i32 = 1 << 16;

    fn gathering(rules: Rules) -> Federation {
        let layout = Arc::new(Layout::new([("0.bias".into(), vec![2])]));
        Federation::new(rules, Params::zeros(layout))
    }

    /// All three clients are enrolled and the first round is open.
    fn collecting(rules: Rules) -> Federation {
        (0..3).fold(gathering(rules), |federation, _| {
            federation.step(Event::Enrol { place: None, key: None }, START).0
        })
    }

    fn submit(client: u32, round: u32) -> Submission {
        let update = Update { delta: vec![STEPS_IN_ONE, client as i32], weight: client, loss: STEPS_IN_ONE };
        Submission { client, round, update, digest: Some(HexDigest([client as u8; 32])) }
    }

    fn refusal(federation: &Federation, event: Event, now: Timestamp) -> Refusal {
        match federation.clone().step(event, now).1.pop() {
            Some(Effect::Refused(refusal)) => refusal,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    /// What is answered by the record of a round that is over.
    fn answered(effects: &[Effect], record: &RoundRecord) -> Result<Receipt, Refusal> {
        match effects.last() {
            Some(Effect::Belated(belated)) => belated.answer(record),
            other => panic!("expected that it comes late, got {other:?}"),
        }
    }

    #[test]
    fn the_first_round_opens_when_enough_clients_are_there() {
        let (federation, effects) =
            gathering(rules()).step(Event::Enrol { place: Some(2), key: None }, START);
        assert_eq!(effects, [Effect::Enrolled { client: 2 }]);
        let (federation, _) = federation.step(Event::Enrol { place: None, key: None }, START);
        let (federation, effects) = federation.step(Event::Enrol { place: None, key: None }, START);
        assert_eq!(effects, [Effect::Enrolled { client: 3 }, Effect::Opened { round: 1 }]);
        let deadline = START.after(Duration::from_secs(10));
        assert_eq!(federation.assignment(1), Ok(Assignment::Train { round: 1, deadline }));
    }

    #[test]
    fn a_place_is_given_once_and_only_if_there_is_one() {
        let (federation, _) = gathering(rules()).step(Event::Enrol { place: Some(2), key: None }, START);
        let enrol = |place| refusal(&federation, Event::Enrol { place: Some(place), key: None }, START);
        assert_eq!(enrol(2), Refusal::PlaceTaken { place: 2 });
        assert_eq!(enrol(4), Refusal::NoSuchPlace { place: 4, places: 3 });
        assert_eq!(enrol(0), Refusal::NoSuchPlace { place: 0, places: 3 });
        let full = refusal(&collecting(rules()), Event::Enrol { place: None, key: None }, START);
        assert_eq!(full, Refusal::Full { places: 3 });
    }

    #[test]
    fn the_last_update_releases_the_mean_and_opens_the_next_round() {
        let federation = collecting(rules());
        let (federation, _) = federation.step(Event::Submit(submit(1, 1)), START);
        let (federation, _) = federation.step(Event::Submit(submit(2, 1)), START);
        assert_eq!(federation.model().values(), [0.0, 0.0]);
        let (federation, effects) = federation.step(Event::Submit(submit(3, 1)), START);
        assert!(matches!(
            effects[..],
            [Effect::Accepted(_), Effect::Closed { .. }, Effect::Opened { round: 2 }]
        ));
        // Weights 1, 2, 3 and second coordinates 1, 2, 3 steps: (1 + 4 + 9) / 6 steps.
        assert_eq!(federation.model().values(), [1.0, (14.0_f64 / 6.0 / 65536.0) as f32]);
        let outcome = Outcome::Released { weight: 6, train_loss: Some(1.0) };
        assert_eq!(closed(&effects)[0].outcome, outcome);
    }

    #[test]
    fn at_the_deadline_a_round_with_enough_contributions_is_released() {
        let late = START.after(Duration::from_secs(10));
        let (federation, _) = collecting(rules()).step(Event::Submit(submit(1, 1)), START);
        let (federation, _) = federation.step(Event::Submit(submit(3, 1)), START);
        let (federation, effects) = federation.step(Event::Tick, late);
        assert!(matches!(effects[..], [Effect::Closed { .. }, Effect::Opened { round: 2 }]));
        assert_eq!(closed(&effects)[0].contributions.len(), 2);
        assert_eq!(federation.model().values()[0], 1.0);
    }

    #[test]
    fn a_round_below_its_minimum_releases_nothing() {
        let late = START.after(Duration::from_secs(10));
        let (federation, _) = collecting(rules()).step(Event::Submit(submit(1, 1)), START);
        let (federation, effects) = federation.step(Event::Tick, late);
        assert_eq!(closed(&effects)[0].outcome, Outcome::Abandoned { minimum: 2 });
        assert_eq!(federation.model().values(), [0.0, 0.0]);
    }

    #[test]
    fn a_straggler_is_told_that_it_is_late() {
        let late = START.after(Duration::from_secs(10));
        let (federation, _) = collecting(rules()).step(Event::Submit(submit(1, 1)), START);
        let (_, effects) = federation.step(Event::Submit(submit(2, 1)), late);
        assert_eq!(answered(&effects, &closed(&effects)[0]), Err(Refusal::TooLate { round: 1, client: 2 }));
    }

    #[test]
    fn the_same_update_again_gives_the_same_receipt_and_counts_once() {
        let (federation, first) = collecting(rules()).step(Event::Submit(submit(1, 1)), START);
        let (federation, again) = federation.step(Event::Submit(submit(1, 1)), START);
        assert_eq!(first, again);
        let (federation, _) = federation.step(Event::Submit(submit(2, 1)), START);
        let (federation, effects) = federation.step(Event::Submit(submit(3, 1)), START);
        let record = &closed(&effects)[0];
        assert_eq!(record.outcome, Outcome::Released { weight: 6, train_loss: Some(1.0) });
        let (_, after_the_end) = federation.step(Event::Submit(submit(1, 1)), START);
        assert_eq!(first, [Effect::Accepted(answered(&after_the_end, record).unwrap())]);
    }

    #[test]
    fn another_update_of_the_same_client_is_refused_during_and_after_the_round() {
        let mut another = submit(1, 1);
        another.digest = Some(HexDigest([9; 32]));
        let expected = Refusal::AnotherUpdate { round: 1, client: 1 };
        let (federation, _) = collecting(rules()).step(Event::Submit(submit(1, 1)), START);
        assert_eq!(refusal(&federation, Event::Submit(another.clone()), START), expected);
        let late = START.after(Duration::from_secs(10));
        let (federation, effects) = federation.step(Event::Tick, late);
        let record = &closed(&effects)[0];
        let (_, effects) = federation.step(Event::Submit(another), late);
        assert_eq!(answered(&effects, record), Err(expected));
    }

    #[test]
    fn unsuitable_updates_are_refused_and_change_nothing() {
        let federation = collecting(rules());
        let refused = |submission| refusal(&federation, Event::Submit(submission), START);
        assert_eq!(refused(submit(7, 1)), Refusal::NotEnrolled { client: 7 });
        assert_eq!(refused(submit(1, 2)), Refusal::RoundNotOpen { round: 2 });
        assert_eq!(refused(submit(1, 0)), Refusal::RoundNotOpen { round: 0 });

        let mut short = submit(1, 1);
        short.update.delta.pop();
        assert_eq!(refused(short), Refusal::WrongLength { expected: 2, found: 1 });
        for weight in [0, 101] {
            let mut weighty = submit(1, 1);
            weighty.update.weight = weight;
            assert_eq!(refused(weighty), Refusal::Weight { weight, cap: 100 });
        }
    }

    #[test]
    fn a_client_outside_the_cohort_waits_and_is_refused() {
        let federation = collecting(Rules {
            cohort: CohortRule { fraction: 0.3, ..rules().cohort },
            minimum: 1,
            ..rules()
        });
        let Phase::Collecting(round) = federation.phase() else { panic!("a round is open") };
        let outside = (1..=3).find(|client| !round.cohort().contains(client)).unwrap();
        assert_eq!(federation.assignment(outside), Ok(Assignment::Wait));
        let refused = refusal(&federation, Event::Submit(submit(outside, 1)), START);
        assert_eq!(refused, Refusal::NotInCohort { round: 1, client: outside });
    }

    #[test]
    fn a_round_does_not_wait_for_those_who_declined() {
        let (federation, effects) =
            collecting(rules()).step(Event::Decline { client: 2, round: 1, accused: None }, START);
        assert_eq!(effects, [Effect::Declined]);
        assert_eq!(federation.assignment(2), Ok(Assignment::Wait));
        let (federation, _) = federation.step(Event::Submit(submit(1, 1)), START);
        let (federation, effects) = federation.step(Event::Submit(submit(3, 1)), START);
        assert!(matches!(effects.last(), Some(Effect::Opened { round: 2 })));
        assert!(closed(&effects)[0].declined.contains(&2));
        let again = Event::Decline { client: 2, round: 1, accused: None };
        assert_eq!(refusal(&federation, again, START), Refusal::TooLate { round: 1, client: 2 });
    }

    #[test]
    fn an_over_selected_round_closes_with_what_it_wants() {
        let rules =
            Rules { cohort: CohortRule { fraction: 0.67, over_selection: 1.5, ..rules().cohort }, ..rules() };
        let (federation, _) = collecting(rules).step(Event::Submit(submit(1, 1)), START);
        let (federation, effects) = federation.step(Event::Submit(submit(3, 1)), START);
        assert!(matches!(effects.last(), Some(Effect::Opened { round: 2 })));
        let (_, late) = federation.step(Event::Submit(submit(2, 1)), START);
        let late = answered(&late, &closed(&effects)[0]);
        assert_eq!(late, Err(Refusal::TooLate { round: 1, client: 2 }));
    }

    #[test]
    fn the_federation_finishes_by_itself_after_the_last_round() {
        let mut federation = collecting(rules());
        let mut effects = Vec::new();
        for round in 1..=2 {
            for client in 1..=3 {
                (federation, effects) = federation.step(Event::Submit(submit(client, round)), START);
            }
        }
        assert_eq!(effects.last(), Some(&Effect::Finished));
        assert_eq!(federation.assignment(1), Ok(Assignment::Finished));
    }

    /// Whatever is remembered shows in what a federation prints of itself: after many rounds that is as much as after few.
    #[test]
    fn it_does_not_grow_with_the_rounds() {
        let private = "[federation]\nrounds = 60\n[data]\nsource = \"digits\"\n[partition]\nclients = 3\n\
                       [cohort]\nsampling = \"all\"\nminimum = 1\n[aggregation]\nweights = \"uniform\"\n\
                       [encoding]\nfraction-bits = 16\n\
                       [privacy]\nclip = 2.0\ndelta = 1e-5\nnoise-multiplier = 10.0\n";
        let private = Rules { weight_cap: 100, ..Rules::new(&crate::plan::Plan::parse(private).unwrap()) };
        for (rules, few, many) in [(Rules { rounds: 3_000, ..rules() }, 30, 2_999), (private, 10, 59)] {
            let layout = Arc::new(Layout::new([("0.bias".into(), vec![2])]));
            let seed = Arc::new(NoiseSeed::from_bytes(&mut [1; 32]));
            let mut federation = Federation::protected(rules, Params::zeros(layout), seed);
            for _ in 0..3 {
                federation = federation.step(Event::Enrol { place: None, key: None }, START).0;
            }
            let mut lengths = Vec::new();
            for round in 1..=many {
                for client in 1..=3 {
                    let update = Submission {
                        update: Update { weight: 1, ..submit(client, round).update },
                        ..submit(client, round)
                    };
                    federation = federation.step(Event::Submit(update), START).0;
                }
                lengths.extend((round == few || round == many).then(|| format!("{federation:?}").len()));
            }
            assert_eq!(federation.past().rounds(), many);
            assert!(lengths[1].abs_diff(lengths[0]) < 100, "{lengths:?}: {federation:?}");
        }
    }

    #[test]
    fn parts_collected_apart_make_the_same_model() {
        let one_by_one = (1..=3).fold((collecting(rules()), Vec::new()), |(federation, _), client| {
            federation.step(Event::Submit(submit(client, 1)), START)
        });
        let federation = collecting(rules());
        let Phase::Collecting(round) = federation.phase() else { panic!("a round is open") };
        let mut parts = [round.part(), round.part()];
        for (client, worker) in [(3, 0), (1, 1), (2, 0)] {
            parts[worker].accept(&submit(client, 1)).unwrap();
        }
        let apart = parts.into_iter().fold((federation, Vec::new()), |(federation, _), part| {
            federation.step(Event::Absorb(part), START)
        });
        assert_eq!(apart.0.model(), one_by_one.0.model());
        assert_eq!(closed(&apart.1).len(), 1);
        assert_eq!(closed(&apart.1), closed(&one_by_one.1));
    }

    #[test]
    fn a_protected_round_is_written_down_before_anybody_trains() {
        let text = "[data]\nsource = \"digits\"\n[partition]\nclients = 3\n[cohort]\nsampling = \"all\"\nminimum = 2\n\
                    [aggregation]\nweights = \"uniform\"\n[encoding]\nfraction-bits = 16\n\
                    [privacy]\nclip = 1.0\ndelta = 1e-5\nnoise-multiplier = 1.0\n";
        let rules = Rules::new(&crate::plan::Plan::parse(text).unwrap());
        let layout = Arc::new(Layout::new([("0.bias".into(), vec![2])]));
        let seed = Arc::new(NoiseSeed::from_bytes(&mut [1; 32]));
        let mut federation = Federation::protected(rules, Params::zeros(layout), seed);
        assert_eq!(federation.ledger().unwrap().releases(), 0);
        for _ in 0..3 {
            federation = federation.step(Event::Enrol { place: None, key: None }, START).0;
        }
        assert_eq!(federation.ledger().unwrap().releases(), 1);
        let spent = federation.epsilon().unwrap();
        assert!((spent - 4.377_178_096).abs() < 1e-6, "{spent}");

        let update = |client: u32, steps: i32| {
            let update = Update { delta: vec![steps, 0], weight: 1, loss: 0 };
            Event::Submit(Submission { client, round: 1, update, digest: None })
        };
        let refused = refusal(&federation, update(1, STEPS_IN_ONE + 1), START);
        assert_eq!(refused, Refusal::NotClipped { round: 1, client: 1 });
        // A round that fails still counts.
        let late = START.after(Duration::from_secs(600));
        let (federation, effects) = federation.step(update(1, STEPS_IN_ONE), START).0.step(Event::Tick, late);
        assert_eq!(closed(&effects)[0].outcome, Outcome::Abandoned { minimum: 2 });
        assert_eq!(federation.ledger().unwrap().releases(), 2);
        assert_eq!(federation.model().values(), [0.0, 0.0]);
    }
}
