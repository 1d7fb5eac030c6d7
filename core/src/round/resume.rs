//! A federation that goes on where it was, from what was kept of it.

use super::guard::Guard;
use super::{Collecting, Contribution, Federation, Interrupted, NoiseState, Past, Phase, Releases, Rules};
use crate::aggregation::Sum;
use crate::params::Params;
use crate::plan::Protection;
use crate::privacy::NoiseSeed;
use crate::secagg::Identities;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What must be kept of a federation, so that it can go on where it was.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The clients that have enrolled.
    pub enrolled: BTreeSet<u32>,
    /// Their public identities, where rounds are masked.
    pub identities: Identities,
    /// The current model.
    pub model: Params,
    /// What follows from the records of the rounds that are over.
    pub past: Past,
    /// The round that is open, if one is.
    pub open: Option<Collecting>,
    /// The masked round that was open, if one was: it cannot go on.
    pub interrupted: Option<Interrupted>,
    /// What the ledger has.
    pub recorded: Releases,
    /// The memory of noise that is correlated over the rounds, if there is any.
    pub noise: Option<NoiseState>,
}

/// Why a federation cannot go on: what was kept of it does not fit together.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum ResumeError {
    /// A record is missing, or the open round is not the one that follows.
    #[error("round {found} is kept where round {expected} belongs")]
    Order {
        /// The round that belongs there.
        expected: u32,
        /// The round that is there.
        found: u32,
    },
    /// A round has a participant that is not in its cohort, or a cohort with a client that has not enrolled.
    #[error("round {round} has client {client}, which does not belong there")]
    Stranger {
        /// The round.
        round: u32,
        /// The client.
        client: u32,
    },
    /// The sum does not weigh what the contributions weigh.
    #[error("the sum of round {round} weighs {sum}, its contributions weigh {contributions}")]
    Weight {
        /// The round.
        round: u32,
        /// What the sum weighs.
        sum: u64,
        /// What the contributions weigh together.
        contributions: u64,
    },
    /// The ledger does not have every release of the rounds that were opened, once.
    #[error("the ledger has {recorded} releases, the rounds that were opened are {opened}")]
    Ledger {
        /// How many releases the rounds are that were opened under a promise.
        opened: u32,
        /// How many the ledger has.
        recorded: u32,
    },
    /// The ledger has something else than what a round of the plan releases.
    #[error("what the ledger has for round {round} is not what a round of the plan releases")]
    AnotherEvent {
        /// The round.
        round: u32,
    },
    /// The memory of correlated noise is not there, or is not the one after the last round.
    #[error(
        "the memory of the noise is not the one after round {round}: noise that is correlated cannot go on without it"
    )]
    Noise {
        /// The last round that is over.
        round: u32,
    },
    /// The open round has a clip that no round of the plan has.
    #[error("round {round} is kept with a clip that no round of the plan has")]
    Clip {
        /// The round.
        round: u32,
    },
    /// The sum is of another model.
    #[error("the sum of round {round} has {found} parameters, the model has {expected}")]
    Parameters {
        /// The round.
        round: u32,
        /// How many the model has.
        expected: usize,
        /// How many the sum has.
        found: usize,
    },
}

impl Collecting {
    /// Puts back what the round had collected, into the round as it was opened.
    pub fn resume(
        self,
        contributions: BTreeMap<u32, Contribution>,
        declined: BTreeSet<u32>,
        sum: Sum,
    ) -> Result<Collecting, ResumeError> {
        let round = self.round;
        let mut reported = contributions.keys().chain(&declined);
        let overlap = contributions.keys().find(|client| declined.contains(client));
        let stranger = reported.find(|client| !self.cohort.contains(client)).or(overlap);
        if let Some(&client) = stranger {
            return Err(ResumeError::Stranger { round, client });
        }
        let weight = contributions.values().map(|contribution| u64::from(contribution.weight)).sum();
        if sum.weight() != weight {
            return Err(ResumeError::Weight { round, sum: sum.weight(), contributions: weight });
        }
        Ok(Collecting { contributions, declined, sum, ..self })
    }
}

