//! The ledger: every release that was or is about to be made, and what they cost together.
//!
//! An event is recorded *before* its release, and a release that fails afterwards still counts. Whether the next release would pass
//! the target is asked first ([`Ledger::next`]); the federation stops before it, not after.
//!
//! Noise drawn from a table is not drawn from its exact law. If all draws together are within total variation `D` of it,
//! `(epsilon, delta)` becomes `(epsilon, delta + (1 + e^epsilon) D)`; the ledger keeps `D` and pays for it out of delta.
//!
//! Invariant: a ledger read back has the events, the delta and the target of the one written.

use serde::{Deserialize, Serialize};

use super::accounting::calibration::Target;
use super::accounting::{Accountant, AccountingError, Bound, RenyiCurve, Spent};
use super::event::{Event, EventError, Neighbouring};

/// The releases of a federation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Ledger {
    delta: f64,
    target: Option<f64>,
    events: Vec<Event>,
    distance: f64,
}

/// What can be wrong with a ledger.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LedgerError {
    /// The accountants refuse.
    #[error(transparent)]
    Accounting(#[from] AccountingError),
    /// A distance that is none.
    #[error("the sampler's distance from the exact law is {0}: it is a small number, 0 or above")]
    Distance(f64),
    /// The sampler is so far from its law that delta cannot pay for it.
    #[error(
        "the samplers are within {distance} of the exact noise, which costs more than half of delta {delta}: use an exact sampler"
    )]
    SamplerTooRough {
        /// The distance of all draws together.
        distance: f64,
        /// The ledger's delta.
        delta: f64,
    },
    /// An event under another relation than those before.
    #[error(
        "an event under {new:?} neighbours in a ledger of {old:?} neighbours: they have no common guarantee"
    )]
    Neighbours {
        /// The ledger's.
        old: Neighbouring,
        /// The event's.
        new: Neighbouring,
    },
}

/// Whether the next release may be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// It may; afterwards this is spent.
    Fits(f64),
    /// It would pass the target.
    Passes {
        /// What would be spent.
        epsilon: f64,
        /// What may be.
        target: f64,
    },
}

impl Ledger {
    /// An empty ledger that measures at `delta`, with a target epsilon if there is one.
    ///
    /// # Errors
    /// A delta outside (0, 1), or a target that is not a finite number above 0.
    pub fn new(delta: f64, target: Option<f64>) -> Result<Ledger, LedgerError> {
        Target::new(target.unwrap_or(1.0), delta)?;
        Ok(Ledger { delta, target, events: Vec::new(), distance: 0.0 })
    }

    /// The delta at which epsilon is measured.
    pub fn delta(&self) -> f64 {
        self.delta
    }

    /// The epsilon that must not be passed.
    pub fn target(&self) -> Option<f64> {
        self.target
    }

    /// What was recorded; equal releases are one event with their count.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many releases were recorded.
    pub fn releases(&self) -> u64 {
        self.events.iter().map(Event::count).sum()
    }

    /// Records releases that are about to be made. `distance` is the total variation distance of all their noise from the
    /// exact law: 0 for exact samplers.
    ///
    /// # Errors
    /// An event under another neighbouring relation, too many releases, or a distance below 0. Nothing is recorded then.
    pub fn record(&mut self, event: Event, distance: f64) -> Result<(), LedgerError> {
        *self = self.with(&[event], distance)?;
        Ok(())
    }

    /// What was spent so far; `None` before the first release.
    ///
    /// # Errors
    /// The accountants', or [`LedgerError::SamplerTooRough`].
    pub fn spent(&self, accountant: &mut Accountant) -> Result<Option<Spent>, LedgerError> {
        if self.events.is_empty() {
            return Ok(None);
        }
        let delta = self.paid_delta(accountant)?;
        Ok(Some(accountant.spent(&self.events, delta)?))
    }

    /// What was spent so far by the smallest bound alone, and who gave it; 0 before the first release.
    ///
    /// # Errors
    /// As [`Ledger::spent`].
    pub fn epsilon(&self, accountant: &mut Accountant) -> Result<(f64, Bound), LedgerError> {
        if self.events.is_empty() {
            return Ok((0.0, Bound::Analytic));
        }
        let delta = self.paid_delta(accountant)?;
        Ok(accountant.epsilon(&self.events, delta)?)
    }

