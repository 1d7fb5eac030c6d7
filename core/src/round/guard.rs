//! What stands between the sums of a protected federation and the world: the ledger, and the noise.

use super::correlated::{Correlated, NoiseState};
use super::{Diagnostics, Releases, ResumeError};
use crate::aggregation::{Mean, Sum};
use crate::encoding::FixedPoint;
use crate::plan::{Correlation, NoiseAt, Protection, RoundProtection, VOTE};
use crate::privacy::accounting::Accountant;
use crate::privacy::matrix::Participation;
use crate::privacy::{AdaptiveClip, Clip, Event, Ledger, Next, NoisePurpose, NoiseSeed, NoiseStream};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a round was about to release when it was opened: an entry of the ledger. Whatever becomes of the round, it counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The round.
    pub round: u32,
    /// What it releases.
    pub event: Event,
    /// How far that may be from what the event says, in total variation.
    pub distance: f64,
}

/// The ledger of a federation and the seed of its noise.
///
/// Invariant: no round opens before its event is in the ledger.
#[derive(Clone)]
pub(super) struct Guard {
    protection: Protection,
    seed: Arc<NoiseSeed>,
    ledger: Ledger,
    epsilon: f64,
    exhausted: bool,
    adaptive: Option<AdaptiveClip>,
    correlated: Option<Correlated>,
    parameters: usize,
}

impl Guard {
    /// For a model of so many parameters.
    pub(super) fn new(protection: Protection, seed: Arc<NoiseSeed>, parameters: usize) -> Guard {
        let (ledger, adaptive) = (protection.ledger(), protection.adaptive().copied());
        let correlated = protection.correlated_source(parameters).map(Correlated::new);
        let (epsilon, exhausted) = (0.0, false);
        Guard { protection, seed, ledger, epsilon, exhausted, adaptive, correlated, parameters }
    }

    /// A guard that remembers what was recorded for each round that has been opened. The seed is another one than
    /// before, so that no noise is drawn twice.
    pub(super) fn resume(
        protection: Protection,
        seed: Arc<NoiseSeed>,
        parameters: usize,
        recorded: &Releases,
    ) -> Result<Guard, ResumeError> {
        let (expected, distance) = (protection.event(), protection.distance());
        let mut guard = Guard::new(protection, seed, parameters);
        for entry in recorded.each() {
            let another = ResumeError::AnotherEvent { round: entry.round };
            if entry.event != expected || entry.distance != distance {
                return Err(another);
            }
            guard.ledger.record(entry.event, entry.distance).map_err(|_| another)?;
        }
        if recorded.number() > 0 {
            let round = recorded.number();
            let epsilon = guard.ledger.epsilon(&mut Accountant::default());
            guard.epsilon = epsilon.map_err(|_| ResumeError::AnotherEvent { round })?.0;
        }
        Ok(guard)
    }

    /// Takes up the memory of correlated noise as it was after so many rounds; `None` if it is not there, or another
    /// one's.
    pub(super) fn resume_noise(&mut self, state: Option<&NoiseState>, rounds: u32) -> Option<()> {
        match (self.protection.correlated_source(self.parameters), state) {
            (None, None) => {}
            (Some(_), None) if rounds == 0 => {}
            (Some(source), Some(state)) => self.correlated = Some(Correlated::resume(source, state, rounds)?),
            _ => return None,
        }
        Some(())
    }

    /// What must be kept of correlated noise.
    pub(super) fn noise_state(&self) -> Option<NoiseState> {
        self.correlated.as_ref().map(Correlated::state)
    }

    /// Takes up the clip of the open round; `None` if no round of the plan has such a clip.
    pub(super) fn resume_clip(&mut self, clip: Clip) -> Option<()> {
        self.protection.in_round(clip)?;
        self.adaptive = self.adaptive.and_then(|adaptive| adaptive.at(clip));
        Some(())
    }

    /// The clip of the round that is open or comes next.
    pub(super) fn clip(&self) -> Clip {
        self.adaptive.map_or(self.protection.clip(), |adaptive| adaptive.clip())
    }

    /// The same where it adapts.
    pub(super) fn adapted_clip(&self) -> Option<Clip> {
        self.adaptive.map(|adaptive| adaptive.clip())
    }

