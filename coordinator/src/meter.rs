//! Counts requests.

use privet_core::protocol::Problem;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What requests are counted by: an address of the service, with its variables by name, and the result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Counted {
    pub(crate) route: String,
    pub(crate) result: &'static str,
}

/// How many requests, and how long they took together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) number: u64,
    pub(crate) time: Duration,
}

/// Counts requests. It grows with the addresses and problems that there are, not with the requests.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<BTreeMap<Counted, Count>>);

impl Meter {
    /// Counts a request that was answered.
    pub(crate) fn count(&self, route: &str, problem: Option<Problem>, time: Duration) {
        let result = problem.map_or("ok", Problem::name);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(Counted { route: route.to_owned(), result }).or_default();
        count.number += 1;
        count.time += time;
    }

    /// What was counted.
    pub(crate) fn requests(&self) -> BTreeMap<Counted, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Counted {
    pub(crate) fn labels(&self) -> [(&str, &str); 2] {
        [("route", &self.route), ("result", self.result)]
    }
}
