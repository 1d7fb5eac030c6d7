//! How much noise a promise takes, whether the grid holds it, and whether the target affords a round.

use super::check::{Checker, Key};
use super::protection::{ROUNDING_DISTANCE, TAIL, noise_of_one};
use super::raw::PrivacySection;
use super::{Conflict, NoiseAt, PlanError, PrivacyFault, Protection};
use crate::encoding::FixedPoint;
use crate::privacy::accounting::calibration::Target;
use crate::privacy::accounting::{Accountant, AccountingError};
use crate::privacy::sampling::DiscreteGaussian;
use crate::privacy::{Clip, Event, EventError, Ledger, LedgerError, Next};

const NOISE: Key = ("privacy", "noise-multiplier");
const TARGET: Key = ("privacy", "target-epsilon");
const CLIP: Key = ("privacy", "clip");
const BITS: Key = ("encoding", "fraction-bits");

impl Checker {
    /// The noise that is given, or that the target asks for.
    pub(super) fn noise(
        &self,
        section: &PrivacySection,
        distance: f64,
        releases: u32,
        release: impl Fn(f64, u32) -> Result<Event, EventError>,
    ) -> Result<f64, PlanError> {
        let target = match (section.noise_multiplier, section.target_epsilon) {
            (Some(noise), _) => return Ok(noise),
            (None, None) => return Err(self.conflict(NOISE, TARGET, Conflict::NeitherNoiseNorTarget)),
            (None, Some(target)) => target,
        };
        // What the distance costs is kept apart, at an epsilon that no accountant passes, so that the last round fits.
        let price = (1.0 + (1.5 * target + 1.0).exp()) * distance * f64::from(releases);
        if price > 0.5 * section.delta {
            return Err(self.small_cohorts_tell());
        }
        let faulty = |error: AccountingError| {
            self.fault("privacy", "target-epsilon", PrivacyFault::from(error).into())
        };
        // Below the target by what a search and the price of the distance may be off.
        let reach = Target::new(target * (1.0 - 1e-4), section.delta - price).map_err(faulty)?;
        Accountant::default().least_noise(reach, |noise| Ok(vec![release(noise, releases)?])).map_err(faulty)
    }

    /// The noise of one party, if the grid holds it.
    pub(super) fn fitting_noise(
        &self,
        noise_at: NoiseAt,
        noise_multiplier: f64,
        clip: Clip,
        weight_cap: u32,
        grid: FixedPoint,
    ) -> Result<DiscreteGaussian, PlanError> {
        if clip.steps(grid.scale()).is_err() {
            return Err(self.conflict(CLIP, BITS, Conflict::ClipBelowStep));
        }
        let sensitivity = clip
            .weighted(weight_cap)
            .map_err(|error| self.fault("aggregation", "weight-cap", PrivacyFault::from(error).into()))?;
        let noise = noise_of_one(noise_at, noise_multiplier, sensitivity, grid).map_err(|_| {
            let deviation = sensitivity.deviation(noise_multiplier) * grid.scale();
            let conflict = match self.noise_key() {
                TARGET => Conflict::TargetOffGrid { deviation },
                _ => Conflict::NoiseOffGrid { deviation },
            };
            self.conflict(self.noise_key(), BITS, conflict)
        })?;
        let deviation = noise.variance().to_f64().sqrt() / grid.scale();
        let most = clip.norm() + TAIL * deviation;
        if noise_at != NoiseAt::Coordinator && most > grid.largest() {
            let conflict = Conflict::NoisedBeyondGrid { most, largest: grid.largest() };
            return Err(self.conflict(self.noise_key(), BITS, conflict));
        }
        Ok(noise)
    }

    /// The key that says how much noise there is: the target where the noise was found for it.
    pub(super) fn noise_key(&self) -> Key {
        let found = self.raw.privacy.as_ref().is_some_and(|section| section.noise_multiplier.is_none());
        if found { TARGET } else { NOISE }
    }

    /// The first round fits the target, or all rounds have an epsilon if there is none.
    pub(super) fn affordable(&self, protection: &Protection) -> Result<(), PlanError> {
        let faulty = |error: LedgerError| match error {
            LedgerError::SamplerTooRough { .. } if protection.distance > 10.0 * ROUNDING_DISTANCE => {
                self.small_cohorts_tell()
            }
            error => self.fault("privacy", "noise-multiplier", PrivacyFault::from(error).into()),
        };
        let mut accountant = Accountant::default();
        let one = protection.target.is_some() || protection.correlation.is_some();
        let rounds = if one { 1 } else { self.raw.federation.rounds };
        let events = protection.event.repeated(rounds.into());
        let events = events.map_err(|error| faulty(AccountingError::from(error).into()))?;
        let distance = protection.distance * f64::from(rounds);
        let ledger: Ledger = protection.ledger();
        match ledger.next(&[events], distance, &mut accountant).map_err(faulty)? {
            Next::Fits(_) => Ok(()),
            Next::Passes { .. } => Err(self.conflict(TARGET, NOISE, Conflict::FirstRoundPasses)),
        }
    }
}