    /// Whether the next release, made of all of `events`, may be made. Without a target everything may.
    ///
    /// # Errors
    /// As [`Ledger::record`] and [`Ledger::spent`].
    pub fn next(
        &self,
        events: &[Event],
        distance: f64,
        accountant: &mut Accountant,
    ) -> Result<Next, LedgerError> {
        let (epsilon, _) = self.with(events, distance)?.epsilon(accountant)?;
        Ok(match self.target {
            Some(target) if epsilon > target => Next::Passes { epsilon, target },
            _ => Next::Fits(epsilon),
        })
    }

    /// How many releases like this one fit, at most `most`; all of them without a target. `distance` is that of one.
    ///
    /// # Errors
    /// As [`Ledger::next`]; with a target, what is [`LedgerError::SamplerTooRough`] does not fit.
    pub fn affords(
        &self,
        event: Event,
        distance: f64,
        most: u32,
        accountant: &mut Accountant,
    ) -> Result<u32, LedgerError> {
        let mut fits = |releases: u32| {
            let events = event.repeated(event.count().saturating_mul(releases.into())).map_err(too_many)?;
            match self.next(&[events], distance * f64::from(releases), accountant) {
                Ok(next) => Ok(matches!(next, Next::Fits(_))),
                // So much is spent that even the last digits of the samplers tell.
                Err(LedgerError::SamplerTooRough { .. }) if self.target.is_some() => Ok(false),
                Err(error) => Err(error),
            }
        };
        if most == 0 || fits(most)? {
            return Ok(most);
        }
        let (mut within, mut beyond) = (0, most);
        while beyond - within > 1 {
            let middle = within + (beyond - within) / 2;
            if fits(middle)? { within = middle } else { beyond = middle }
        }
        Ok(within)
    }

    /// A copy with more events.
    fn with(&self, events: &[Event], distance: f64) -> Result<Ledger, LedgerError> {
        if !(distance >= 0.0 && distance.is_finite()) {
            return Err(LedgerError::Distance(distance));
        }
        let mut ledger = self.clone();
        ledger.distance += distance;
        for event in events {
            if let Some(first) = ledger.events.first()
                && first.neighbouring() != event.neighbouring()
            {
                return Err(LedgerError::Neighbours { old: first.neighbouring(), new: event.neighbouring() });
            }
            match ledger.events.iter_mut().find(|known| known.same_release(event)) {
                Some(known) => {
                    let count = known.count().saturating_add(event.count());
                    *known = known.repeated(count).map_err(too_many)?;
                }
                None => ledger.events.push(*event),
            }
        }
        Ok(ledger)
    }

    /// Delta without what the samplers' distance costs at the epsilon that is reached.
    fn paid_delta(&self, accountant: &mut Accountant) -> Result<f64, LedgerError> {
        if self.distance == 0.0 {
            return Ok(self.delta);
        }
        // An epsilon at half of delta is above the one at what remains, so its price covers that one's.
        let half = 0.5 * self.delta;
        let rough = RenyiCurve::new(&self.events)?.epsilon(half).0;
        let above = if rough.is_finite() { rough } else { accountant.epsilon(&self.events, half)?.0 };
        let price = (1.0 + above.exp()) * self.distance;
        if price > half {
            return Err(LedgerError::SamplerTooRough { distance: self.distance, delta: self.delta });
        }
        Ok(self.delta - price)
    }
}

fn too_many(error: EventError) -> LedgerError {
    LedgerError::Accounting(AccountingError::Event(error))
}

/// The unchecked form that is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Raw {
    delta: f64,
    target: Option<f64>,
    distance: f64,
    events: Vec<Event>,
}

impl TryFrom<Raw> for Ledger {
    type Error = LedgerError;
    fn try_from(raw: Raw) -> Result<Ledger, LedgerError> {
        Ledger::new(raw.delta, raw.target)?.with(&raw.events, raw.distance)
    }
}

