//! The `[partition]` section of a plan.

use serde::{Deserialize, Serialize};

/// The most clients that a federation can have.
pub(super) const MOST_CLIENTS: u32 = 1_000_000;

const CLIENTS: u32 = 10;
const SHARDS: u32 = 2;
const ALPHA: f64 = 0.5;
const SIGMA: f64 = 1.0;

/// How rows are dealt to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// In random order, in equal parts.
    #[default]
    Iid,
    /// Sorted by label, cut into equal shards, a few of which each client draws (McMahan et al. 2017, section 3).
    Shards,
    /// In equal parts, each client with a class mix of its own (Hsu et al. 2019, section 3).
    Dirichlet,
    /// In random order, in parts of log-normal sizes.
    Quantity,
    /// To the client that the table's column names.
    Column,
}

impl Rule {
    /// Its name in the plan.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Iid => "iid",
            Rule::Shards => "shards",
            Rule::Dirichlet => "dirichlet",
            Rule::Quantity => "quantity",
            Rule::Column => "column",
        }
    }
}

/// The `[partition]` section of a plan as typed. Keys of another rule than the chosen one are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PartitionConfig {
    /// The rule. Default `iid`.
    pub by: Rule,
    /// How many clients there are, 1 to 1,000,000. Default 10; with `by = "column"` as many as the column names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<u32>,
    /// `shards`: how many each client draws, at least 1. Default 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<u32>,
    /// `dirichlet`: the concentration, above 0. Small: a client has few classes; large: all clients have the
    /// classes in the same shares. Default 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// `quantity`: the standard deviation of the logarithm of the sizes, 0 to 10. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,
    /// The fewest training rows that a client may have, at least 1. `quantity` gives as many to everybody; for the
    /// other rules fewer are an error. Default 1.
    pub min_rows: u32,
}

/// What is wrong with a `[partition]` section.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PartitionConfigError {
    /// No or too many clients.
    #[error("`clients` is {clients}: it must be 1 to {MOST_CLIENTS}")]
    ClientsOutOfRange {
        /// What was asked for.
        clients: u32,
    },
    /// No shards.
    #[error("`shards` is 0: every client needs at least one")]
    NoShards,
    /// The concentration is not a positive number.
    #[error("`alpha` is {alpha}: it must be a finite number above 0; 0.1 is a strong skew, 100 hardly any")]
    AlphaOutOfRange {
        /// What was asked for.
        alpha: f64,
    },
    /// The spread of the sizes is out of range.
    #[error("`sigma` is {sigma}: it must be 0 (equal sizes) to 10")]
    SigmaOutOfRange {
        /// What was asked for.
        sigma: f64,
    },
    /// Clients without rows cannot take part.
    #[error("`min-rows` is 0: a client without rows has nothing to train on; the least is 1")]
    NoMinRows,
    /// A key that belongs to another rule.
    #[error("`{key}` means nothing with `by = \"{by}\"`: it belongs to `by = \"{belongs_to}\"`", by = by.name(), belongs_to = belongs_to.name())]
    KeyOfAnotherRule {
        /// The key.
        key: &'static str,
        /// The rule that was chosen.
        by: Rule,
        /// The rule that the key belongs to.
        belongs_to: Rule,
    },
}

impl PartitionConfigError {
    /// The key at fault.
    pub fn key(&self) -> &'static str {
        match self {
            PartitionConfigError::ClientsOutOfRange { .. } => "clients",
            PartitionConfigError::NoShards => "shards",
            PartitionConfigError::AlphaOutOfRange { .. } => "alpha",
            PartitionConfigError::SigmaOutOfRange { .. } => "sigma",
            PartitionConfigError::NoMinRows => "min-rows",
            PartitionConfigError::KeyOfAnotherRule { key, .. } => key,
        }
    }
}

impl Default for PartitionConfig {
    fn default() -> PartitionConfig {
        PartitionConfig { by: Rule::Iid, clients: None, shards: None, alpha: None, sigma: None, min_rows: 1 }
    }
}

impl PartitionConfig {
    /// The same section with every default that matters for its rule written out.
    pub fn resolved(&self) -> PartitionConfig {
        PartitionConfig {
            by: self.by,
            clients: self.clients.or((self.by != Rule::Column).then_some(CLIENTS)),
            shards: self.shards.or((self.by == Rule::Shards).then_some(SHARDS)),
            alpha: self.alpha.or((self.by == Rule::Dirichlet).then_some(ALPHA)),
            sigma: self.sigma.or((self.by == Rule::Quantity).then_some(SIGMA)),
            min_rows: self.min_rows,
        }
    }
}

