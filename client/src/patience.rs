//! How long to wait before the next attempt.

use privet_core::random::Stream;
use rand::{RngExt, SeedableRng};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The longest that a coordinator can send a client away for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// How patient an agent is with a coordinator that does not answer, or sends it away for a time.
///
/// Before attempt `n + 1` it waits for a random time between nothing and `min(longest, first * 2^n)`: exponential
/// backoff with full jitter, so that clients that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The bound of the first wait. 250 milliseconds.
    pub first: Duration,
    /// The bound of every wait. 30 seconds.
    pub longest: Duration,
    /// How long to go on trying; for ever if it is `None`, which is the default.
    pub give_up_after: Option<Duration>,
}

impl Default for Patience {
    fn default() -> Patience {
        let (first, longest) = (Duration::from_millis(250), Duration::from_secs(30));
        Patience { first, longest, give_up_after: None }
    }
}

impl Patience {
    /// The bound of the wait after so many failed attempts.
    fn bound(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

/// Draws the waits. What it draws is no secret.
#[derive(Debug)]
pub(crate) struct Jitter(Mutex<Stream>);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Jitter {
        Jitter(Mutex::new(Stream::seed_from_u64(seed)))
    }

    /// How long to wait after so many failed attempts, the last of which was answered with this `Retry-After`.
    pub(crate) fn wait(&self, patience: &Patience, failures: u32, retry_after: Option<Duration>) -> Duration {
        let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        asked + self.below(patience.bound(failures))
    }

    /// How long to stay away when there is nothing to do: what was asked, and up to as much again.
    pub(crate) fn spread(&self, asked: Duration) -> Duration {
        let asked = asked.min(LONGEST_RETRY_AFTER);
        asked + self.below(asked)
    }

    fn below(&self, bound: Duration) -> Duration {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bound.mul_f64(stream.random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_below_a_bound_that_doubles_up_to_the_longest() {
        let patience = Patience::default();
        let jitter = Jitter::new(1);
        for (failures, bound) in [(1, 250), (2, 500), (3, 1_000), (7, 16_000), (8, 30_000), (4_000, 30_000)] {
            let bound = Duration::from_millis(bound);
            let waits: Vec<_> = (0..100).map(|_| jitter.wait(&patience, failures, None)).collect();
            let (least, most) = (*waits.iter().min().unwrap(), *waits.iter().max().unwrap());
            // 100 uniform draws miss the lowest or the highest tenth with probability 0.9^100 = 3e-5; the seed is fixed.
            assert!(least < bound / 10 && most > bound * 9 / 10 && most <= bound, "{least:?}..{most:?}");
        }
    }

    #[test]
    fn a_retry_after_is_honoured_within_reason() {
        let patience = Patience::default();
        let jitter = Jitter::new(1);
        let asked = Duration::from_secs(7);
        let wait = jitter.wait(&patience, 1, Some(asked));
        assert!((asked..=asked + patience.first).contains(&wait));
        assert!(jitter.wait(&patience, 1, Some(Duration::MAX)) <= LONGEST_RETRY_AFTER + patience.first);
    }
}
