//! The coordinator's half: one state for each stage, which collects messages and is closed into the next.
//!
//! ```text
//! Advertising --roster--> Sharing --deliveries--> Collecting --survivor set--> Confirming
//!             --confirmations--> Unmasking --> the sum
//! ```
//!
//! A message is checked whole before it is counted. A stage that ends with too few fails the round, and what was
//! collected is dropped: nothing is released.

mod advertising;
mod collecting;
mod confirming;
mod sharing;
mod stage;
mod unmasking;

pub use advertising::Advertising;
pub use collecting::Collecting;
pub use confirming::Confirming;
pub use sharing::Sharing;
pub use stage::{Missing, Stage};
pub use unmasking::Unmasking;

use super::CoordinatorError;
use super::advert::check_round;
use super::setup::{Session, Setup};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who gave a wrong share of whose secret: the holders, by owner. Either the holder altered it, or the owner dealt it so
/// when it shared; the coordinator cannot tell which. Everybody who gave a wrong share of a secret that was found is here.
pub type Altered = BTreeMap<u32, BTreeSet<u32>>;

/// A round that releases nothing.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[error("{reason}")]
pub struct Failed {
    /// Why.
    pub reason: CoordinatorError,
    /// Who was missed until then.
    pub missing: Missing,
    /// Who gave wrong shares, as far as it is known.
    pub altered: Altered,
}

/// A finished sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmasked<W> {
    /// The sum of the survivors' inputs in the ring: exact.
    pub sum: Vec<W>,
    /// Whose inputs it has.
    pub survivors: BTreeSet<u32>,
    /// Who was missed.
    pub missing: Missing,
    /// Who gave wrong shares, which were left out.
    pub altered: Altered,
}

/// What stays the same through the stages once the roster is there.
#[derive(Debug, Clone)]
struct Round {
    setup: Arc<Setup>,
    session: Arc<Session>,
    missing: Missing,
}

impl Round {
    fn check(&self, client: u32, round: u32) -> Result<(), CoordinatorError> {
        check_round(self.session.round(), round)
            .map_err(|source| CoordinatorError::Context { client, source })
    }

    fn failed(self, reason: CoordinatorError) -> Failed {
        Failed { reason, missing: self.missing, altered: Altered::new() }
    }
}

fn at_least(minimum: u32, found: usize) -> Result<(), CoordinatorError> {
    if found < minimum as usize { Err(CoordinatorError::TooFewClients { minimum, found }) } else { Ok(()) }
}
