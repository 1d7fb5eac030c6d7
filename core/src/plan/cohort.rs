//! How many clients take part in a round, and how they are drawn.

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
