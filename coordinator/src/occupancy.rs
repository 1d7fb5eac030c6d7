//! How many of something each client or address has at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts what each has. It grows with those that have something, not with those that had.
#[derive(Debug)]
pub(crate) struct Occupancy<K> {
    counts: Arc<Mutex<BTreeMap<K, usize>>>,
}

/// One of what somebody has, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Ord + Copy> {
    occupancy: Occupancy<K>,
    of: K,
}

impl<K: Ord + Copy> Occupancy<K> {
    /// A place for one more, if there are not as many as `bound`.
    pub(crate) fn enter(&self, of: K, bound: usize) -> Option<Place<K>> {
        let mut counts = self.counts();
        match counts.get(&of).copied().unwrap_or(0) {
            count if count >= bound => None,
            count => {
                counts.insert(of, count + 1);
                Some(Place { occupancy: self.clone(), of })
            }
        }
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<K, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Default for Occupancy<K> {
    fn default() -> Occupancy<K> {
        Occupancy { counts: Arc::default() }
    }
}

impl<K> Clone for Occupancy<K> {
    fn clone(&self) -> Occupancy<K> {
        Occupancy { counts: Arc::clone(&self.counts) }
    }
}

impl<K: Ord + Copy> Drop for Place<K> {
    fn drop(&mut self) {
        let mut counts = self.occupancy.counts();
        match counts.get_mut(&self.of) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.of)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_so_many_places_and_gets_them_back() {
        let occupancy = Occupancy::default();
        let first = occupancy.enter(1, 2).unwrap();
        let _second = occupancy.enter(1, 2).unwrap();
        assert!(occupancy.enter(1, 2).is_none());
        let other = occupancy.enter(2, 2).unwrap();
        drop(first);
        drop(occupancy.enter(1, 2).unwrap());
        assert!(occupancy.enter(3, 0).is_none());
        drop(other);
        assert_eq!(*occupancy.counts(), BTreeMap::from([(1, 1)]));
    }
}
