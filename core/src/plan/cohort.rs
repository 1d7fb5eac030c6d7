//! How many clients take part in a round, and how they are drawn.

use super::check::Checker;
use super::raw::{CohortSection, NoiseAtName};
use super::{Conflict, PlanError};
use serde::{Deserialize, Serialize};

/// How clients are drawn. What a promise of privacy costs depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SamplingRule {
    /// So many of them, without replacement, each set as likely as any other (McMahan et al. 2017, Algorithm 1).
    Fixed,
    /// Each by a coin of its own, so that the size varies and can be 0 (McMahan et al. 2018).
    Poisson,
    /// Everybody, every time.
    All,
}

/// How the cohort of a round is drawn from the enrolled clients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CohortRule {
    /// How clients are drawn.
    pub sampling: SamplingRule,
    /// The client fraction `C`: in (0, 1]. A round wants `max(1, round(C * enrolled))` contributions; if drawn by
    /// coins, as many as have been drawn.
    pub fraction: f64,
    /// How many clients are asked for each that is wanted: 1 or more. Above 1, a round closes as soon as it has
    /// what it wants, and its model depends on who was fast.
    pub over_selection: f64,
}

impl CohortRule {
    /// How many contributions a round wants when so many clients are enrolled; by coins, on average.
    pub fn wanted(self, enrolled: u32) -> u32 {
        let wanted = (f64::from(enrolled) * self.fraction).round() as u32;
        wanted.clamp(1, enrolled.max(1))
    }

    /// How many clients a round asks at the most when so many are enrolled.
    pub fn selected(self, enrolled: u32) -> u32 {
        match self.sampling {
            SamplingRule::Poisson => enrolled,
            SamplingRule::Fixed | SamplingRule::All => {
                let selected = (f64::from(self.wanted(enrolled)) * self.over_selection).ceil() as u32;
                selected.min(enrolled)
            }
        }
    }
}

impl Checker {
    /// The rule that `[cohort]` says, if so many clients can keep it.
    pub(super) fn cohort(&self, clients: u32) -> Result<CohortRule, PlanError> {
        let section = &self.raw.cohort;
        self.within("cohort", "fraction", section.fraction, f64::MIN_POSITIVE, 1.0, "above 0 and at most 1")?;
        self.within("cohort", "over-selection", section.over_selection, 1.0, 10.0, "1 to 10")?;
        // Noise alone may be released, and then not even an empty cohort tells of itself.
        let noised =
            self.raw.privacy.as_ref().is_some_and(|privacy| privacy.noise_at == NoiseAtName::Coordinator);
        let range = "1 or more (0 only where the coordinator adds noise)";
        self.within("cohort", "minimum", section.minimum, u32::from(!noised), u32::MAX, range)?;
        let week = 7 * 24 * 3600;
        self.within("cohort", "deadline-seconds", section.deadline_seconds, 1, week, "1 to 604,800, a week")?;
        let CohortSection { sampling, fraction, over_selection, .. } = *section;
        let rule = CohortRule { sampling, fraction, over_selection };
        if sampling == SamplingRule::All && fraction < 1.0 {
            let conflict = Conflict::AllButAFraction;
            return Err(self.conflict(("cohort", "sampling"), ("cohort", "fraction"), conflict));
        }
        if sampling == SamplingRule::Poisson && over_selection > 1.0 {
            let conflict = Conflict::ReserveByCoins;
            return Err(self.conflict(("cohort", "sampling"), ("cohort", "over-selection"), conflict));
        }

        let (wanted, minimum) = (rule.wanted(clients), section.minimum);
        if minimum > wanted {
            let conflict = Conflict::MinimumAboveCohort { wanted, clients, minimum };
            return Err(self.conflict(("cohort", "minimum"), ("cohort", "fraction"), conflict));
        }
        let Some(wait_for) = section.wait_for else { return Ok(rule) };
        self.within("cohort", "wait-for", wait_for, 1, u32::MAX, "1 or more")?;
        if wait_for > clients {
            let conflict = Conflict::WaitsForMoreThanThereAre { wait_for, clients };
            return Err(self.conflict(("cohort", "wait-for"), ("partition", "clients"), conflict));
        }
        let wanted = rule.wanted(wait_for);
        if minimum > wanted {
            let conflict = Conflict::MinimumAboveCohort { wanted, clients: wait_for, minimum };
            return Err(self.conflict(("cohort", "minimum"), ("cohort", "wait-for"), conflict));
        }
        Ok(rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_the_fraction_and_never_zero() {
        let tenth = CohortRule { sampling: SamplingRule::Fixed, fraction: 0.1, over_selection: 1.0 };
        assert_eq!(tenth.selected(100), 10);
        assert_eq!(tenth.selected(3), 1);
        assert_eq!(CohortRule { over_selection: 1.25, ..tenth }.selected(100), 13);
        assert_eq!(CohortRule { fraction: 1.0, over_selection: 2.0, ..tenth }.selected(7), 7);
        assert_eq!(CohortRule { sampling: SamplingRule::Poisson, ..tenth }.selected(100), 100);
    }
}