impl Saved {
    /// Checks that the parts fit together.
    pub fn check(&self) -> Result<(), ResumeError> {
        if let Some(interrupted) = &self.interrupted {
            let (found, expected) = (interrupted.masked_round, self.past.rounds() + 1);
            return if found == expected { Ok(()) } else { Err(ResumeError::Order { expected, found }) };
        }
        let Some(open) = &self.open else { return Ok(()) };
        let (round, expected) = (open.round, self.past.rounds() + 1);
        if round != expected {
            return Err(ResumeError::Order { expected, found: round });
        }
        if let Some(&client) = open.cohort.difference(&self.enrolled).next() {
            return Err(ResumeError::Stranger { round, client });
        }
        let (expected, found) = (self.model.len() + usize::from(open.votes), open.sum.parameters());
        match found == expected {
            true => Ok(()),
            false => Err(ResumeError::Parameters { round, expected, found }),
        }
    }

    /// Checks that the ledger has every round that was opened, whatever became of it, and gives the epsilon that was
    /// spent, if privacy is promised.
    pub fn check_ledger(&self, protection: Option<&Protection>) -> Result<Option<f64>, ResumeError> {
        // No noise is drawn here.
        let seed = Arc::new(NoiseSeed::given([0; 32]));
        Ok(self.guard(protection, seed)?.map(|guard| guard.epsilon()))
    }

    fn guard(
        &self,
        protection: Option<&Protection>,
        seed: Arc<NoiseSeed>,
    ) -> Result<Option<Guard>, ResumeError> {
        let opened = match protection {
            Some(protection) => {
                let is_open = self.open.is_some() || self.interrupted.is_some();
                protection.releases(self.past.rounds() + u32::from(is_open))
            }
            None => self.past.private(),
        };
        let recorded = self.recorded.number();
        if recorded != opened || protection.is_none() && opened > 0 {
            return Err(ResumeError::Ledger { opened, recorded });
        }
        self.recorded.check_order()?;
        let Some(protection) = protection else { return Ok(None) };
        let mut guard = Guard::resume(protection.clone(), seed, self.model.len(), &self.recorded)?;
        let round = self.past.rounds();
        guard.resume_noise(self.noise.as_ref(), round).ok_or(ResumeError::Noise { round })?;
        Ok(Some(guard))
    }
}

