//! Which clients take part in a round.

use crate::plan::CohortRule;
use crate::random::{Purpose, Seed};
use rand::seq::index;
use std::collections::BTreeSet;

/// Draws the cohort of a round. It depends on the seed, the round and the set of enrolled clients alone.
pub(super) fn draw(rule: CohortRule, enrolled: &BTreeSet<u32>, seed: Seed, round: u32) -> BTreeSet<u32> {
    let clients: Vec<u32> = enrolled.iter().copied().collect();
    let selected = rule.selected(enrolled.len() as u32) as usize;
    let mut stream = seed.stream_for(Purpose::Cohort, round, 0);
    index::sample(&mut stream, clients.len(), selected).iter().map(|at| clients[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_is_drawn_about_equally_often() {
        let enrolled: BTreeSet<u32> = (1..=20).collect();
        let rule = CohortRule { fraction: 0.25, over_selection: 1.0 };
        let mut drawn = [0_u32; 21];
        for round in 1..=4000 {
            for client in draw(rule, &enrolled, Seed(7), round) {
                drawn[client as usize] += 1;
            }
        }
        // Binomial(4000, 1/4): mean 1000, standard deviation 27; the seed is fixed, so this either holds or not.
        assert!(drawn[1..].iter().all(|count| (890..=1110).contains(count)), "{drawn:?}");
    }

    #[test]
    fn the_draw_is_the_same_for_the_same_round_only() {
        let enrolled: BTreeSet<u32> = (1..=100).collect();
        let rule = CohortRule { fraction: 0.1, over_selection: 1.0 };
        assert_eq!(draw(rule, &enrolled, Seed(1), 1), draw(rule, &enrolled, Seed(1), 1));
        assert_ne!(draw(rule, &enrolled, Seed(1), 1), draw(rule, &enrolled, Seed(1), 2));
    }
}
