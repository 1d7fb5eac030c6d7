//! How many clients take part in a round.

/// How the cohort of a round is drawn from the enrolled clients: so many of them, without replacement, each set
/// as likely as any other (the client fraction `C` of McMahan et al. 2017, Algorithm 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CohortRule {
    /// The client fraction `C`: in (0, 1]. A round wants `max(1, round(C * enrolled))` contributions.
    pub fraction: f64,
    /// How many clients are asked for each that is wanted: 1 or more. Above 1, a round closes as soon as it has
    /// what it wants, and its model depends on who was fast.
    pub over_selection: f64,
}

impl CohortRule {
    /// How many contributions a round wants when so many clients are enrolled.
    pub fn wanted(self, enrolled: u32) -> u32 {
        let wanted = (f64::from(enrolled) * self.fraction).round() as u32;
        wanted.clamp(1, enrolled.max(1))
    }

    /// How many clients a round asks when so many are enrolled.
    pub fn selected(self, enrolled: u32) -> u32 {
        let selected = (f64::from(self.wanted(enrolled)) * self.over_selection).ceil() as u32;
        selected.min(enrolled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_the_fraction_and_never_zero() {
        let tenth = CohortRule { fraction: 0.1, over_selection: 1.0 };
        assert_eq!(tenth.selected(100), 10);
        assert_eq!(tenth.selected(3), 1);
        assert_eq!(CohortRule { over_selection: 1.25, ..tenth }.selected(100), 13);
        assert_eq!(CohortRule { fraction: 1.0, over_selection: 2.0 }.selected(7), 7);
    }
}