    /// Remembers that a round was held back because of what it would have cost.
    pub(super) fn exhaust(&mut self) {
        self.exhausted = true;
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What was spent by the rounds that have been opened.
    pub(super) fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// Whether a round was held back because of what it would have cost.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Writes down what a round will release, unless it would pass the target: then it does not open. The inner `None` is
    /// a round that is part of an earlier round's release.
    pub(super) fn admit(&mut self, round: u32) -> Option<Option<Recorded>> {
        if self.protection.correlation().is_some() {
            if self.correlated.is_none() {
                // Its noise cannot be made.
                self.exhaust();
                return None;
            }
            if round > 1 {
                return Some(None);
            }
        }
        let (event, distance) = (self.protection.event(), self.protection.distance());
        let next = self.ledger.next(&[event], distance, &mut Accountant::default());
        match next {
            Ok(Next::Fits(epsilon)) if self.ledger.record(event, distance).is_ok() => {
                self.epsilon = epsilon;
                Some(Some(Recorded { round, event, distance }))
            }
            // What cannot be accounted for is not done.
            _ => {
                self.exhaust();
                None
            }
        }
    }

    /// The stream from which a cohort is drawn, where nobody may know it.
    pub(super) fn cohort_stream(&self, round: u32) -> Option<NoiseStream> {
        let hidden = self.protection.hides_cohorts();
        hidden.then(|| self.seed.stream_for(NoisePurpose::Cohort, round, 0))
    }

    /// The mean that may be released: with the noise that the coordinator owes, over the plan's denominator. The votes on
    /// the clip, if there are any, move it for the next round.
    pub(super) fn release(
        &mut self,
        mut sum: Sum,
        round: u32,
        contributions: u32,
        grid: FixedPoint,
    ) -> (Mean, Option<Diagnostics>) {
        let protection =
            self.protection.in_round(self.clip()).expect("the clip never leaves the plan's range");
        let votes = protection.votes().is_some().then(|| sum.take_last());
        let mut stream = self.seed.stream_for(NoisePurpose::Update, round, 0);
        let mut row_norm = 1.0;
        if let Some(correlated) = &mut self.correlated {
            let (added, norm) = correlated.next(self.parameters, &mut stream);
            let added = Zeroizing::new(added);
            let mut values = added.iter().copied();
            sum.add_noise(|| values.next().expect("there is noise for every parameter"));
            row_norm = norm;
        } else if protection.noise_at() == NoiseAt::Coordinator {
            sum.add_noise(|| protection.noise().sample(&mut stream));
        }
        let within_clip = votes.map(|votes| self.count(votes, &protection, round));
        let denominator = match self.protection.noise_at() {
            // Nobody's presence is hidden: the mean is over who contributed.
            NoiseAt::Examples => sum.weight().max(1),
            _ => self.protection.denominator(),
        };
        let mean = sum.mean_over(denominator, grid);
        if let Some(told) = self.of_a_step() {
            // Noise in the steps of local training does not simply add up in the mean.
            return (mean, Some(told));
        }
        let noise_deviation = row_norm * protection.deviation_of_mean(contributions);
        let noise = noise_deviation.powi(2) * mean.delta.len() as f64;
        let square: f64 = mean.delta.iter().map(|value| value * value).sum();
        let signal = if noise > 0.0 { (square / noise - 1.0).max(0.0).sqrt() } else { 0.0 };
        let signal_to_noise = Some(signal);
        let clip = protection.clip().norm();
        (mean, Some(Diagnostics { clip, noise_deviation, signal_to_noise, within_clip }))
    }

    /// What can be told of the steps of local training, where single examples are protected: all of it follows from the plan.
    fn of_a_step(&self) -> Option<Diagnostics> {
        let rule = self.protection.examples()?;
        let noise = self.protection.example_noise(self.parameters)?.ok()?;
        let (clip, noise_deviation) = (self.protection.clip().norm(), noise.deviation() / rule.denominator);
        Some(Diagnostics { clip, noise_deviation, signal_to_noise: None, within_clip: None })
    }

    /// Passes over a round that releases nothing: correlated noise counts rounds, not releases, because clients do.
    pub(super) fn skip(&mut self, round: u32) {
        if let Some(correlated) = &mut self.correlated {
            let mut stream = self.seed.stream_for(NoisePurpose::Update, round, 0);
            drop(Zeroizing::new(correlated.next(self.parameters, &mut stream).0));
        }
    }

    /// How far apart and how often clients take part, where noise is correlated.
    pub(super) fn participation(&self) -> Option<Participation> {
        self.protection.correlation().map(Correlation::participation)
    }

    /// Counts votes on the clip with the noise that the coordinator owes, and gives the share within it.
    fn count(&mut self, votes: i64, protection: &RoundProtection, round: u32) -> f64 {
        let owed = match protection.votes() {
            Some(noise) if protection.noise_at() == NoiseAt::Coordinator => {
                noise.sample(&mut self.seed.stream_for(NoisePurpose::Votes, round, 0))
            }
            _ => 0,
        };
        let adaptive = self.adaptive.as_mut().expect("there are votes only on a clip that adapts");
        adaptive.observe(votes.saturating_add(owed) as f64 / f64::from(VOTE))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}
