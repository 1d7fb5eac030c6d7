//! Masks are taken off apart from everything else.
//!
//! That takes seconds where cohort and model are large, and needs nothing but the answers, which do not change any more. So
//! whoever carries the events may do it elsewhere, while the round goes on answering, and enter what comes of it.

use super::MaskedRound;
use super::stages::{Closed, Stages};
use crate::aggregation::WordLayout;
use crate::secagg::Stage;
use std::sync::Arc;

/// A masked round whose answers are all there.
#[derive(Debug, Clone)]
pub struct Answered {
    round: u32,
    cohort: usize,
    layout: WordLayout,
    stages: Arc<Stages>,
}

/// What came of it: a sum, or why there is none.
#[derive(Debug)]
pub struct Unmasked {
    pub(super) round: u32,
    closed: Closed,
}

impl Answered {
    /// Takes the masks off. However often that is done, the same comes of it.
    pub fn unmask(self) -> Unmasked {
        let Answered { round, layout, stages, .. } = self;
        Unmasked { round, closed: Arc::unwrap_or_clone(stages).close(&layout) }
    }

    /// About how many words of masks that takes: an upper bound.
    pub fn words(&self) -> usize {
        self.cohort.saturating_mul(self.cohort).saturating_mul(self.layout.words())
    }
}

impl MaskedRound {
    /// Ends the last stage, but for the masks.
    pub(in super::super) fn await_unmasking(self) -> MaskedRound {
        MaskedRound { stages: Stages::Answered(Arc::new(self.stages)), ..self }
    }

    /// What is to be unmasked, if that is all that is awaited.
    pub fn answered(&self) -> Option<Answered> {
        let Stages::Answered(stages) = &self.stages else { return None };
        let (round, cohort, layout) = (self.round, self.cohort.len(), self.layout);
        Some(Answered { round, cohort, layout, stages: Arc::clone(stages) })
    }

    /// Enters what came of it. What comes twice, or for another round, changes nothing.
    pub(in super::super) fn enter(&mut self, unmasked: Unmasked) {
        if let Stages::Answered(_) = self.stages
            && unmasked.round == self.round
        {
            self.stages = Stages::Unmasked(Box::new(unmasked.closed));
        }
    }

    /// Whether the last stage is open, in which participants answer.
    pub(in super::super) fn awaits_answers(&self) -> bool {
        self.stage() == Stage::Answer && !matches!(self.stages, Stages::Answered(_) | Stages::Unmasked(_))
    }
}
