//! What time it is.

use privet_core::round::Timestamp;
use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// A source of time: the system's in production, one moved by hand in tests.
pub trait Clock: Send + Sync + 'static {
    /// The time now. Never earlier than an answer before.
    fn now(&self) -> Timestamp;

    /// What the machine's clock says, which may be set at any time: by it signatures are judged, as those who sign read
    /// such a clock.
    fn wall(&self) -> Timestamp {
        self.now()
    }

    /// Waits until [`Clock::now`] is `at` or later.
    fn reach(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The system's clock, read once; from then on it runs evenly, so that setting the machine's clock moves no deadline.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Timestamp,
    started: Instant,
}

impl SystemClock {
    /// Reads the system's clock.
    pub fn new() -> SystemClock {
        SystemClock { origin: wall(), started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.origin.after(self.started.elapsed())
    }

    fn wall(&self) -> Timestamp {
        wall()
    }

    fn reach(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(self.now().until(at)))
    }
}

fn wall() -> Timestamp {
    Timestamp(0).after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_time_is_reached_at_that_time_and_not_before() {
        let clock = SystemClock::new();
        let at = clock.now().after(Duration::from_secs(60));
        tokio::time::advance(Duration::from_millis(300)).await;
        clock.reach(at).await;
        assert!(clock.now() >= at);
        assert!(clock.now() <= at.after(Duration::from_millis(2)));
    }
}
