//! A masked round that was open when its coordinator ended, or could not keep what happened in it.
//!
//! The secrets that would unmask it are with participants that wait for messages nobody sends any more; what they sent
//! is not kept. The round is over: nothing is released, and the next one begins.

use super::super::{MaskedRecord, Outcome, RoundRecord, Timestamp};
use super::MaskedRound;
use crate::privacy::Clip;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is kept of a masked round while it is open. Serialized is the round as it was opened; what it has collected
/// since is kept apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interrupted {
    /// Its number, from 1.
    pub masked_round: u32,
    /// When it was opened.
    pub opened: Timestamp,
    /// The clients that were asked.
    pub cohort: BTreeSet<u32>,
    /// The clip of the round, where privacy is promised.
    #[serde(default)]
    pub clip: Option<Clip>,
    /// Those whose masked input was acknowledged.
    #[serde(skip)]
    pub inputs: BTreeSet<u32>,
    /// Those that could not take part.
    #[serde(skip)]
    pub declined: BTreeSet<u32>,
}

impl MaskedRound {
    /// What is to be kept of it.
    pub fn as_opened(&self) -> Interrupted {
        Interrupted {
            masked_round: self.round,
            opened: self.opened,
            cohort: self.cohort.clone(),
            clip: self.clip,
            inputs: BTreeSet::new(),
            declined: BTreeSet::new(),
        }
    }
}

impl Interrupted {
    /// Its record: it released nothing.
    pub(in super::super) fn record(
        self,
        closed: Timestamp,
        outcome: Outcome,
        epsilon: Option<f64>,
    ) -> RoundRecord {
        let Interrupted { masked_round, opened, cohort, inputs, declined, .. } = self;
        let failure =
            "the coordinator was started again during the round, or could not keep something of it: \
                       nothing is released"
                .to_owned();
        RoundRecord {
            round: masked_round,
            opened,
            closed,
            cohort,
            contributions: BTreeMap::new(),
            declined,
            late: BTreeSet::new(),
            outcome,
            epsilon,
            diagnostics: None,
            masked: Some(MaskedRecord { inputs, failure: Some(failure), ..MaskedRecord::default() }),
        }
    }
}
