//! Which clients take part in a round.

use crate::random::{Purpose, Seed};
use rand::seq::index;
use std::collections::BTreeSet;

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

    /// Draws the cohort of a round. It depends on the seed, the round and the set of enrolled clients alone.
    pub(super) fn draw(self, enrolled: &BTreeSet<u32>, seed: Seed, round: u32) -> BTreeSet<u32> {
        let clients: Vec<u32> = enrolled.iter().copied().collect();
        let selected = self.selected(enrolled.len() as u32) as usize;
        let mut stream = seed.stream_for(Purpose::Cohort, round, 0);
        index::sample(&mut stream, clients.len(), selected).iter().map(|at| clients[at]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENTH: CohortRule = CohortRule { fraction: 0.1, over_selection: 1.0 };

    #[test]
    fn the_size_is_the_fraction_and_never_zero() {
        assert_eq!(TENTH.selected(100), 10);
        assert_eq!(TENTH.selected(3), 1);
        assert_eq!(CohortRule { over_selection: 1.25, ..TENTH }.selected(100), 13);
        assert_eq!(CohortRule { fraction: 1.0, over_selection: 2.0 }.selected(7), 7);
    }

    #[test]
    fn every_client_is_drawn_about_equally_often() {
        let enrolled: BTreeSet<u32> = (1..=20).collect();
        let rule = CohortRule { fraction: 0.25, over_selection: 1.0 };
        let mut drawn = [0_u32; 21];
        for round in 1..=4000 {
            for client in rule.draw(&enrolled, Seed(7), round) {
                drawn[client as usize] += 1;
            }
        }
        // Binomial(4000, 1/4): mean 1000, standard deviation 27; the seed is fixed, so this either holds or not.
        assert!(drawn[1..].iter().all(|count| (890..=1110).contains(count)), "{drawn:?}");
    }

    #[test]
    fn the_draw_is_the_same_for_the_same_round_only() {
        let enrolled: BTreeSet<u32> = (1..=100).collect();
        let draw = |round| TENTH.draw(&enrolled, Seed(1), round);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
