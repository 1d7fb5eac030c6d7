//! What a federation must look like from outside, kept in sets and integers.
//!
//! It draws no cohort and adds no noise: it is told who was drawn, and says who may count, when a round is due, and
//! what the sum and the model then are.

use super::setting::{DEADLINE, Kind, ONE, PARAMETERS, Sent, Setting};
use crate::protocol::HexDigest;
use crate::round::{Effect, Outcome, Refusal, RoundRecord, Timestamp};
use crate::secagg::Stage;
use std::collections::{BTreeMap, BTreeSet};

/// What is asked of a federation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask {
    Enrol {
        place: Option<u32>,
        keyed: bool,
    },
    Submit(Sent),
    Decline {
        client: u32,
        round: u32,
    },
    /// A message of a masked round.
    Message {
        client: u32,
        round: u32,
        stage: Stage,
        manner: Manner,
    },
    Nothing,
}

/// In what manner a message of a masked round is sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    /// When the stage awaits it, with the update that it hides if it hides one.
    InTurn(Option<Sent>),
    Again,
    /// It is not what this client has sent before.
    Altered,
}

/// Why it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    NoKey,
    NoPlace,
    NotEnrolled,
    NotOpen,
    TooLate,
    Stranger,
    Another,
    HasDeclined,
    Unsuitable,
    OnlyMasked,
}

/// An update that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) sent: Sent,
    /// None if it was not sent.
    pub(super) digest: Option<HexDigest>,
}

#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) round: u32,
    pub(super) cohort: BTreeSet<u32>,
    pub(super) deadline: Timestamp,
    wanted: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) setting: Setting,
    pub(super) enrolled: BTreeSet<u32>,
    /// By round and client.
    pub(super) counted: BTreeMap<(u32, u32), Counted>,
    pub(super) declined: BTreeSet<(u32, u32)>,
    pub(super) late: BTreeSet<(u32, u32)>,
    /// The messages of masked rounds, by round, stage and client.
    taken: BTreeSet<(u32, Stage, u32)>,
    pub(super) open: Option<Open>,
    /// The cohorts of the rounds that are over, in their order.
    pub(super) over: Vec<BTreeSet<u32>>,
    pub(super) model: [f64; PARAMETERS],
    /// How many rounds are in the ledger.
    pub(super) recorded: u32,
    pub(super) finished: bool,
    /// The next round that closes does so because nobody else will come, or because the coordinator was started again.
    pub(super) cut_short: bool,
}

impl Reference {
    pub(super) fn new(setting: Setting) -> Reference {
        Reference {
            setting,
            enrolled: BTreeSet::new(),
            counted: BTreeMap::new(),
            declined: BTreeSet::new(),
            late: BTreeSet::new(),
            taken: BTreeSet::new(),
            open: None,
            over: Vec::new(),
            model: [0.0; PARAMETERS],
            recorded: 0,
            finished: false,
            cut_short: false,
        }
    }

    /// The round that is open, or the last that was.
    pub(super) fn current(&self) -> u32 {
        self.over.len() as u32 + u32::from(self.open.is_some())
    }

    pub(super) fn counted_in(&self, round: u32) -> BTreeMap<u32, Counted> {
        self.counted
            .range((round, 0)..=(round, u32::MAX))
            .map(|(&(_, client), &sent)| (client, sent))
            .collect()
    }

    pub(super) fn of_round(set: &BTreeSet<(u32, u32)>, round: u32) -> BTreeSet<u32> {
        set.range((round, 0)..=(round, u32::MAX)).map(|&(_, client)| client).collect()
    }