/// A rule with the values that it needs, in range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum CheckedRule {
    Iid { clients: u32 },
    Shards { clients: u32, shards: u32 },
    Dirichlet { clients: u32, alpha: f64 },
    Quantity { clients: u32, sigma: f64 },
    Column { clients: Option<u32> },
}

impl CheckedRule {
    pub(super) fn new(config: &PartitionConfig) -> Result<CheckedRule, PartitionConfigError> {
        refuse_keys_of_other_rules(config)?;
        if let Some(clients) = config.clients
            && !(1..=MOST_CLIENTS).contains(&clients)
        {
            return Err(PartitionConfigError::ClientsOutOfRange { clients });
        }
        if config.min_rows == 0 {
            return Err(PartitionConfigError::NoMinRows);
        }
        let clients = config.clients.unwrap_or(CLIENTS);
        match config.by {
            Rule::Iid => Ok(CheckedRule::Iid { clients }),
            Rule::Shards => match config.shards.unwrap_or(SHARDS) {
                0 => Err(PartitionConfigError::NoShards),
                shards => Ok(CheckedRule::Shards { clients, shards }),
            },
            Rule::Dirichlet => match config.alpha.unwrap_or(ALPHA) {
                alpha if alpha > 0.0 && alpha.is_finite() => Ok(CheckedRule::Dirichlet { clients, alpha }),
                alpha => Err(PartitionConfigError::AlphaOutOfRange { alpha }),
            },
            Rule::Quantity => match config.sigma.unwrap_or(SIGMA) {
                sigma if (0.0..=10.0).contains(&sigma) => Ok(CheckedRule::Quantity { clients, sigma }),
                sigma => Err(PartitionConfigError::SigmaOutOfRange { sigma }),
            },
            Rule::Column => Ok(CheckedRule::Column { clients: config.clients }),
        }
    }
}

fn refuse_keys_of_other_rules(config: &PartitionConfig) -> Result<(), PartitionConfigError> {
    let keys = [
        ("shards", config.shards.is_some(), Rule::Shards),
        ("alpha", config.alpha.is_some(), Rule::Dirichlet),
        ("sigma", config.sigma.is_some(), Rule::Quantity),
    ];
    match keys.into_iter().find(|&(_, given, belongs_to)| given && belongs_to != config.by) {
        None => Ok(()),
        Some((key, _, belongs_to)) => {
            Err(PartitionConfigError::KeyOfAnotherRule { key, by: config.by, belongs_to })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> PartitionConfig {
        toml::from_str(text).unwrap()
    }

    fn refused(text: &str) -> &'static str {
        CheckedRule::new(&read(text)).unwrap_err().key()
    }

    #[test]
    fn a_section_says_what_it_means() {
        let config = read("by = 'dirichlet'\nalpha = 0.1\nclients = 100");
        assert_eq!(CheckedRule::new(&config), Ok(CheckedRule::Dirichlet { clients: 100, alpha: 0.1 }));
        assert_eq!(CheckedRule::new(&read("")), Ok(CheckedRule::Iid { clients: 10 }));
        assert_eq!(CheckedRule::new(&read("by = 'column'")), Ok(CheckedRule::Column { clients: None }));
    }

    #[test]
    fn the_key_at_fault_is_named() {
        assert_eq!(refused("clients = 0"), "clients");
        assert_eq!(refused("clients = 1000001"), "clients");
        assert_eq!(refused("by = 'shards'\nshards = 0"), "shards");
        assert_eq!(refused("by = 'dirichlet'\nalpha = 0.0"), "alpha");
        assert_eq!(refused("by = 'dirichlet'\nalpha = nan"), "alpha");
        assert_eq!(refused("by = 'quantity'\nsigma = -1.0"), "sigma");
        assert_eq!(refused("min-rows = 0"), "min-rows");
        assert_eq!(refused("by = 'shards'\nalpha = 0.5"), "alpha");
        assert!(toml::from_str::<PartitionConfig>("aplha = 0.5").is_err());
    }

    #[test]
    fn defaults_are_written_out_where_they_matter() {
        let shown = |text: &str| toml::to_string(&read(text).resolved()).unwrap();
        assert_eq!(shown(""), "by = \"iid\"\nclients = 10\nmin-rows = 1\n");
        assert_eq!(shown("by = 'shards'"), "by = \"shards\"\nclients = 10\nshards = 2\nmin-rows = 1\n");
        assert_eq!(
            shown("by = 'dirichlet'"),
            "by = \"dirichlet\"\nclients = 10\nalpha = 0.5\nmin-rows = 1\n"
        );
        assert_eq!(shown("by = 'quantity'"), "by = \"quantity\"\nclients = 10\nsigma = 1.0\nmin-rows = 1\n");
        assert_eq!(shown("by = 'column'"), "by = \"column\"\nmin-rows = 1\n");
    }
}
