//! Which clients take part in a round.

use super::Past;
use super::past::Asked;
use crate::plan::{CohortRule, SamplingRule};
use crate::privacy::matrix::Participation;
use rand::seq::{SliceRandom, index};
use rand::{Rng, RngExt};
use std::collections::BTreeSet;

/// Draws the cohort of a round from a stream of its own. It depends on the stream and the set of enrolled clients
/// alone.
pub(super) fn draw(rule: CohortRule, enrolled: &BTreeSet<u32>, mut stream: impl Rng) -> BTreeSet<u32> {
    match rule.sampling {
        SamplingRule::Fixed | SamplingRule::All => {
            let clients: Vec<u32> = enrolled.iter().copied().collect();
            let selected = rule.selected(enrolled.len() as u32) as usize;
            index::sample(&mut stream, clients.len(), selected).iter().map(|at| clients[at]).collect()
        }
        SamplingRule::Poisson => {
            enrolled.iter().copied().filter(|_| stream.random_bool(rule.fraction)).collect()
        }
    }
}

/// Draws the cohort of a round from those who have rested: whoever was asked in one of the last rounds is left alone,
/// answered or not, and whoever was asked as often as may be is not asked again. Those come first that were asked least,
/// in an order drawn by lot.
pub(super) fn draw_rested(
    rule: CohortRule,
    enrolled: &BTreeSet<u32>,
    participation: Participation,
    past: &Past,
    mut stream: impl Rng,
) -> BTreeSet<u32> {
    let round = past.rounds() + 1;
    let is_rested = |Asked { times, last }: Asked| {
        times < participation.times() && (last == 0 || (round - last) as usize >= participation.separation())
    };
    let all = enrolled.iter().map(|client| (past.asked(*client), *client));
    let mut rested: Vec<(usize, u32)> =
        all.filter(|(asked, _)| is_rested(*asked)).map(|(asked, client)| (asked.times, client)).collect();
    rested.shuffle(&mut stream);
    rested.sort_by_key(|(times, _)| *times);
    rested.truncate(rule.selected(enrolled.len() as u32) as usize);
    rested.into_iter().map(|(_, client)| client).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Seed};

    fn stream(seed: u64, round: u32) -> impl Rng {
        Seed(seed).stream_for(Purpose::Cohort, round, 0)
    }

    #[test]
    fn coins_are_independent_and_the_size_varies() {
        let enrolled: BTreeSet<u32> = (1..=20).collect();
        let rule = CohortRule { sampling: SamplingRule::Poisson, fraction: 0.25, over_selection: 1.0 };
        let (mut drawn, mut square, mut both) = (0.0_f64, 0.0_f64, 0);
        for round in 1..=4000 {
            let cohort = draw(rule, &enrolled, stream(7, round));
            drawn += cohort.len() as f64;
            square += (cohort.len() as f64 - 5.0).powi(2);
            both += u32::from(cohort.contains(&1) && cohort.contains(&2));
        }
        // Binomial(20, 1/4): mean 5, variance 3.75; two clients together in one of sixteen. The seed is fixed.
        assert!((drawn / 4000.0 - 5.0).abs() < 0.1, "{drawn}");
        assert!((square / 4000.0 - 3.75).abs() < 0.3, "{square}");
        assert!((200..=300).contains(&both), "{both}");
        let everybody = CohortRule { fraction: 1.0, ..rule };
        assert_eq!(draw(everybody, &enrolled, stream(7, 1)), enrolled);
    }

    #[test]
    fn every_client_is_drawn_about_equally_often() {
        let enrolled: BTreeSet<u32> = (1..=20).collect();
        let rule = CohortRule { sampling: SamplingRule::Fixed, fraction: 0.25, over_selection: 1.0 };
        let mut drawn = [0_u32; 21];
        for round in 1..=4000 {
            for client in draw(rule, &enrolled, stream(7, round)) {
                drawn[client as usize] += 1;
            }
        }
        // Binomial(4000, 1/4): mean 1000, standard deviation 27; the seed is fixed, so this either holds or not.
        assert!(drawn[1..].iter().all(|count| (890..=1110).contains(count)), "{drawn:?}");
    }

    #[test]
    fn nobody_is_asked_too_often_or_too_soon() {
        let enrolled: BTreeSet<u32> = (1..=23).collect();
        for (separation, times, fraction) in
            [(1, 40, 0.5), (5, 8, 0.2), (4, 2, 0.25), (40, 1, 0.1), (7, 6, 0.9)]
        {
            let participation = Participation::new(40, separation, times).unwrap();
            let rule = CohortRule { sampling: SamplingRule::Fixed, fraction, over_selection: 1.0 };
            let (mut cohorts, mut past): (Vec<BTreeSet<u32>>, _) = (Vec::new(), Past::default());
            for round in 1..=40 {
                let cohort = draw_rested(rule, &enrolled, participation, &past, stream(3, round));
                past.ask(&cohort);
                assert!(cohort.len() <= rule.selected(23) as usize);
                cohorts.push(cohort);
            }
            for client in enrolled.iter() {
                let rounds: Vec<usize> = (0..40).filter(|&at| cohorts[at].contains(client)).collect();
                assert!(rounds.len() <= times, "{client} was asked {} times", rounds.len());
                assert!(
                    rounds.windows(2).all(|pair| pair[1] - pair[0] >= separation),
                    "{client}: {rounds:?}"
                );
            }
            // Where there are enough clients, every round has as many as it asks.
            if separation * rule.selected(23) as usize <= 23 && times * 23 >= 40 * rule.selected(23) as usize
            {
                assert!(cohorts.iter().all(|cohort| cohort.len() == rule.selected(23) as usize));
            }
            assert_ne!(cohorts[0], cohorts[39]);
        }
    }

    /// What a draw depends on, told by the cohorts of all rounds before.
    #[test]
    fn what_is_remembered_is_enough_to_draw_as_if_every_cohort_were_known() {
        let enrolled: BTreeSet<u32> = (1..=23).collect();
        for (separation, times) in [(1, 40), (5, 8), (4, 2), (40, 1), (7, 6)] {
            let participation = Participation::new(40, separation, times).unwrap();
            let (mut cohorts, mut past): (Vec<BTreeSet<u32>>, _) = (Vec::new(), Past::default());
            for round in 1..=40 {
                let took_part = |client: u32| {
                    let rounds = (1..).zip(&cohorts).filter(move |(_, cohort)| cohort.contains(&client));
                    rounds.map(|(round, _)| round).collect::<Vec<u32>>()
                };
                for client in 1..=24 {
                    let (rounds, Asked { times, last }) = (took_part(client), past.asked(client));
                    assert_eq!((times, last), (rounds.len(), rounds.last().copied().unwrap_or(0)));
                }
                let rule = CohortRule { sampling: SamplingRule::Fixed, fraction: 0.3, over_selection: 1.0 };
                let cohort = draw_rested(rule, &enrolled, participation, &past, stream(3, round));
                let since = (round + 1).saturating_sub(separation as u32);
                let may_be_asked = |client: u32| {
                    let rounds = took_part(client);
                    rounds.len() < times && !rounds.iter().any(|asked| *asked >= since)
                };
                assert!(cohort.iter().all(|client| may_be_asked(*client)));
                let rested = (1..=23).filter(|client| may_be_asked(*client)).count();
                assert_eq!(cohort.len(), rested.min(rule.selected(23) as usize), "nobody rests for longer");
                past.ask(&cohort);
                cohorts.push(cohort);
            }
        }
    }

    #[test]
    fn the_draw_is_the_same_for_the_same_round_only() {
        let enrolled: BTreeSet<u32> = (1..=100).collect();
        let rule = CohortRule { sampling: SamplingRule::Fixed, fraction: 0.1, over_selection: 1.0 };
        assert_eq!(draw(rule, &enrolled, stream(1, 1)), draw(rule, &enrolled, stream(1, 1)));
        assert_ne!(draw(rule, &enrolled, stream(1, 1)), draw(rule, &enrolled, stream(1, 2)));
    }
}
