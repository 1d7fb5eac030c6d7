//! How many connections come from each address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the connections of each address.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    bound: usize,
    counts: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// A connection's place among those of its address, until it is dropped.
pub(super) struct Place {
    addresses: Addresses,
    address: IpAddr,
}

impl Addresses {
    pub(super) fn new(bound: usize) -> Addresses {
        Addresses { bound, counts: Arc::default() }
    }

    /// A place for one more connection, if the address has not too many.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let mut counts = self.counts();
        let count = counts.entry(address).or_default();
        if *count >= self.bound && !address.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Place { addresses: self.clone(), address })
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let addresses = Addresses::new(2);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let first = addresses.enter(one).unwrap();
        let _second = addresses.enter("::ffff:192.0.2.1".parse().unwrap()).unwrap();
        assert!(addresses.enter(one).is_none());
        let _other = addresses.enter(other).unwrap();
        drop(first);
        drop(addresses.enter(one).unwrap());
        let here = ["127.0.0.1"; 5].map(|text| addresses.enter(text.parse().unwrap()));
        assert!(here.iter().all(Option::is_some));
        drop(here);
        assert_eq!(addresses.counts().len(), 2);
    }
}
