//! The stages of a round.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The stages at which a client can be missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It sent no keys.
    Advertise,
    /// It sent no shares.
    Share,
    /// It sent no masked input.
    Input,
    /// It did not sign who survived.
    Confirm,
    /// It did not answer.
    Answer,
}

/// Who was missed at which stage; each client once, at the first.
pub type Missing = BTreeMap<Stage, BTreeSet<u32>>;

impl Stage {
    /// All stages, in their order.
    pub const ALL: [Stage; 5] = [Stage::Advertise, Stage::Share, Stage::Input, Stage::Confirm, Stage::Answer];

    /// Its name, as in addresses and records.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Advertise => "advertise",
            Stage::Share => "share",
            Stage::Input => "input",
            Stage::Confirm => "confirm",
            Stage::Answer => "answer",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
