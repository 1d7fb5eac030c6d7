//! How a federation goes from one phase to the next: a round ends, its sum is released, and another opens.

use super::guard::Guard;
use super::masked::{Next, Opening};
use super::{
    Collecting, Diagnostics, Effect, Federation, MaskedRound, MaskingRules, Outcome, Phase, RoundRecord,
    Timestamp, cohort,
};
use crate::aggregation::Sum;
use crate::random::Purpose;
use crate::secagg::Setup;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Federation {
    /// Goes through every phase that has nothing more to wait for.
    pub(super) fn advance(mut self, mut effects: Vec<Effect>, now: Timestamp) -> (Federation, Vec<Effect>) {
        loop {
            match self.phase {
                Phase::Gathering if self.enrolled.len() >= self.rules.wait_for as usize => {
                    self.phase = self.next_phase(now, &mut effects);
                }
                Phase::Collecting(collecting) if collecting.is_over(now) => {
                    self.phase = Phase::Gathering;
                    let record = self.close(*collecting, now);
                    self.phase = self.enter(record, now, &mut effects);
                }
                Phase::Masked(masked)
                    if self.unmasks_apart && masked.awaits_answers() && masked.is_over(now) =>
                {
                    self.phase = Phase::Masked(Box::new(masked.await_unmasking()));
                }
                Phase::Masked(masked) if masked.is_over(now) => {
                    self.phase = Phase::Gathering;
                    self.phase = self.close_stage(*masked, now, &mut effects);
                }
                Phase::Interrupted(interrupted) => {
                    self.phase = Phase::Gathering;
                    let (outcome, _) = self.release(None, interrupted.masked_round, 0);
                    let record = interrupted.record(now, outcome, self.epsilon());
                    self.phase = self.enter(record, now, &mut effects);
                }
                _ => return (self, effects),
            }
        }
    }

    /// Ends a stage of a masked round, and with the last one the round.
    fn close_stage(&mut self, masked: MaskedRound, now: Timestamp, effects: &mut Vec<Effect>) -> Phase {
        let round = masked.round();
        let (opened, cohort, declined) = (masked.opened, masked.cohort.clone(), masked.declined.clone());
        match masked.close_stage(now) {
            Next::Stage(next) => {
                effects.push(Effect::StageOpened { round, stage: next.stage() });
                Phase::Masked(next)
            }
            Next::Over { sum, masked } => {
                let (outcome, diagnostics) = self.release(sum, round, masked.inputs.len() as u32);
                let record = RoundRecord {
                    round,
                    opened,
                    closed: now,
                    cohort,
                    contributions: BTreeMap::new(),
                    declined,
                    late: BTreeSet::new(),
                    outcome,
                    epsilon: self.epsilon(),
                    diagnostics,
                    masked: Some(masked),
                };
                self.enter(record, now, effects)
            }
        }
    }

    /// Hands out the record of a round that is over, and goes on with the next.
    fn enter(&mut self, record: RoundRecord, now: Timestamp, effects: &mut Vec<Effect>) -> Phase {
        self.past.add(&record).expect("the round that was open is the one after those that are over");
        effects.push(Effect::Closed { record: Box::new(record), model: self.model.clone() });
        self.next_phase(now, effects)
    }

    fn next_phase(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> Phase {
        let rounds_over = self.past.rounds();
        if rounds_over >= self.rules.rounds {
            effects.push(Effect::Finished);
            return Phase::Finished;
        }
        let round = rounds_over + 1;
        if let Some(guard) = &mut self.guard {
            match guard.admit(round) {
                Some(recorded) => effects.extend(recorded.map(Effect::Recorded)),
                None => {
                    effects.push(Effect::Finished);
                    return Phase::Finished;
                }
            }
        }
        effects.push(Effect::Opened { round });
        if let Some(masking) = self.rules.masking {
            return Phase::Masked(Box::new(self.open_masked(masking, round, now)));
        }
        Phase::Collecting(Box::new(Collecting::open(
            &self.rules,
            round,
            self.cohort(round),
            self.enrolled.len() as u32,
            self.model.len(),
            self.guard.as_ref().map(Guard::clip),
            now,
        )))
    }

    fn open_masked(&self, rules: MaskingRules, round: u32, now: Timestamp) -> MaskedRound {
        let MaskingRules { masking, .. } = rules;
        let setup = Setup {
            identities: self.identities.clone(),
            assumptions: masking.assumptions(),
            minimum: self.rules.minimum,
            ring: masking.ring(),
        };
        let opening = Opening {
            context: rules.context(round, &self.model, self.adapted_clip()),
            clip: self.clip(),
            setup: Arc::new(setup),
            layout: masking.layout(self.rules.coordinates(self.model.len())),
            cohort: self.cohort(round),
            first_deadline: self.rules.deadline,
            stage_deadline: masking.stage_deadline(),
        };
        MaskedRound::open(opening, now)
    }

    fn cohort(&self, round: u32) -> BTreeSet<u32> {
        let (rule, enrolled) = (self.rules.cohort, &self.enrolled);
        if let Some(participation) = self.guard.as_ref().and_then(Guard::participation) {
            let stream = self.rules.seed.stream_for(Purpose::Cohort, round, 0);
            return cohort::draw_rested(rule, enrolled, participation, &self.past, stream);
        }
        match self.guard.as_ref().and_then(|guard| guard.cohort_stream(round)) {
            Some(hidden) => cohort::draw(rule, enrolled, hidden),
            None => cohort::draw(rule, enrolled, self.rules.seed.stream_for(Purpose::Cohort, round, 0)),
        }
    }

    /// Ends a round: with enough contributions its sum is released and makes the next model; with fewer, nothing is.
    fn close(&mut self, mut round: Collecting, now: Timestamp) -> RoundRecord {
        let enough = round.contributions.len() >= self.rules.minimum as usize;
        let sum = std::mem::replace(&mut round.sum, Sum::new(0));
        let contributions = round.contributions.len() as u32;
        let (outcome, diagnostics) = self.release(enough.then_some(sum), round.round, contributions);
        RoundRecord {
            round: round.round,
            opened: round.opened,
            closed: now,
            cohort: round.cohort,
            contributions: round.contributions,
            declined: round.declined,
            late: BTreeSet::new(),
            outcome,
            epsilon: self.epsilon(),
            diagnostics,
            masked: None,
        }
    }

    /// Makes the next model of the sum of so many contributions, if there is one.
    fn release(
        &mut self,
        sum: Option<Sum>,
        round: u32,
        contributions: u32,
    ) -> (Outcome, Option<Diagnostics>) {
        let rules = &self.rules;
        let weight = sum.as_ref().map_or(0, Sum::weight);
        let (mean, diagnostics) = match (&mut self.guard, sum) {
            (Some(guard), Some(sum)) => {
                let (mean, diagnostics) = guard.release(sum, round, contributions, rules.grid);
                (Some(mean), diagnostics)
            }
            (Some(guard), None) => {
                guard.skip(round);
                (None, None)
            }
            (None, sum) => (sum.and_then(|sum| sum.mean(rules.grid)), None),
        };
        let Some(mean) = mean else { return (Outcome::Abandoned { minimum: rules.minimum }, None) };
        rules.strategy.apply(&mut self.model, &mean);
        let train_loss = self.guard.is_none().then_some(mean.loss);
        (Outcome::Released { weight, train_loss }, diagnostics)
    }
}
