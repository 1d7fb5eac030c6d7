//! The coordinator's half of the protocol as one value: which stage awaits messages.

use super::StageContent;
use crate::aggregation::{Sum, SumWordsError, WordLayout};
use crate::secagg::{
    Advertising, Altered, Collecting, Confirming, CoordinatorError, Failed, Missing, Sharing, Stage,
    Unmasked, Unmasking, Word,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The stage that is open.
#[derive(Debug, Clone)]
pub(super) enum Stages {
    Advertising(Advertising),
    Sharing(Sharing),
    /// The inputs are words of 32 bits.
    Narrow(Summing<u32>),
    /// The inputs are words of 64 bits.
    Wide(Summing<u64>),
    /// The last stage is over, and the masks are being taken off.
    Answered(Arc<Stages>),
    /// They are off.
    Unmasked(Box<Closed>),
}

/// The stages in which there is a sum.
#[derive(Debug, Clone)]
pub(super) enum Summing<W> {
    Collecting(Collecting<W>),
    Confirming(Confirming<W>),
    Unmasking(Unmasking<W>),
}

/// What comes after a stage.
#[derive(Debug, Clone)]
pub(super) enum Closed {
    /// The next one.
    Next(Stages),
    /// A sum.
    Sum(Finished),
    /// Nothing.
    Failed(Failure),
}

/// A finished sum, and how it came to be.
#[derive(Debug, Clone)]
pub(super) struct Finished {
    pub(super) sum: Sum,
    pub(super) inputs: BTreeSet<u32>,
    pub(super) missing: Missing,
    pub(super) altered: Altered,
}

/// Why there is none.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) missing: Missing,
    pub(super) altered: Altered,
}

impl Stages {
    pub(super) fn stage(&self) -> Stage {
        match self {
            Stages::Advertising(_) => Stage::Advertise,
            Stages::Sharing(_) => Stage::Share,
            Stages::Narrow(summing) => summing.stage(),
            Stages::Wide(summing) => summing.stage(),
            Stages::Answered(_) | Stages::Unmasked(_) => Stage::Answer,
        }
    }

    pub(super) fn awaited(&self) -> BTreeSet<u32> {
        match self {
            Stages::Advertising(state) => state.awaited().collect(),
            Stages::Sharing(state) => state.awaited().collect(),
            Stages::Narrow(summing) => summing.awaited(),
            Stages::Wide(summing) => summing.awaited(),
            Stages::Answered(_) | Stages::Unmasked(_) => BTreeSet::new(),
        }
    }

    /// Counts a message of the stage that is open.
    pub(super) fn accept(&mut self, content: StageContent) -> Result<(), CoordinatorError> {
        let client = content.address().1;
        match (self, content) {
            (Stages::Advertising(state), StageContent::Advert(message)) => state.accept(*message),
            (Stages::Sharing(state), StageContent::Shares(message)) => state.accept(message),
            (Stages::Narrow(Summing::Collecting(state)), StageContent::Input(message)) => {
                state.accept(&message)
            }
            (Stages::Wide(Summing::Collecting(state)), StageContent::WideInput(message)) => {
                state.accept(&message)
            }
            (Stages::Narrow(summing), content) => summing.accept_small(content),
            (Stages::Wide(summing), content) => summing.accept_small(content),
            // The stages were compared before; where masks are taken off, nothing more is awaited.
            (_, _) => Err(CoordinatorError::NotAwaited { client }),
        }
    }

    /// What a client needs for its part in the open stage. `None` in the first, and for a client that takes no part.
    pub(super) fn task(&self, client: u32) -> Option<Vec<u8>> {
        match self {
            Stages::Advertising(_) => None,
            Stages::Sharing(state) => Some(state.roster().encode()),
            Stages::Narrow(summing) => summing.task(client),
            Stages::Wide(summing) => summing.task(client),
            Stages::Answered(_) | Stages::Unmasked(_) => None,
        }
    }

    /// Ends the open stage with what has come.
    pub(super) fn close(self, layout: &WordLayout) -> Closed {
        match self {
            Stages::Advertising(state) => next(state.close(), Stages::Sharing),
            Stages::Sharing(state) if layout.ring().is_wide() => {
                let wide = state.close(layout.words());
                next(wide, |state| Stages::Wide(Summing::Collecting(state)))
            }
            Stages::Sharing(state) => {
                let narrow = state.close(layout.words());
                next(narrow, |state| Stages::Narrow(Summing::Collecting(state)))
            }
            Stages::Narrow(summing) => summing.close(layout, Stages::Narrow),
            Stages::Wide(summing) => summing.close(layout, Stages::Wide),
            Stages::Answered(stages) => Arc::unwrap_or_clone(stages).close(layout),
            Stages::Unmasked(closed) => *closed,
        }
    }
}

impl<W: Word> Summing<W> {
    fn stage(&self) -> Stage {
        match self {
            Summing::Collecting(_) => Stage::Input,
            Summing::Confirming(_) => Stage::Confirm,
            Summing::Unmasking(_) => Stage::Answer,
        }
    }

    fn awaited(&self) -> BTreeSet<u32> {
        match self {
            Summing::Collecting(state) => state.awaited().collect(),
            Summing::Confirming(state) => state.awaited().collect(),
            Summing::Unmasking(state) => state.awaited().collect(),
        }
    }

    fn accept_small(&mut self, content: StageContent) -> Result<(), CoordinatorError> {
        let client = content.address().1;
        match (self, content) {
            (Summing::Confirming(state), StageContent::Confirmation(message)) => state.accept(&message),
            (Summing::Unmasking(state), StageContent::Answer(answer)) => state.accept(answer),
            (_, content) if content.stage() == Stage::Input => {
                // Decoded for the other kind of word.
                Err(CoordinatorError::OtherRing { client, expected: W::BITS, found: 96 - W::BITS })
            }
            _ => Err(CoordinatorError::NotAwaited { client }),
        }
    }

    fn task(&self, client: u32) -> Option<Vec<u8>> {
        match self {
            Summing::Collecting(state) => Some(state.delivery(client)?.encode()),
            Summing::Confirming(state) => Some(state.survivor_set().encode()),
            Summing::Unmasking(state) => Some(state.confirmations(client)?.encode()),
        }
    }

    fn close(self, layout: &WordLayout, wrap: impl Fn(Summing<W>) -> Stages) -> Closed {
        match self {
            Summing::Collecting(state) => next(state.close(), |state| wrap(Summing::Confirming(state))),
            Summing::Confirming(state) => next(state.close(), |state| wrap(Summing::Unmasking(state))),
            Summing::Unmasking(state) => match state.close() {
                Ok(Unmasked { sum, survivors, missing, altered }) => match Sum::from_words(&sum, layout) {
                    Ok(sum) => Closed::Sum(Finished { sum, inputs: survivors, missing, altered }),
                    Err(error) => failed_sum(error, missing, altered),
                },
                Err(failed) => failure(failed),
            },
        }
    }
}

fn next<S>(closed: Result<S, Failed>, wrap: impl FnOnce(S) -> Stages) -> Closed {
    match closed {
        Ok(state) => Closed::Next(wrap(state)),
        Err(failed) => failure(failed),
    }
}

fn failure(Failed { reason, missing, altered }: Failed) -> Closed {
    Closed::Failed(Failure { reason: reason.to_string(), missing, altered })
}

fn failed_sum(error: SumWordsError, missing: Missing, altered: Altered) -> Closed {
    Closed::Failed(Failure { reason: error.to_string(), missing, altered })
}
