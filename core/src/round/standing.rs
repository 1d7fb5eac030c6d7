//! What may be asked of a federation: where it stands, and what a client is to do.

use super::guard::Guard;
use super::{Assignment, Federation, NoiseState, Past, Phase, Receipt, Refusal, Rules};
use crate::params::Params;
use crate::privacy::{Clip, Ledger};
use crate::secagg::{Identities, Stage};
use std::collections::BTreeSet;

impl Federation {
    /// What was released or is about to be, where privacy is promised.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.guard.as_ref().map(Guard::ledger)
    }

    /// What was spent by the rounds that have been opened, where privacy is promised.
    pub fn epsilon(&self) -> Option<f64> {
        self.guard.as_ref().map(Guard::epsilon)
    }

    /// The clip of the round that is open or comes next, where privacy is promised.
    pub fn clip(&self) -> Option<Clip> {
        self.guard.as_ref().map(Guard::clip)
    }

    /// The same where the clip adapts, so that participants must be told of it.
    pub fn adapted_clip(&self) -> Option<Clip> {
        self.guard.as_ref().and_then(Guard::adapted_clip)
    }

    /// What must be kept of noise that is correlated over the rounds; `None` where it is not.
    pub fn noise_state(&self) -> Option<NoiseState> {
        self.guard.as_ref().and_then(Guard::noise_state)
    }

    /// Whether the federation ended because the next round would have passed the plan's target epsilon.
    pub fn is_exhausted(&self) -> bool {
        self.guard.as_ref().is_some_and(Guard::is_exhausted)
    }

    /// The rules it is run by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The clients that have enrolled.
    pub fn enrolled(&self) -> &BTreeSet<u32> {
        &self.enrolled
    }

    /// The current model; the final one when the federation has finished.
    pub fn model(&self) -> &Params {
        &self.model
    }

    /// What it waits for.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// What it remembers of the rounds that are over.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// The receipt of a client whose update counts in this round, which is open; of one that is over, its record has it.
    pub fn receipt(&self, round: u32, client: u32) -> Option<Receipt> {
        match &self.phase {
            Phase::Collecting(open) if open.round == round => {
                let contribution = *open.contributions.get(&client)?;
                Some(Receipt { round, client, contribution })
            }
            _ => None,
        }
    }

    /// What a client is to do now.
    pub fn assignment(&self, client: u32) -> Result<Assignment, Refusal> {
        self.check_enrolled(client)?;
        Ok(match &self.phase {
            Phase::Collecting(collecting) if collecting.awaits(client) => {
                Assignment::Train { round: collecting.round, deadline: collecting.deadline }
            }
            Phase::Masked(masked) if masked.awaits(client) => {
                Assignment::Mask { round: masked.round(), stage: masked.stage(), deadline: masked.deadline() }
            }
            Phase::Gathering | Phase::Collecting(_) => Assignment::Wait,
            Phase::Masked(_) | Phase::Interrupted(_) => Assignment::Wait,
            Phase::Finished => Assignment::Finished,
        })
    }

    /// What a client needs for its part in a stage of the masked round that is open.
    pub fn task(&self, round: u32, client: u32, stage: Stage) -> Result<Vec<u8>, Refusal> {
        self.check_enrolled(client)?;
        match &self.phase {
            Phase::Masked(masked) if masked.round() == round => masked.task(client, stage),
            _ if round <= self.past.rounds() => Err(Refusal::TooLate { round, client }),
            _ => Err(Refusal::RoundNotOpen { round }),
        }
    }

    /// The public identities of the clients that take part in masked rounds.
    pub fn identities(&self) -> &Identities {
        &self.identities
    }
}