impl Federation {
    /// A federation that goes on where it was: in the same phase, with the same contributions and deadline, the same
    /// cohort also where nobody may know it, and with everything spent that was.
    ///
    /// What is drawn from now on, noise and hidden cohorts, is drawn from `seed`. It must be a new one, unless the
    /// federation promises nothing: what was drawn from the old one before a crash may not have been kept, and would
    /// be drawn again for another sum.
    pub fn resume(rules: Rules, saved: Saved, seed: Arc<NoiseSeed>) -> Result<Federation, ResumeError> {
        saved.check()?;
        let mut guard = saved.guard(rules.protection.as_ref(), seed)?;
        if let Some(guard) = &mut guard {
            let open = saved.open.as_ref().map(|open| (open.round, open.clip));
            let open = open.or(saved.interrupted.as_ref().map(|open| (open.masked_round, open.clip)));
            if let Some((round, clip)) = open {
                clip.and_then(|clip| guard.resume_clip(clip)).ok_or(ResumeError::Clip { round })?;
            }
        }
        let Saved { enrolled, identities, model, past, open, interrupted, .. } = saved;
        let open = open.map(|open| Phase::Collecting(Box::new(open)));
        let open = open.or(interrupted.map(|interrupted| Phase::Interrupted(Box::new(interrupted))));
        let phase = match open {
            Some(open) => open,
            None if past.rounds() >= rules.rounds => Phase::Finished,
            None => match &mut guard {
                // The step that closed the last round would have opened another, had the ledger let it.
                Some(guard) if past.rounds() > 0 => {
                    guard.exhaust();
                    Phase::Finished
                }
                _ => Phase::Gathering,
            },
        };
        Ok(Federation { rules, enrolled, identities, model, phase, past, guard, unmasks_apart: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Update;
    use crate::params::Layout;
    use crate::plan::Plan;
    use crate::protocol::HexDigest;
    use crate::round::testing::rules;
    use crate::round::{Effect, Event, Recorded, Submission, Timestamp};
    use std::sync::Arc;
    use std::time::Duration;

    const START: Timestamp = Timestamp(1_000);

    fn model() -> Params {
        Params::zeros(Arc::new(Layout::new([("0.bias".into(), vec![2])])))
    }

    fn step(federation: Federation, event: Event) -> Federation {
        federation.step(event, START).0
    }

    fn submit(client: u32, round: u32) -> Event {
        let update = Update { delta: vec![1 << 16, client as i32], weight: client, loss: 0 };
        Event::Submit(Submission { client, round, update, digest: Some(HexDigest([client as u8; 32])) })
    }

    /// What a store keeps, taken apart and put together.
    fn saved(federation: &Federation) -> Saved {
        let open = match federation.phase() {
            Phase::Collecting(open) => {
                let opened: Collecting = serde_json::from_slice(&serde_json::to_vec(open).unwrap()).unwrap();
                assert_eq!(opened.contributed(), 0, "what was collected is kept apart");
                let sum = Sum::decode(&open.sum().encode()).unwrap();
                Some(opened.resume(open.contributions.clone(), open.declined.clone(), sum).unwrap())
            }
            Phase::Gathering | Phase::Masked(_) | Phase::Interrupted(_) | Phase::Finished => None,
        };
        Saved {
            enrolled: federation.enrolled().clone(),
            identities: federation.identities().clone(),
            model: federation.model().clone(),
            past: federation.past().clone(),
            open,
            interrupted: None,
            recorded: Releases::default(),
            noise: federation.noise_state(),
        }
    }

    fn seed(byte: u8) -> Arc<NoiseSeed> {
        Arc::new(NoiseSeed::from_bytes(&mut [byte; 32]))
    }

    #[test]
    fn resuming_after_any_event_changes_nothing() {
        let enrolments = (1..=3).map(|client| Event::Enrol { place: Some(client), key: None });
        let decline = Event::Decline { client: 3, round: 1, accused: None };
        let submissions = [submit(1, 1), decline, submit(2, 1), submit(1, 2), submit(3, 2), submit(2, 2)];
        let mut undisturbed = Federation::new(rules(), model());
        let mut resumed = undisturbed.clone();
        let again = enrolments.clone().chain([
            submit(1, 1),
            Event::Decline { client: 3, round: 1, accused: None },
            submit(2, 1),
            submit(1, 2),
            submit(3, 2),
            submit(2, 2),
        ]);
        for (event, same) in enrolments.chain(submissions).zip(again) {
            undisturbed = step(undisturbed, event);
            resumed = step(Federation::resume(rules(), saved(&resumed), seed(1)).unwrap(), same);
            assert_eq!(resumed.model(), undisturbed.model());
            assert_eq!(resumed.past(), undisturbed.past());
            assert_eq!(resumed.assignment(1), undisturbed.assignment(1));
        }
        let finished = Federation::resume(rules(), saved(&resumed), seed(1)).unwrap();
        assert!(matches!(finished.phase(), Phase::Finished));
    }

    /// Three clients, each drawn by a coin; the first of the rounds is the last that the target has room for.
    fn private() -> Rules {
        let plan = "[federation]\nrounds = 5\n[data]\nsource = \"digits\"\n[partition]\nclients = 3\n\
                    [cohort]\nsampling = \"poisson\"\nfraction = 0.7\nminimum = 0\n\
                    [aggregation]\nweights = \"uniform\"\n[encoding]\nfraction-bits = 16\n\
                    [privacy]\nclip = 2.0\ndelta = 1e-5\nnoise-multiplier = 1.0\ntarget-epsilon = 6.0\n";
        Rules::new(&Plan::parse(plan).unwrap())
    }

    /// What a store keeps of a federation that promises privacy: the ledger from the effects of each step.
    fn stepped(federation: Federation, event: Event, ledger: &mut Vec<Recorded>) -> Federation {
        let (federation, effects) = federation.step(event, START);
        let mut opened = false;
        for effect in effects {
            match effect {
                Effect::Recorded(recorded) => {
                    ledger.push(recorded);
                    opened = true;
                }
                Effect::Opened { .. } => {
                    assert!(std::mem::take(&mut opened), "it opens before it is recorded")
                }
                _ => {}
            }
        }
        federation
    }

    #[test]
    fn what_was_spent_and_who_was_drawn_outlive_a_restart() {
        let mut ledger = Vec::new();
        let mut federation = Federation::protected(private(), model(), seed(1));
        for client in 1..=3 {
            federation = stepped(federation, Event::Enrol { place: Some(client), key: None }, &mut ledger);
        }
        let mut restarts = 0;
        while let Phase::Collecting(open) = federation.phase().clone() {
            let saved = Saved { recorded: ledger.iter().copied().collect(), ..saved(&federation) };
            let resumed = Federation::resume(private(), saved.clone(), seed(2 + restarts)).unwrap();
            restarts += 1;
            let Phase::Collecting(same) = resumed.phase() else { panic!("its round was open") };
            assert_eq!((same.cohort(), same.deadline()), (open.cohort(), open.deadline()));
            assert_eq!(resumed.epsilon(), federation.epsilon());
            assert_eq!(saved.check_ledger(private().protection.as_ref()), Ok(federation.epsilon()));

            let forgotten = Saved { recorded: ledger[1..].iter().copied().collect(), ..saved.clone() };
            let refused = Federation::resume(private(), forgotten, seed(1)).unwrap_err();
            let (opened, recorded) = (ledger.len() as u32, ledger.len() as u32 - 1);
            assert_eq!(refused, ResumeError::Ledger { opened, recorded });
            let mut cheaper = saved;
            let event = crate::privacy::Event::sampled_gaussian(50.0, 0.7, 1).unwrap();
            let (first, others) = ledger.split_first().unwrap();
            let first = Recorded { event, ..*first };
            cheaper.recorded = [first].iter().chain(others).copied().collect();
            let refused = Federation::resume(private(), cheaper, seed(1)).unwrap_err();
            assert_eq!(refused, ResumeError::AnotherEvent { round: 1 });

            federation = resumed;
            for &client in open.cohort() {
                let update = Update { delta: vec![1, 2], weight: 1, loss: 0 };
                let submission = Submission { client, round: open.round(), update, digest: None };
                federation = stepped(federation, Event::Submit(submission), &mut ledger);
            }
        }
        // The target stops it, and it stays stopped.
        assert!(federation.is_exhausted() && ledger.len() < 5 && restarts > 0);
        let saved = Saved { recorded: ledger.into_iter().collect(), ..saved(&federation) };
        let finished = Federation::resume(private(), saved, seed(9)).unwrap();
        assert!(finished.is_exhausted() && matches!(finished.phase(), Phase::Finished));
        assert_eq!(finished.epsilon(), federation.epsilon());
    }

    #[test]
    fn correlated_noise_goes_on_where_it_was() {
        let plan = "[federation]\nrounds = 6\n[data]\nsource = \"digits\"\n[partition]\nclients = 6\n\
                    [cohort]\nfraction = 0.34\nminimum = 2\n[aggregation]\nweights = \"uniform\"\n\
                    [encoding]\nfraction-bits = 16\n\
                    [privacy]\nclip = 2.0\ndelta = 1e-5\nnoise-multiplier = 1.0\nmatrix = { separation = 3 }\n";
        let rules = Rules::new(&Plan::parse(plan).unwrap());
        let mut ledger = Vec::new();
        let mut undisturbed = Federation::protected(rules.clone(), model(), seed(1));
        for client in 1..=6 {
            let event = Event::Enrol { place: Some(client), key: None };
            undisturbed = undisturbed.step(event, START).0;
        }
        let mut resumed = Federation::protected(rules.clone(), model(), seed(1));
        for client in 1..=6 {
            let (next, effects) = resumed.step(Event::Enrol { place: Some(client), key: None }, START);
            resumed = next;
            ledger.extend(effects.into_iter().filter_map(|effect| match effect {
                Effect::Recorded(recorded) => Some(recorded),
                _ => None,
            }));
        }
        assert_eq!(ledger.len(), 1);
        let spent = resumed.epsilon();
        while let Phase::Collecting(open) = undisturbed.phase().clone() {
            // The third round has too few: its noise is passed over.
            let enough = if open.round() == 3 { 1 } else { 2 };
            let saved = Saved { recorded: ledger.iter().copied().collect(), ..saved(&resumed) };
            let lost = Saved { noise: None, ..saved.clone() };
            let refused = Federation::resume(rules.clone(), lost, seed(1)).err();
            let round = open.round() - 1;
            assert_eq!(refused, (round > 0).then_some(ResumeError::Noise { round }));
            resumed = Federation::resume(rules.clone(), saved, seed(1)).unwrap();
            for &client in open.cohort().iter().take(enough) {
                let submit = || {
                    let update = Update { delta: vec![1000, 2000], weight: 1, loss: 0 };
                    Event::Submit(Submission { client, round: open.round(), update, digest: None })
                };
                undisturbed = undisturbed.step(submit(), START).0;
                resumed = resumed.step(submit(), START).0;
            }
            let later = START.after(Duration::from_secs(7 * 24 * 3600));
            if enough < 2 {
                undisturbed = undisturbed.step(Event::Tick, later).0;
                resumed = resumed.step(Event::Tick, later).0;
            }
            assert_eq!(resumed.model(), undisturbed.model());
            // The whole run is one release, paid for before the first round.
            assert_eq!(resumed.epsilon(), spent);
        }
        assert_eq!(undisturbed.past().rounds(), 6);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let enrolled = (1..=3).fold(Federation::new(rules(), model()), |federation, client| {
            step(federation, Event::Enrol { place: Some(client), key: None })
        });
        let sound = saved(&step(enrolled, submit(2, 1)));
        let refused = |change: &dyn Fn(&mut Saved)| {
            let mut saved = sound.clone();
            change(&mut saved);
            Federation::resume(rules(), saved, seed(1)).unwrap_err()
        };
        let skipped = |saved: &mut Saved| saved.open.as_mut().unwrap().round = 2;
        assert_eq!(refused(&skipped), ResumeError::Order { expected: 1, found: 2 });
        let unknown = |saved: &mut Saved| {
            saved.enrolled.remove(&3);
        };
        assert_eq!(refused(&unknown), ResumeError::Stranger { round: 1, client: 3 });
        let other = |saved: &mut Saved| saved.open.as_mut().unwrap().sum = Sum::new(3);
        assert_eq!(refused(&other), ResumeError::Parameters { round: 1, expected: 2, found: 3 });

        let open = sound.open.unwrap();
        let lost = open.clone().resume(BTreeMap::new(), BTreeSet::new(), open.sum.clone());
        assert_eq!(lost.unwrap_err(), ResumeError::Weight { round: 1, sum: 2, contributions: 0 });
        let both = open.clone().resume(open.contributions.clone(), BTreeSet::from([2]), open.sum.clone());
        assert_eq!(both.unwrap_err(), ResumeError::Stranger { round: 1, client: 2 });
    }
}
