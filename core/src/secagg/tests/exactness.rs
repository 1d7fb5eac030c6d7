//! The sum is exact, or there is none.

use super::*;
use rand::RngExt;
use rand::seq::SliceRandom;

const WORDS: usize = 5;
const STAGES: [Stage; 5] = [Stage::Advertise, Stage::Share, Stage::Input, Stage::Confirm, Stage::Answer];

/// Runs a pattern and holds the result against what must come of it.
fn check<W: Word>(world: &World, vanishes: &BTreeMap<u32, Stage>) -> bool {
    let left_after = |stage: Stage| -> BTreeSet<u32> {
        let stays = |client: &u32| vanishes.get(client).is_none_or(|last| *last > stage);
        world.cohort().into_iter().filter(stays).collect()
    };
    let [advertised, _, survivors, _, answered] = STAGES.map(left_after);
    let threshold = world.setup.assumptions.parameters(advertised.len() as u32).map(|found| found.threshold);
    let must_succeed =
        survivors.len() >= 3 && threshold.is_ok_and(|threshold| answered.len() > threshold as usize);

    let (result, _) = world.run::<W>(WORDS, vanishes);
    assert_eq!(result.is_ok(), must_succeed, "{vanishes:?}: {:?}", result.err());
    if let Err(Failed { reason, .. }) = &result {
        use CoordinatorError::{BelowThreshold, TooFewClients};
        assert!(matches!(reason, BelowThreshold { .. } | TooFewClients { .. }), "{vanishes:?}: {reason}");
    }
    if let Ok(unmasked) = &result {
        assert_eq!(unmasked.survivors, survivors, "{vanishes:?}");
        assert_eq!(unmasked.sum, world.sum::<W>(&survivors, WORDS), "{vanishes:?}");
        for stage in STAGES {
            let missed: BTreeSet<u32> =
                vanishes.iter().filter(|(_, last)| **last == stage).map(|(client, _)| *client).collect();
            assert_eq!(unmasked.missing[&stage], missed);
        }
    }
    result.is_ok()
}

/// The pattern of some digits, one for each client: the stage at which it vanishes, or 5 for one that stays.
fn pattern(digits: &[usize]) -> BTreeMap<u32, Stage> {
    (1..).zip(digits).filter_map(|(client, digit)| Some((client, *STAGES.get(*digit)?))).collect()
}

/// All sequences of so many digits in base 6.
fn sequences(clients: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..6_usize.pow(clients as u32))
        .map(move |number| (0..clients).map(|at| number / 6_usize.pow(at as u32) % 6).collect())
}

fn check_all<W: Word>(ring: Ring, clients: usize, patterns: &[Vec<usize>]) {
    for adversary in [Adversary::Curious, Adversary::Lying] {
        let world = World::in_ring(clients as u32, assumptions(adversary), ring, 1);
        let succeeded = patterns.par_iter().filter(|digits| check::<W>(&world, &pattern(digits))).count();
        assert!(succeeded > 0 && succeeded < patterns.len());
    }
}

#[test]
fn every_pattern_of_three_and_four_clients_is_exact_or_fails_below_the_threshold() {
    for clients in [3, 4] {
        check_all::<u32>(Ring::BITS_32, clients, &sequences(clients).collect::<Vec<_>>());
    }
}

/// Of clients that are all neighbours of one another, nothing but the order of their numbers tells one from another: it
/// decides which of two adds their mask and which subtracts it. Patterns that differ by a permutation of the clients
/// are therefore one; each is run in ascending order, and in an order drawn at random.
#[test]
fn every_pattern_of_five_and_six_clients_up_to_their_order_is_exact_or_fails_below_the_threshold() {
    let mut lot = rng(5, 0, 0);
    for (clients, classes) in [(5, 252), (6, 462)] {
        let ascending: Vec<Vec<usize>> = sequences(clients).filter(|digits| digits.is_sorted()).collect();
        assert_eq!(ascending.len(), classes);
        let mut shuffled = ascending.clone();
        shuffled.iter_mut().for_each(|digits| digits.shuffle(&mut lot));
        check_all::<u32>(Ring::BITS_32, clients, &[ascending, shuffled].concat());
    }
}

/// The words of the inputs fill 64 bits, so that every sum has bits above the 32 of a narrow word, and wraps.
#[test]
fn patterns_in_the_wide_ring_are_exact_or_fail_below_the_threshold() {
    check_all::<u64>(Ring::BITS_64, 3, &sequences(3).collect::<Vec<_>>());
    let ascending: Vec<Vec<usize>> = sequences(5).filter(|digits| digits.is_sorted()).collect();
    check_all::<u64>(Ring::BITS_64, 5, &ascending);
    let world = World::in_ring(5, assumptions(Adversary::Lying), Ring::BITS_64, 1);
    assert!(world.sum::<u64>(&world.cohort(), WORDS).iter().all(|word| *word > u32::MAX.into()));
}