impl From<Ledger> for Raw {
    fn from(ledger: Ledger) -> Raw {
        let Ledger { delta, target, events, distance } = ledger;
        Raw { delta, target, distance, events }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::event::{Mechanism, Sampling};

    fn round() -> Event {
        Event::sampled_gaussian(1.2, 0.1, 1).unwrap()
    }

    #[test]
    fn the_ledger_stops_before_the_target_and_not_after() {
        let mut accountant = Accountant::default();
        let mut ledger = Ledger::new(1e-5, Some(2.5)).unwrap();
        assert_eq!(ledger.epsilon(&mut accountant).unwrap().0, 0.0);
        let mut last = 0.0;
        let passed = loop {
            match ledger.next(&[round()], 0.0, &mut accountant).unwrap() {
                Next::Fits(epsilon) => {
                    ledger.record(round(), 0.0).unwrap();
                    assert!(epsilon > last && epsilon <= 2.5);
                    assert_eq!(ledger.epsilon(&mut accountant).unwrap().0, epsilon);
                    last = epsilon;
                }
                Next::Passes { epsilon, target } => break (epsilon, target),
            }
        };
        assert!(passed.0 > 2.5 && passed.1 == 2.5);
        let target = Target::new(2.5, 1e-5).unwrap();
        assert_eq!(ledger.releases(), accountant.rounds(target, round()).unwrap());
        assert_eq!(ledger.spent(&mut accountant).unwrap().unwrap().epsilon, last);
    }

    #[test]
    fn as_many_releases_are_afforded_as_fit_one_by_one() {
        let mut accountant = Accountant::default();
        let mut ledger = Ledger::new(1e-5, Some(2.5)).unwrap();
        let most = ledger.affords(round(), 1e-12, 1_000, &mut accountant).unwrap();
        assert!(most > 3, "{most}");
        assert_eq!(ledger.affords(round(), 1e-12, 3, &mut accountant), Ok(3));
        // What was recorded counts.
        ledger.record(round().repeated(2).unwrap(), 2e-12).unwrap();
        assert_eq!(ledger.affords(round(), 1e-12, 1_000, &mut accountant), Ok(most - 2));
        for _ in 2..most {
            assert!(matches!(ledger.next(&[round()], 1e-12, &mut accountant), Ok(Next::Fits(_))));
            ledger.record(round(), 1e-12).unwrap();
        }
        assert!(matches!(ledger.next(&[round()], 1e-12, &mut accountant), Ok(Next::Passes { .. })));
        assert_eq!(ledger.affords(round(), 1e-12, 1_000, &mut accountant), Ok(0));
        let endless = Ledger::new(1e-5, None).unwrap();
        assert_eq!(endless.affords(round(), 1e-12, 100, &mut accountant), Ok(100));
    }

    #[test]
    fn a_ledger_comes_back_as_it_was() {
        let mut ledger = Ledger::new(1e-6, Some(8.0)).unwrap();
        ledger.record(round(), 1e-30).unwrap();
        ledger.record(round(), 1e-30).unwrap();
        let votes = Event::sampled_gaussian(10.0, 0.1, 2).unwrap();
        ledger.record(votes, 0.0).unwrap();
        assert_eq!(ledger.events().len(), 2);
        let text = serde_json::to_string(&ledger).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
        for (from, to) in
            [("1e-6", "0.0"), ("\"q\":0.1", "\"q\":1.1"), ("\"count\":2", "\"count\":0"), ("8.0", "-1.0")]
        {
            assert!(text.contains(from), "{text}");
            assert!(serde_json::from_str::<Ledger>(&text.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn a_rough_sampler_costs_delta() {
        let mut accountant = Accountant::default();
        let epsilon = |distance: f64, accountant: &mut Accountant| {
            let mut ledger = Ledger::new(1e-5, None).unwrap();
            ledger.record(round(), distance).unwrap();
            ledger.epsilon(accountant).map(|(epsilon, _)| epsilon)
        };
        let exact = epsilon(0.0, &mut accountant).unwrap();
        let rough = epsilon(1e-7, &mut accountant).unwrap();
        assert!(rough > exact && rough < exact * 1.1, "{exact} {rough}");
        let refused = epsilon(1e-4, &mut accountant);
        assert!(matches!(refused, Err(LedgerError::SamplerTooRough { .. })), "{refused:?}");
    }

    #[test]
    fn relations_do_not_mix() {
        let mut ledger = Ledger::new(1e-5, None).unwrap();
        ledger.record(round(), 0.0).unwrap();
        let mechanism = Mechanism::Gaussian { noise_multiplier: 1.0 };
        let other = Event::new(mechanism, Sampling::All {}, Neighbouring::ReplaceOne, 1).unwrap();
        let before = ledger.clone();
        assert!(matches!(ledger.record(other, 0.0), Err(LedgerError::Neighbours { .. })));
        assert!(matches!(ledger.record(round(), f64::NAN), Err(LedgerError::Distance(_))));
        assert_eq!(ledger, before);
    }
}
