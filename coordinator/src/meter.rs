//! Counts requests.

use axum::http::Method;
use privet_core::protocol::Problem;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What requests are counted by: a method, an address of the service, with its variables by name, and the result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Counted {
    pub(crate) method: &'static str,
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
    pub(crate) fn count(&self, method: &Method, route: &str, problem: Option<Problem>, time: Duration) {
        let method = name(method);
        let result = problem.map_or("ok", Problem::name);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(Counted { method, route: route.to_owned(), result }).or_default();
        count.number += 1;
        count.time += time;
    }

    /// What was counted.
    pub(crate) fn requests(&self) -> BTreeMap<Counted, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Counted {
    pub(crate) fn labels(&self) -> [(&str, &str); 3] {
        [("method", self.method), ("route", &self.route), ("result", self.result)]
    }
}

/// Anybody may make up a method: those that no address has are counted as one.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        _ => "other",
    }
}
