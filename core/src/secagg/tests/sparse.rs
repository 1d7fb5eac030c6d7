//! Rounds in which not everybody is everybody's neighbour: clients can be cut off, alone or many together.

use super::attacks::{advertise, send, share};
use super::*;
use std::ops::Range;

const CLIENTS: u32 = 100;
/// Everybody is a neighbour of so many before and after it in the ring.
const REACH: usize = 6;
/// So many of the twelve neighbours must be left.
const THRESHOLD: u32 = 6;

fn world() -> World {
    World::new(CLIENTS, Assumptions::new(0.05, 0.05, Adversary::Curious).unwrap(), 1)
}

/// The clients in the order in which they stand in the ring.
fn ring(sharing: &Sharing) -> Vec<u32> {
    let session = sharing.session();
    let expected = Parameters { clients: CLIENTS, degree: 2 * REACH as u32, threshold: THRESHOLD };
    assert_eq!(session.parameters, expected);
    let mut ring: Vec<u32> = (1..=CLIENTS).collect();
    ring.sort_by_cached_key(|client| derive::ring_order(&session.salt.roster, *client));
    let around = ring[20 - REACH..20].iter().chain(&ring[21..=20 + REACH]).copied().collect();
    assert_eq!(session.graph.neighbours(ring[20]), around);
    ring
}

fn clients_at(ring: &[u32], places: &[Range<usize>]) -> BTreeSet<u32> {
    places.iter().flat_map(|range| &ring[range.clone()]).copied().collect()
}

/// Two gaps that nobody reaches across leave two arcs, and so two sums; if somebody does, at one of them, there is one.
const TWO_ARCS: [Range<usize>; 2] = [10..10 + REACH, 50..50 + REACH];
const ONE_ARC: [Range<usize>; 2] = [10..10 + REACH, 50..50 + REACH - 1];

/// Everybody sent its input, and the coordinator says that some have not. Without the check the clients of each arc would
/// sign: every one of them has its neighbours' threshold.
#[test]
fn clients_refuse_a_survivor_set_that_leaves_two_sums() {
    let world = world();
    let shared = share(&world);
    let ring = ring(&shared.0);
    let (_, states) = send(&world, shared, &BTreeSet::new());
    let lie = |gaps: &[Range<usize>]| {
        let dropouts = clients_at(&ring, gaps);
        let survivors = world.cohort().difference(&dropouts).copied().collect();
        SurvivorSet { round: 7, survivors, dropouts: dropouts.into_iter().collect() }
    };
    let (two_arcs, one_arc) = (lie(&TWO_ARCS), lie(&ONE_ARC));
    let position = |client: u32| ring.iter().position(|other| *other == client).unwrap();
    for (state, client) in states.into_iter().zip(1..) {
        if two_arcs.dropouts.contains(&client) {
            continue;
        }
        let set = if position(client) % 2 == 0 { &two_arcs } else { &one_arc };
        let expected = (set == &two_arcs).then_some(ClientError::NotConnected);
        assert_eq!(state.confirm(set.clone()).err(), expected, "client {client}");
    }
}

#[test]
fn the_coordinator_releases_nothing_if_dropouts_leave_two_sums() {
    let world = world();
    for (gaps, expected) in [(TWO_ARCS, Some(CoordinatorError::NotConnected)), (ONE_ARC, None)] {
        let shared = share(&world);
        let lost = clients_at(&ring(&shared.0), &gaps);
        let (collecting, _) = send(&world, shared, &lost);
        match collecting.close() {
            Ok(confirming) => {
                assert_eq!(expected, None);
                assert!(confirming.survivor_set().dropouts.iter().eq(&lost));
            }
            Err(failed) => {
                assert_eq!(Some(failed.reason), expected);
                assert_eq!(failed.missing[&Stage::Input], lost);
            }
        }
    }
}

/// Seven of the twelve neighbours of the client at place 20 do not share: five could not give its secrets back, so that it
/// is left out before anybody adds a mask with it. If the one at 30 does not share either, the client at 24 loses its sixth
/// neighbour by that, the one at 25 its sixth by this, and so on up to 29.
#[test]
fn clients_with_too_few_neighbours_that_shared_are_left_out_and_the_sum_of_the_others_is_exact() {
    let world = world();
    let ring = ring(&advertise(&world).0.close().unwrap());
    let silent: [(&[Range<usize>], Range<usize>); 2] =
        [(&[16..20, 21..24], 16..24), (&[16..20, 21..24, 30..31], 16..31)];
    for (silent, left_out) in silent {
        let vanishes = clients_at(&ring, silent).into_iter().map(|client| (client, Stage::Share)).collect();
        let left_out = clients_at(&ring, &[left_out]);
        let unmasked = world.run::<u32>(3, &vanishes).0.unwrap();
        assert_eq!(unmasked.missing[&Stage::Share], left_out);
        assert_eq!(unmasked.missing[&Stage::Input], BTreeSet::new());
        assert_eq!(unmasked.survivors, world.cohort().difference(&left_out).copied().collect());
        assert_eq!(unmasked.sum, world.sum::<u32>(&unmasked.survivors, 3));
    }
}
