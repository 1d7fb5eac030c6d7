//! Who holds which training rows.
//!
//! A federation that is simulated has one table, and deals its rows to clients by a rule. Every rule gives each row
//! to exactly one client, gives every client at least [`min_rows`](PartitionConfig::min_rows) rows or says that it
//! cannot, and depends on nothing but the rows and the stream. Its draws use `libm`, so that a coordinator and
//! clients on different kinds of machines deal the same rows.

mod column;
mod config;
mod dirichlet;
mod draws;
mod iid;
mod quantity;
mod shards;

pub use config::{PartitionConfig, PartitionConfigError, Rule};

use super::shard::Shard;
use crate::nn::Examples;
use crate::random::Stream;
use config::CheckedRule;

/// A checked rule that deals rows to clients.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    rule: CheckedRule,
    min_rows: u32,
}

/// Why rows cannot be dealt by a rule.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PartitionError {
    /// Some clients would have no row.
    #[error("{clients} clients cannot share {rows} training rows: take at most {rows} clients, or more data")]
    MoreClientsThanRows {
        /// The clients.
        clients: u32,
        /// The rows to be dealt.
        rows: usize,
    },
    /// Some shards would have no row.
    #[error("{clients} clients with {shards} shards each are {all} shards, more than the {rows} training rows: \
             take fewer clients or fewer shards", all = u64::from(*clients) * u64::from(*shards))]
    MoreShardsThanRows {
        /// The clients.
        clients: u32,
        /// Shards a client.
        shards: u32,
        /// The rows to be dealt.
        rows: usize,
    },
    /// A rule about classes, and a regression.
    #[error(
        "`by = \"dirichlet\"` deals rows by class, and `{dataset}` has values to predict, not classes: \
             use `iid`, `shards`, `quantity` or `column`"
    )]
    NeedsClasses {
        /// The data set.
        dataset: String,
    },
    /// The table does not say whose row each row is.
    #[error(
        "`by = \"column\"` needs a column that names the client, and `{dataset}` has none: \
             name it with `client-column` under [data], or use another rule"
    )]
    NoClientColumn {
        /// The data set.
        dataset: String,
    },
    /// The plan and the table disagree on the number of clients.
    #[error("`clients = {asked}`, but column `{column}` names {found}: leave `clients` out, or correct it")]
    OtherNumberOfClients {
        /// What the plan says.
        asked: u32,
        /// How many the column names.
        found: u32,
        /// The column.
        column: String,
    },
    /// A client has fewer rows than the plan asks for.
    #[error("client {client} ({name}) has {rows} training row(s), and `min-rows` is {min_rows}: {advice}")]
    TooFewRows {
        /// The client, from 1.
        client: u32,
        /// Its name.
        name: String,
        /// Its rows.
        rows: usize,
        /// How many the plan asks for.
        min_rows: u32,
        /// What to do.
        advice: &'static str,
    },
}

impl PartitionError {
    /// The key of the plan's `[partition]` section that is to be changed.
    pub fn key(&self) -> &'static str {
        match self {
            PartitionError::MoreClientsThanRows { .. } | PartitionError::OtherNumberOfClients { .. } => {
                "clients"
            }
            PartitionError::MoreShardsThanRows { .. } => "shards",
            PartitionError::NeedsClasses { .. } | PartitionError::NoClientColumn { .. } => "by",
            PartitionError::TooFewRows { .. } => "min-rows",
        }
    }
}

impl Partition {
    /// Checks a `[partition]` section.
    pub fn new(config: &PartitionConfig) -> Result<Partition, PartitionConfigError> {
        Ok(Partition { rule: CheckedRule::new(config)?, min_rows: config.min_rows })
    }

    /// How many clients there will be; `None` if only the table's column knows.
    pub fn clients(&self) -> Option<u32> {
        match self.rule {
            CheckedRule::Iid { clients }
            | CheckedRule::Shards { clients, .. }
            | CheckedRule::Dirichlet { clients, .. }
            | CheckedRule::Quantity { clients, .. } => Some(clients),
            CheckedRule::Column { clients } => clients,
        }
    }

    /// Deals the training rows: the first shard is client 1's. Each row goes to exactly one client.
    pub fn assign(&self, train: &Shard, mut stream: Stream) -> Result<Vec<Shard>, PartitionError> {
        if let Some(clients) = self.clients()
            && clients as usize > train.len()
        {
            return Err(PartitionError::MoreClientsThanRows { clients, rows: train.len() });
        }
        let parts = match self.rule {
            CheckedRule::Iid { clients } => iid::deal(train.rows(), clients, &mut stream),
            CheckedRule::Shards { clients, shards } => shards::deal(train, clients, shards, &mut stream)?,
            CheckedRule::Dirichlet { clients, alpha } => dirichlet::deal(train, clients, alpha, &mut stream)?,
            CheckedRule::Quantity { clients, sigma } => {
                quantity::deal(train.rows(), clients, sigma, self.min_rows, &mut stream)
            }
            CheckedRule::Column { clients } => column::deal(train, clients)?,
        };
        self.refuse_small(train, &parts)?;
        Ok(parts
            .into_iter()
            .map(|mut rows| {
                rows.sort_unstable();
                train.with_rows(rows)
            })
            .collect())
    }

    /// The clients' names in their order: those in the table's column, or `client 1`, `client 2`, ...
    pub fn client_names(&self, train: &Shard) -> Vec<String> {
        match (&self.rule, train.dataset().groups(), self.clients()) {
            (CheckedRule::Column { .. }, Some(groups), _) => groups.names.clone(),
            (_, _, clients) => (1..=clients.unwrap_or(0)).map(|number| format!("client {number}")).collect(),
        }
    }

    /// Whether clients are those of the table.
    pub(super) fn is_by_column(&self) -> bool {
        matches!(self.rule, CheckedRule::Column { .. })
    }

    fn refuse_small(&self, train: &Shard, parts: &[Vec<u32>]) -> Result<(), PartitionError> {
        let Some(at) = parts.iter().position(|rows| rows.len() < self.min_rows as usize) else {
            return Ok(());
        };
        let advice = match self.rule {
            CheckedRule::Column { .. } => "leave its rows out of the table, or lower `min-rows`",
            _ => "take fewer clients, or lower `min-rows`",
        };
        Err(PartitionError::TooFewRows {
            client: at as u32 + 1,
            name: self.client_names(train).swap_remove(at),
            rows: parts[at].len(),
            min_rows: self.min_rows,
            advice,
        })
    }
}

/// Cuts `rows` into `parts` runs whose lengths differ by one at most, the longer ones first.
fn cut(rows: &[u32], parts: usize) -> impl Iterator<Item = &[u32]> {
    let (each, longer) = (rows.len() / parts, rows.len() % parts);
    let mut rest = rows;
    (0..parts).map(move |part| {
        let (run, behind) = rest.split_at(each + usize::from(part < longer));
        rest = behind;
        run
    })
}

#[cfg(test)]
mod tests;