/// Each client vanishes with a chance, at one of the stages at random.
fn random_pattern(world: &World, chance: f64, stages: &[Stage], seed: u64) -> BTreeMap<u32, Stage> {
    let mut rng = rng(seed, 0, 0);
    let mut stage = |_: &u32| rng.random_bool(chance).then(|| stages[rng.random_range(0..stages.len())]);
    world.cohort().into_iter().filter_map(|client| Some((client, stage(&client)?))).collect()
}

fn check_random<W: Word>(world: &World, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let vanishes = random_pattern(world, 0.1, &STAGES, seed);
        let (result, _) = world.run::<W>(WORDS, &vanishes);
        let unmasked = result.unwrap_or_else(|failed| panic!("{failed}: {vanishes:?}"));
        let has_input = |client: &u32| vanishes.get(client).is_none_or(|last| *last > Stage::Input);
        assert_eq!(unmasked.survivors, world.cohort().into_iter().filter(has_input).collect());
        assert_eq!(unmasked.sum, world.sum::<W>(&unmasked.survivors, WORDS));
    }
}

#[test]
fn random_patterns_of_a_hundred_clients_are_exact() {
    check_random::<u32>(&World::new(100, assumptions(Adversary::Curious), 2), 0..3);
    check_random::<u32>(&World::new(100, assumptions(Adversary::Lying), 3), 4..5);
    let wide = World::in_ring(100, assumptions(Adversary::Curious), Ring::BITS_64, 8);
    check_random::<u64>(&wide, 0..1);
}

/// Where fewer answer than the threshold, no secret has holders enough, whatever the graph. Whoever vanishes does so at any
/// stage, and the round is over before anybody is asked for a share; or at the last, and shares have come by then.
#[test]
fn a_hundred_clients_of_which_too_many_vanish_fail_below_the_threshold_and_release_nothing() {
    let world = World::new(100, assumptions(Adversary::Curious), 7);
    for stages in [&STAGES[..], &[Stage::Answer]] {
        let vanishes = random_pattern(&world, 0.95, stages, 9);
        let left_after = |stage: Stage| {
            world
                .cohort()
                .iter()
                .filter(|client| vanishes.get(client).is_none_or(|last| *last > stage))
                .count()
        };
        let advertised = left_after(Stage::Advertise) as u32;
        let expected = world.setup.assumptions.parameters(advertised).unwrap().threshold as usize;
        let answered = left_after(Stage::Answer);
        assert!((1..expected).contains(&answered), "{answered} answer, {expected} are needed");

        let (result, transcript) = world.run::<u32>(WORDS, &vanishes);
        let reason = result.expect_err("too few are left").reason;
        let CoordinatorError::BelowThreshold { threshold, found, .. } = reason else { panic!("{reason}") };
        assert!(threshold == expected && found < threshold, "{reason}");
        let answers = transcript.iter().filter(|message| message[4] == 9).count();
        assert_eq!(answers, if stages == [Stage::Answer] { answered } else { 0 });
    }
}

#[test]
fn random_patterns_of_a_thousand_clients_are_exact() {
    check_random::<u32>(&World::new(1_000, assumptions(Adversary::Curious), 4), 0..1);
}

#[test]
fn a_random_pattern_of_a_thousand_clients_is_exact_where_the_coordinator_may_lie() {
    // Assuming less, a client has 52 neighbours and not 96.
    let assumptions = Assumptions::new(0.05, 0.05, Adversary::Lying).unwrap();
    check_random::<u32>(&World::new(1_000, assumptions, 6), 0..1);
}

#[test]
fn long_vectors_of_both_words_are_exact() {
    fn check_long<W: Word>(ring: Ring) {
        let world = World::in_ring(4, assumptions(Adversary::Curious), ring, 5);
        let words = 50_001; // several chunks, and no whole number of blocks
        let vanishes = BTreeMap::from([(2, Stage::Input)]);
        let unmasked = world.run::<W>(words, &vanishes).0.unwrap();
        assert_eq!(unmasked.sum, world.sum::<W>(&BTreeSet::from([1, 3, 4]), words));
    }
    check_long::<u32>(Ring::BITS_32);
    check_long::<u64>(Ring::BITS_64);
}
