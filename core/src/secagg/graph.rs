//! Who shares with whom: a Harary graph over a random order of the clients.

use super::{Parameters, derive};
use std::collections::{BTreeMap, BTreeSet};

/// A `k`-regular graph: the clients stand in a ring, in an order that their adverts determine, and everybody is a
/// neighbour of the `k / 2` before and after (Bell et al. 2020, Algorithm 1). With `k = n - 1` it is complete.
///
/// Nobody can choose the order, but who sees the adverts of the others before the last one is fixed can try: a coordinator
/// with a colluder sees one order for each nonce of the colluder, at the price of hashing the roster. What holds with
/// probability `2^-40` for an order at random takes it about `2^40` of them.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    ring: Vec<u32>,
    position: BTreeMap<u32, usize>,
    degree: usize,
}

impl Graph {
    /// The graph of these clients that the digest of their adverts determines.
    pub(crate) fn new(
        clients: impl Iterator<Item = u32>,
        parameters: Parameters,
        digest: &[u8; 32],
    ) -> Graph {
        let mut ring: Vec<u32> = clients.collect();
        debug_assert_eq!(ring.len(), parameters.clients as usize);
        ring.sort_by_cached_key(|client| derive::ring_order(digest, *client));
        let position = ring.iter().enumerate().map(|(at, client)| (*client, at)).collect();
        Graph { ring, position, degree: parameters.degree as usize }
    }

    /// The neighbours of a client; none if it is not in the graph.
    pub(crate) fn neighbours(&self, client: u32) -> BTreeSet<u32> {
        let clients = self.ring.len();
        let Some(&at) = self.position.get(&client) else { return BTreeSet::new() };
        let reach = if self.is_complete() { clients / 2 } else { self.degree / 2 };
        let around = (1..=reach).flat_map(|step| [(at + step) % clients, (at + clients - step) % clients]);
        around.filter(|other| *other != at).map(|other| self.ring[other]).collect()
    }

    /// Whether the sum of these clients' inputs cannot be cut into sums of some of them: they are connected.
    /// They are not if `k / 2` others stand in a row at two places.
    pub(crate) fn connects(&self, survivors: &BTreeSet<u32>) -> bool {
        let Some(start) = self.ring.iter().position(|client| survivors.contains(client)) else {
            return false;
        };
        if self.is_complete() {
            return true;
        }
        let (mut gaps, mut missing) = (0, 0);
        for client in self.ring[start..].iter().chain(&self.ring[..=start]) {
            if survivors.contains(client) {
                gaps += usize::from(missing >= self.degree / 2);
                missing = 0;
            } else {
                missing += 1;
            }
        }
        gaps < 2
    }

    fn is_complete(&self) -> bool {
        self.degree + 1 >= self.ring.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(clients: u32, degree: u32, seed: u8) -> Graph {
        Graph::new(1..=clients, Parameters { clients, degree, threshold: 2 }, &[seed; 32])
    }

    #[test]
    fn everybody_has_as_many_neighbours_and_is_a_neighbour_of_its_neighbours() {
        for (clients, degree) in [(3, 2), (4, 3), (7, 6), (60, 59), (10, 4), (100, 22), (101, 32)] {
            let graph = graph(clients, degree, 1);
            for client in 1..=clients {
                let neighbours = graph.neighbours(client);
                assert_eq!(neighbours.len(), degree as usize, "{clients} {degree}");
                assert!(neighbours.iter().all(|other| graph.neighbours(*other).contains(&client)));
            }
        }
        assert!(graph(5, 4, 1).neighbours(9).is_empty());
    }

    #[test]
    fn the_adverts_alone_choose_the_neighbours() {
        assert_eq!(graph(100, 12, 1).neighbours(5), graph(100, 12, 1).neighbours(5));
        assert_ne!(graph(100, 12, 1).neighbours(5), graph(100, 12, 2).neighbours(5));
    }

    #[test]
    fn two_gaps_cut_the_ring() {
        let graph = graph(20, 4, 3);
        let without = |gaps: &[std::ops::Range<usize>]| {
            let lost: Vec<u32> = gaps.iter().flat_map(|gap| graph.ring[gap.clone()].to_vec()).collect();
            (1..=20).filter(|client| !lost.contains(client)).collect::<BTreeSet<u32>>()
        };
        assert!(graph.connects(&without(&[])));
        assert!(graph.connects(&without(&[3..6, 6..9])));
        assert!(graph.connects(&without(&[3..5, 8..9])));
        assert!(!graph.connects(&without(&[3..5, 8..10])));
        assert!(!graph.connects(&without(&[0..2, 8..10])));
        assert!(!graph.connects(&BTreeSet::new()));
    }
}