    pub(super) fn awaits(&self, client: u32) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let at = (open.round, client);
            open.cohort.contains(&client) && !self.counted.contains_key(&at) && !self.declined.contains(&at)
        })
    }

    /// How far a round's updates move each coordinate together, in steps, and what they weigh.
    pub(super) fn sum(&self, round: u32) -> ([i64; PARAMETERS], u64) {
        let (mut sum, mut weight) = ([0; PARAMETERS], 0);
        for (client, Counted { sent, .. }) in self.counted_in(round) {
            sum[client as usize - 1] += i64::from(sent.steps) * i64::from(sent.weight);
            weight += u64::from(sent.weight);
        }
        (sum, weight)
    }

    /// Whether the open round has nothing more to wait for. The stages of a masked one are not known here.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let counted = self.counted_in(open.round).len();
            let declined = Self::of_round(&self.declined, open.round).len();
            counted >= open.wanted || counted + declined >= open.cohort.len() || now >= open.deadline
        })
    }

    /// Checks the answer, and does what it says.
    pub(super) fn answer(&mut self, ask: Ask, answer: &Effect) {
        let expected = match ask {
            Ask::Enrol { place, keyed } => self.enrol(place, keyed),
            Ask::Submit(sent) => self.submit(sent),
            Ask::Decline { client, round } => self.decline(client, round),
            Ask::Message { client, round, stage, manner } => {
                return self.message((round, stage, client), manner, answer);
            }
            Ask::Nothing => panic!("nothing was asked, and {answer:?} is the answer"),
        };
        let given = match answer {
            Effect::Refused(refusal) => Err(why(refusal)),
            _ => Ok(()),
        };
        assert_eq!(given, expected, "to {ask:?} the answer is {answer:?}");
        match (ask, answer) {
            (Ask::Enrol { .. }, Effect::Enrolled { client }) => assert!(self.enrolled.contains(client)),
            (Ask::Submit(sent), Effect::Accepted(receipt)) => {
                assert_eq!((receipt.round, receipt.client), (sent.round, sent.client));
                assert_eq!(receipt.contribution.digest, Some(sent.digest()));
                assert_eq!(receipt.contribution.weight, sent.weight);
            }
            (Ask::Decline { .. }, Effect::Declined) | (_, Effect::Refused(_)) => {}
            (ask, answer) => panic!("{answer:?} is no answer to {ask:?}"),
        }
    }

    fn enrol(&mut self, place: Option<u32>, keyed: bool) -> Result<(), Why> {
        if self.setting.kind == Kind::Masked && !keyed {
            return Err(Why::NoKey);
        }
        let mut free = (1..=self.setting.places).filter(|place| !self.enrolled.contains(place));
        let client = match place {
            None => free.next(),
            Some(place) => free.find(|free| *free == place),
        };
        self.enrolled.insert(client.ok_or(Why::NoPlace)?);
        Ok(())
    }

    fn submit(&mut self, sent: Sent) -> Result<(), Why> {
        let Sent { client, round, .. } = sent;
        let (cohort, is_open) = self.cohort(client, round)?;
        let is_asked = cohort.contains(&client);
        if is_open && self.setting.kind == Kind::Masked {
            return Err(Why::OnlyMasked);
        }
        if let Some(counted) = self.counted.get(&(round, client))
            && self.setting.kind != Kind::Masked
        {
            return if counted.digest == Some(sent.digest()) { Ok(()) } else { Err(Why::Another) };
        }
        if !is_asked {
            return Err(Why::Stranger);
        }
        if !is_open {
            self.late.insert((round, client));
            return Err(Why::TooLate);
        }
        if self.declined.contains(&(round, client)) {
            return Err(Why::HasDeclined);
        }
        if !self.setting.is_sound(&sent) {
            return Err(Why::Unsuitable);
        }
        self.count(sent, Some(sent.digest()));
        Ok(())
    }

    pub(super) fn count(&mut self, sent: Sent, digest: Option<HexDigest>) {
        let before = self.counted.insert((sent.round, sent.client), Counted { sent, digest });
        assert_eq!(before, None, "an update counts once");
    }

    fn decline(&mut self, client: u32, round: u32) -> Result<(), Why> {
        let (cohort, is_open) = self.cohort(client, round)?;
        let is_asked = cohort.contains(&client);
        match (is_open, is_asked, self.counted.contains_key(&(round, client))) {
            (false, _, _) => Err(Why::TooLate),
            (true, false, _) => Err(Why::Stranger),
            (true, true, true) => Err(Why::Another),
            (true, true, false) => {
                self.declined.insert((round, client));
                Ok(())
            }
        }
    }

    /// Who was asked in a round, and whether it is open.
    fn cohort(&self, client: u32, round: u32) -> Result<(&BTreeSet<u32>, bool), Why> {
        if !self.enrolled.contains(&client) {
            return Err(Why::NotEnrolled);
        }
        if let Some(open) = self.open.as_ref().filter(|open| open.round == round) {
            return Ok((&open.cohort, true));
        }
        let over = (round as usize).checked_sub(1).and_then(|at| self.over.get(at));
        over.map(|cohort| (cohort, false)).ok_or(Why::NotOpen)
    }

    /// A masked update counts when it is taken. Why a message out of turn is refused is not known here.
    fn message(&mut self, at: (u32, Stage, u32), manner: Manner, answer: &Effect) {
        let (round, _, client) = at;
        let is_open = self.open.as_ref().is_some_and(|open| open.round == round);
        let was_taken = is_open && self.taken.contains(&at) && !self.declined.contains(&(round, client));
        match (manner, answer) {
            (Manner::InTurn(hides), Effect::Taken { .. }) => {
                assert!(is_open && self.taken.insert(at));
                hides.into_iter().for_each(|sent| self.count(sent, None));
            }
            (Manner::Again, Effect::Taken { .. }) => assert!(was_taken),
            (Manner::Again, Effect::Refused(_)) if was_taken => panic!("{at:?} was taken before"),
            (Manner::Altered, Effect::Refused(refusal)) if was_taken => {
                assert!(matches!(refusal, Refusal::AnotherMessage { .. }), "{refusal}");
            }
            (Manner::Again | Manner::Altered, Effect::Refused(Refusal::TooLate { .. })) => {
                assert!(self.over[round as usize - 1].contains(&client));
                self.late.insert((round, client));
            }
            (Manner::Again | Manner::Altered, Effect::Refused(_)) => {}
            _ => panic!("{answer:?} is no answer to {at:?}, {manner:?}"),
        }
    }

    pub(super) fn record(&mut self, round: u32) {
        assert!(self.open.is_none() && self.setting.kind == Kind::Protected);
        self.recorded += 1;
        assert_eq!(
            (self.recorded, self.recorded),
            (round, self.current() + 1),
            "it is recorded once, in its turn"
        );
    }

    pub(super) fn open(&mut self, round: u32, cohort: BTreeSet<u32>, now: Timestamp) {
        assert!(self.open.is_none() && !self.finished);
        assert_eq!(round, self.current() + 1, "rounds are numbered without gaps");
        if self.setting.kind == Kind::Protected {
            assert_eq!(self.recorded, round, "it is in the ledger before it opens");
        }
        let enrolled = self.enrolled.len();
        assert!(enrolled >= self.setting.wait_for as usize);
        assert!(cohort.is_subset(&self.enrolled));
        if !self.setting.coins {
            assert_eq!(cohort.len(), self.setting.selected(enrolled));
        }
        let wanted = self.setting.wanted(enrolled, cohort.len());
        self.open = Some(Open { round, cohort, deadline: Timestamp(now.0 + DEADLINE), wanted });
    }

    pub(super) fn close(&mut self, record: &RoundRecord, now: Timestamp) {
        let open = self.open.clone().expect("only an open round closes");
        let masked = self.setting.kind == Kind::Masked;
        let cut_short = std::mem::take(&mut self.cut_short);
        assert!(masked || cut_short || self.is_due(now), "round {} closed too early", open.round);
        assert_eq!((record.round, &record.cohort, record.closed), (open.round, &open.cohort, now));
        self.open = None;
        self.over.push(open.cohort);
        let counted = self.counted_in(open.round);
        let enough = counted.len() >= self.setting.minimum as usize;
        match record.outcome {
            Outcome::Released { weight, .. } => {
                assert!(enough, "{} updates are below the minimum", counted.len());
                self.release(open.round, weight);
            }
            // The noise is released also if nobody came; and masks may stay on for want of shares.
            Outcome::Abandoned { minimum } => {
                assert_eq!(minimum, self.setting.minimum);
                let nobody = counted.is_empty() && self.setting.kind == Kind::Plain;
                assert!(!enough || nobody || masked, "{} updates are enough", counted.len());
            }
        }
    }

    fn release(&mut self, round: u32, weight: u64) {
        let (sum, expected) = self.sum(round);
        assert_eq!(weight, expected);
        for (value, steps) in self.model.iter_mut().zip(sum) {
            *value += steps as f64 / f64::from(ONE) / weight as f64;
        }
    }
}

fn why(refusal: &Refusal) -> Why {
    match refusal {
        Refusal::NoKey => Why::NoKey,
        Refusal::NoSuchPlace { .. } | Refusal::PlaceTaken { .. } | Refusal::Full { .. } => Why::NoPlace,
        Refusal::NotEnrolled { .. } => Why::NotEnrolled,
        Refusal::RoundNotOpen { .. } => Why::NotOpen,
        Refusal::TooLate { .. } => Why::TooLate,
        Refusal::NotInCohort { .. } => Why::Stranger,
        Refusal::AnotherUpdate { .. } => Why::Another,
        Refusal::HasDeclined { .. } => Why::HasDeclined,
        Refusal::OnlyMasked { .. } => Why::OnlyMasked,
        Refusal::WrongLength { .. } | Refusal::NotClipped { .. } | Refusal::Weight { .. } => Why::Unsuitable,
        other => panic!("{other} is no answer to an update, an enrolment or a decline"),
    }
}
