//! Privacy events: what was released, over which sampling, under which notion of neighbours, how often.
//!
//! One convention of noise holds throughout: a noise multiplier is the standard deviation of the noise over the
//! *clip*, the most that one unit (a client or an example) can contribute. What two neighbours differ by follows
//! from [`Neighbouring`]: once the clip when a unit is added, removed or zeroed out, twice when it is replaced.
//! Libraries disagree here; a noise multiplier given over the replace-one sensitivity (twice the clip) is to be doubled.
//!
//! Invariant: an [`Event`] in hand is one that some accountant can bound.

mod error;
mod mechanism;
mod sampling;

use serde::{Deserialize, Serialize};

pub use error::EventError;
pub use mechanism::{Mechanism, NOISE_RANGE, Shares};
pub use sampling::{Neighbouring, Sampling};

/// The most compositions that one event may stand for.
pub const MAX_COUNT: u64 = 100_000_000;
/// A mechanism, run `count` times on independent samples. Construction checks it; so does deserialisation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Event {
    mechanism: Mechanism,
    sampling: Sampling,
    neighbouring: Neighbouring,
    count: u64,
}

impl Event {
    /// Checks an event.
    ///
    /// # Errors
    /// Numbers out of range, or a combination that no accountant here can bound: see [`EventError`].
    pub fn new(
        mechanism: Mechanism,
        sampling: Sampling,
        neighbouring: Neighbouring,
        count: u64,
    ) -> Result<Event, EventError> {
        mechanism::check(&mechanism)?;
        sampling::check(&sampling)?;
        if !(1..=MAX_COUNT).contains(&count) {
            return Err(EventError::Count(count));
        }
        check_combination(&mechanism, &sampling, neighbouring)?;
        Ok(Event { mechanism, sampling, neighbouring, count })
    }

    /// A Gaussian mechanism on Poisson samples of rate `q` under add-or-remove-one neighbours: DP-SGD and DP-FedAvg.
    ///
    /// # Errors
    /// As [`Event::new`].
    pub fn sampled_gaussian(noise_multiplier: f64, q: f64, count: u64) -> Result<Event, EventError> {
        let sampling = Sampling::Poisson { q };
        Event::new(Mechanism::Gaussian { noise_multiplier }, sampling, Neighbouring::AddOrRemoveOne, count)
    }

    /// The same event, another number of times.
    ///
    /// # Errors
    /// [`EventError::Count`].
    pub fn repeated(self, count: u64) -> Result<Event, EventError> {
        Event::new(self.mechanism, self.sampling, self.neighbouring, count)
    }

    /// The mechanism.
    pub fn mechanism(&self) -> &Mechanism {
        &self.mechanism
    }

    /// Who takes part.
    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// The neighbouring relation.
    pub fn neighbouring(&self) -> Neighbouring {
        self.neighbouring
    }

    /// How many times.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether `other` differs at most in its count.
    pub fn same_release(&self, other: &Event) -> bool {
        Event { count: 1, ..*self } == Event { count: 1, ..*other }
    }
}

/// The unchecked form that travels.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Raw {
    mechanism: Mechanism,
    sampling: Sampling,
    neighbouring: Neighbouring,
    count: u64,
}

impl TryFrom<Raw> for Event {
    type Error = EventError;
    fn try_from(raw: Raw) -> Result<Event, EventError> {
        Event::new(raw.mechanism, raw.sampling, raw.neighbouring, raw.count)
    }
}

impl From<Event> for Raw {
    fn from(event: Event) -> Raw {
        let Event { mechanism, sampling, neighbouring, count } = event;
        Raw { mechanism, sampling, neighbouring, count }
    }
}

fn check_combination(
    mechanism: &Mechanism,
    sampling: &Sampling,
    neighbouring: Neighbouring,
) -> Result<(), EventError> {
    let replace = neighbouring == Neighbouring::ReplaceOne;
    if matches!(sampling, Sampling::FixedSize { .. }) && !replace {
        return Err(EventError::FixedSizeNeedsReplaceOne);
    }
    let bounded = match (mechanism, sampling) {
        (Mechanism::Gaussian { .. }, Sampling::TruncatedPoisson { .. }) => !replace,
        (Mechanism::Gaussian { .. }, _) => true,
        (Mechanism::Tree { .. }, Sampling::All {}) => !replace,
        (Mechanism::Laplace { .. }, Sampling::All {}) => true,
        (Mechanism::Tree { .. }, _) => false,
        (_, Sampling::All {} | Sampling::Poisson { .. }) => !replace,
        _ => false,
    };
    if bounded {
        return Ok(());
    }
    Err(EventError::NoBound { mechanism: mechanism.name(), sampling: sampling.name(), neighbouring })
}
