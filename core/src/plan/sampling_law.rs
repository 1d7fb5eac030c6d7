//! What the accountant is told of the draw of cohorts: no more than the cohort rule keeps, and nothing that can be seen.

use super::check::{Checker, Key};
use super::protection::too_small;
use super::{CohortRule, Conflict, NoiseAt, PlanError, SamplingRule};
use crate::privacy::{Neighbouring, Sampling};

const MINIMUM: Key = ("cohort", "minimum");
pub(super) const SAMPLING: Key = ("cohort", "sampling");

impl Checker {
    /// The sampling rule by which the accountant may reckon: the cohort rule must implement it.
    pub(super) fn accounted_sampling(
        &self,
        noise_at: NoiseAt,
        cohort: CohortRule,
        masked: bool,
    ) -> Result<SamplingRule, PlanError> {
        if masked {
            // The participants of a masked round are told who the others are: no draw hides anybody.
            return Ok(SamplingRule::All);
        }
        if let NoiseAt::Clients { .. } = noise_at {
            // The noise of a sum grows with the number of its shares and can be measured over its coordinates, so that a
            // release tells how many took part. Among so many of all, a client is likelier to be than the rule draws it.
            return Ok(SamplingRule::All);
        }
        let whole = cohort.sampling == SamplingRule::Fixed && cohort.fraction >= 1.0;
        let sampling = if whole { SamplingRule::All } else { cohort.sampling };
        if noise_at == NoiseAt::Local || sampling != SamplingRule::Fixed {
            return Ok(sampling);
        }
        if cohort.over_selection > 1.0 {
            let reserve = ("cohort", "over-selection");
            return Err(self.conflict(reserve, SAMPLING, Conflict::SpeedDecides));
        }
        let clients = self.clients();
        match self.raw.cohort.wait_for {
            Some(wait_for) if wait_for < clients => {
                let wanted = cohort.wanted(clients);
                let conflict = Conflict::PopulationVaries { wanted, clients, wait_for };
                Err(self.conflict(("cohort", "wait-for"), SAMPLING, conflict))
            }
            _ => Ok(sampling),
        }
    }

    /// What the accountant is told of the draw, and of whom the promise is made.
    pub(super) fn sampling_law(
        &self,
        noise_at: NoiseAt,
        sampling: SamplingRule,
        cohort: CohortRule,
    ) -> (Sampling, Neighbouring) {
        let population = self.clients();
        match (sampling, noise_at) {
            // What a client sends carries its own noise and its name: no draw hides it, and it is compared with
            // whatever else the client could have sent.
            (_, NoiseAt::Local | NoiseAt::Examples) => (Sampling::All {}, Neighbouring::ReplaceOne),
            (SamplingRule::Poisson, _) => {
                (Sampling::Poisson { q: cohort.fraction }, Neighbouring::AddOrRemoveOne)
            }
            (SamplingRule::Fixed, _) => {
                let (population, sample) = (u64::from(population), u64::from(cohort.wanted(population)));
                (Sampling::FixedSize { population, sample }, Neighbouring::ReplaceOne)
            }
            // A client that is not there adds no share either: the noise would tell. Its update is zero instead.
            (SamplingRule::All, _) => (Sampling::All {}, Neighbouring::ZeroOut),
        }
    }

    /// The chance that a Poisson round is not released because of who was drawn, of which the number of drawn clients
    /// can be told. Where no draw hides anybody or clients are replaced, neighbours draw equally many.
    pub(super) fn small_cohorts(&self, noise_at: NoiseAt, sampling: SamplingRule, cohort: CohortRule) -> f64 {
        match (sampling, noise_at) {
            (SamplingRule::Poisson, NoiseAt::Coordinator) => {
                let clients = self.raw.cohort.wait_for.unwrap_or(self.clients());
                // One client less on the other side of the relation.
                too_small(clients.saturating_sub(1), cohort.fraction, self.raw.cohort.minimum)
            }
            _ => 0.0,
        }
    }

    /// Poisson cohorts would be too small too often.
    pub(super) fn small_cohorts_tell(&self) -> PlanError {
        let section = &self.raw.cohort;
        let wanted = (f64::from(self.clients()) * section.fraction).round() as u32;
        let conflict = Conflict::MinimumTells { wanted, minimum: section.minimum };
        self.conflict(MINIMUM, ("privacy", "delta"), conflict)
    }
}
