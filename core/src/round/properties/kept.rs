//! What a store keeps of a federation: nothing but what the effects of its steps say, and the sum that is open.

use super::reference::Ask;
use crate::aggregation::Sum;
use crate::params::Params;
use crate::round::{
    Belated, Collecting, Contribution, Effect, Federation, Interrupted, Past, Phase, Recorded, RoundRecord,
    Saved,
};
use crate::secagg::{Identities, IdentityKey, Stage};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
pub(super) struct Kept {
    enrolled: BTreeSet<u32>,
    pub(super) identities: Identities,
    model: Params,
    pub(super) history: Vec<RoundRecord>,
    recorded: Vec<Recorded>,
    open: Option<KeptRound>,
}

/// The open round.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptRound {
    round: u32,
    as_opened: Vec<u8>,
    pub(super) contributions: BTreeMap<u32, Contribution>,
    declined: BTreeSet<u32>,
    hidden: BTreeSet<u32>,
    sum: Vec<u8>,
}

impl Kept {
    pub(super) fn new(model: Params) -> Kept {
        Kept {
            enrolled: BTreeSet::new(),
            identities: Identities::new(),
            model,
            history: Vec::new(),
            recorded: Vec::new(),
            open: None,
        }
    }

    /// The answer to what comes for a round that is over.
    pub(super) fn answer(&self, belated: Belated) -> Effect {
        let record = &self.history[belated.round as usize - 1];
        belated.answer(record).map_or_else(Effect::Refused, Effect::Accepted)
    }

    pub(super) fn open(&mut self) -> &mut KeptRound {
        self.open.as_mut().expect("a round is open")
    }

    /// Keeps what an effect says.
    pub(super) fn keep(&mut self, ask: Ask, effect: &Effect) {
        match *effect {
            Effect::Enrolled { client } => self.enrolled.extend([client]),
            Effect::Recorded(recorded) => self.recorded.push(recorded),
            Effect::Opened { round } => self.open = Some(KeptRound { round, ..KeptRound::default() }),
            Effect::Closed { ref record, ref model } => {
                self.open = None;
                self.history.push(RoundRecord::clone(record));
                self.model = model.clone();
            }
            Effect::Accepted(receipt) => {
                if let Some(open) = self.open.as_mut().filter(|open| open.round == receipt.round) {
                    open.contributions.insert(receipt.client, receipt.contribution);
                }
            }
            Effect::Taken { client, stage: Stage::Input, .. } => self.open().hidden.extend([client]),
            Effect::Refused(crate::round::Refusal::TooLate { round, client }) => {
                if let Ask::Submit(_) | Ask::Message { .. } = ask {
                    self.history[round as usize - 1].late.insert(client);
                }
            }
            Effect::Declined => {
                if let Ask::Decline { client, .. } = ask {
                    self.open().declined.insert(client);
                }
            }
            Effect::Taken { .. } | Effect::Refused(_) | Effect::StageOpened { .. } | Effect::Finished => {}
            Effect::Belated(_) => unreachable!("it is answered before"),
        }
    }

    pub(super) fn identify(&mut self, client: u32, key: IdentityKey) {
        self.identities.insert(client, key);
    }

    /// Keeps the open round as it was opened, and what it has added.
    pub(super) fn keep_round(&mut self, federation: &Federation) {
        let Some(kept) = &mut self.open else { return };
        match federation.phase() {
            Phase::Collecting(open) => {
                kept.as_opened = serde_json::to_vec(open).unwrap();
                kept.sum = open.sum().encode();
            }
            Phase::Masked(open) => kept.as_opened = serde_json::to_vec(&open.as_opened()).unwrap(),
            other => panic!("round {} is open, not {other:?}", kept.round),
        }
    }

    pub(super) fn saved(&self) -> Saved {
        let (mut collecting, mut interrupted) = (None, None);
        if let Some(kept) = &self.open {
            match serde_json::from_slice::<Collecting>(&kept.as_opened) {
                Ok(opened) => {
                    assert_eq!(opened.contributed(), 0, "what was collected is kept apart");
                    let sum = Sum::decode(&kept.sum).unwrap();
                    let (contributions, declined) = (kept.contributions.clone(), kept.declined.clone());
                    collecting = Some(opened.resume(contributions, declined, sum).unwrap());
                }
                Err(_) => {
                    let opened: Interrupted = serde_json::from_slice(&kept.as_opened).unwrap();
                    let (inputs, declined) = (kept.hidden.clone(), kept.declined.clone());
                    interrupted = Some(Interrupted { inputs, declined, ..opened });
                }
            }
        }
        let mut past = Past::default();
        self.history.iter().try_for_each(|record| past.add(record)).unwrap();
        Saved {
            enrolled: self.enrolled.clone(),
            identities: self.identities.clone(),
            model: self.model.clone(),
            past,
            open: collecting,
            interrupted,
            recorded: self.recorded.iter().copied().collect(),
            noise: None,
        }
    }
}
