//! `Holdings`: a table dealt to clients, for a simulation or a comparison.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;

use super::dataset::Groups;
use super::partition::{Partition, PartitionError};
use super::shard::Shard;
use super::split::Split;
use super::standardize::{Affine, NoReference, Standardization, View};
use crate::nn::Examples;
use crate::random::Stream;

/// Who holds what: the clients' rows, all training rows together, and the test rows. One row is seen the same way
/// in whichever of these shards it is.
#[derive(Debug, Clone)]
pub struct Holdings {
    /// The rows of each client; the first is client 1.
    pub clients: Vec<Shard>,
    /// The clients' names: those in the table, or `client 1`, `client 2`, ...
    pub names: Vec<String>,
    /// The training rows of all clients in one place: what the centralized baseline learns from.
    pub pooled: Shard,
    /// The rows that nobody trains on.
    pub test: Shard,
}

/// Why a table cannot be dealt.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum HoldingsError {
    /// The rule cannot deal these rows.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The plan lacks a mean and a deviation.
    #[error(transparent)]
    NoReference(#[from] NoReference),
}

/// How many rows of each class each client has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelDistribution {
    /// The names of the classes; none for a regression.
    pub classes: Vec<String>,
    /// The clients' names.
    pub clients: Vec<String>,
    /// Training rows of each client.
    pub rows: Vec<u64>,
    /// `clients x classes` counts of training rows.
    pub counts: Vec<Vec<u64>>,
}

impl Holdings {
    /// Deals the training rows by the rule, and decides how every row is seen.
    pub fn new(
        split: &Split,
        partition: &Partition,
        standardization: &Standardization,
        stream: Stream,
    ) -> Result<Holdings, HoldingsError> {
        let clients = partition.assign(&split.train, stream)?;
        let names = partition.client_names(&split.train);
        let (train, test) = match standardization {
            Standardization::Client => views_of_holders(split, &clients, partition.is_by_column()),
            other => (other.view(split.train.dataset())?, other.view(split.test.dataset())?),
        };
        let train = Arc::new(train);
        Ok(Holdings {
            clients: clients.iter().map(|client| client.with_view(Arc::clone(&train))).collect(),
            names,
            pooled: split.train.with_view(train),
            test: split.test.with_view(Arc::new(test)),
        })
    }

    /// How many rows of each class each client has.
    pub fn label_distribution(&self) -> LabelDistribution {
        LabelDistribution {
            classes: self.pooled.dataset().classes().unwrap_or_default().to_vec(),
            clients: self.names.clone(),
            rows: self.clients.iter().map(|client| client.len() as u64).collect(),
            counts: self.clients.iter().map(Shard::class_counts).collect(),
        }
    }
}

/// The views of training and test rows by [`Standardization::Client`]: each row by the statistics of its holder.
/// Test rows that are no client's are those of one more holder, who comes last.
fn views_of_holders(split: &Split, clients: &[Shard], by_column: bool) -> (View, View) {
    let holders: Vec<&Shard> = clients.iter().chain([&split.test]).collect();
    let statistics: Arc<[Affine]> = holders.into_par_iter().map(Affine::of_rows).collect::<Vec<_>>().into();
    let last = clients.len() as u32;

    let mut train = vec![last; split.train.dataset().rows()];
    for (client, shard) in (0..).zip(clients) {
        for &row in shard.rows() {
            train[row as usize] = client;
        }
    }
    let test = match (by_column, split.train.dataset().groups(), split.test.dataset().groups()) {
        (true, Some(clients), Some(groups)) => holders_by_name(clients, groups, last),
        _ => vec![last; split.test.dataset().rows()],
    };
    (
        View::ByHolder { holder: train, statistics: Arc::clone(&statistics) },
        View::ByHolder { holder: test, statistics },
    )
}

/// For each row of the test table the client of that name, or else the last holder.
fn holders_by_name(clients: &Groups, test: &Groups, last: u32) -> Vec<u32> {
    let numbers: BTreeMap<&str, u32> = clients.names.iter().map(String::as_str).zip(0..).collect();
    let of_group: Vec<u32> =
        test.names.iter().map(|name| numbers.get(name.as_str()).copied().unwrap_or(last)).collect();
    test.of_row.iter().map(|&group| of_group[group as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::built_in::digits;
    use crate::data::dataset::{Dataset, Features, Targets};
    use crate::data::partition::PartitionConfig;
    use crate::random::{Purpose, Seed};

    fn federation(split: &Split, partition: &str, how: &Standardization) -> Holdings {
        let config: PartitionConfig = toml::from_str(partition).unwrap();
        let partition = Partition::new(&config).unwrap();
        Holdings::new(split, &partition, how, Seed(1).stream(Purpose::Partition)).unwrap()
    }

    /// Two sites whose instruments differ: ten rows around 100 and ten around 5.
    fn two_sites() -> Arc<Dataset> {
        let features =
            (0..20u8).map(|row| f32::from(row % 10) + if row < 10 { 100.0 } else { 5.0 }).collect();
        let labels = (0..20).map(|row| row % 2).collect();
        let names = vec!["no".into(), "yes".into()];
        let groups = Groups {
            column: "site".into(),
            names: vec!["a".into(), "b".into()],
            of_row: (0..20).map(|row| u32::from(row >= 10)).collect(),
        };
        let data = Dataset::new("t", 1, Features::Floats(features), Targets::Classes { labels, names });
        Arc::new(data.unwrap().with_groups(groups).unwrap())
    }

    fn column(shard: &Shard) -> Vec<f32> {
        let read = |row| {
            let mut out = [f32::NAN];
            shard.copy_features(row, &mut out);
            out[0]
        };
        (0..shard.len()).map(read).collect()
    }

    #[test]
    fn features_are_never_copied_for_a_client() {
        let split = Split::hold_back(Arc::new(digits()), 0.2).unwrap();
        let federation = federation(&split, "clients = 100", &Standardization::Scale);
        for shard in federation.clients.iter().chain([&federation.pooled, &federation.test]) {
            assert!(Arc::ptr_eq(shard.dataset(), split.train.dataset()));
        }
    }

    #[test]
    fn each_client_standardizes_by_its_own_rows_and_its_test_rows_alike() {
        let split = Split::hold_back(two_sites(), 0.2).unwrap();
        let federation = federation(&split, "by = 'column'", &Standardization::Client);
        for client in &federation.clients {
            let seen = column(client);
            assert!(seen.iter().sum::<f32>().abs() < 1e-5);
            assert!((seen.iter().map(|x| x * x).sum::<f32>() / seen.len() as f32 - 1.0).abs() < 1e-5);
        }
        assert!(column(&federation.test).iter().all(|x| x.abs() < 3.0), "seen through their own site");
        let mut pooled = column(&federation.pooled);
        let mut parts: Vec<f32> = federation.clients.iter().flat_map(column).collect();
        pooled.sort_by(f32::total_cmp);
        parts.sort_by(f32::total_cmp);
        assert_eq!(pooled, parts, "the baseline sees what the clients see");
    }

    #[test]
    fn test_rows_of_nobody_are_standardized_by_themselves() {
        let split = Split::hold_back(two_sites(), 0.2).unwrap();
        let federation = federation(&split, "clients = 2", &Standardization::Client);
        let alone = Standardization::Client.view_own(&split.test).unwrap();
        assert_eq!(column(&federation.test), column(&alone));
        assert!(column(&alone).iter().sum::<f32>().abs() < 1e-5);
    }

    #[test]
    fn the_distribution_of_labels_counts_every_training_row() {
        let split = Split::hold_back(two_sites(), 0.2).unwrap();
        let labels = federation(&split, "by = 'column'", &Standardization::None).label_distribution();
        assert_eq!(
            (labels.clients, labels.classes),
            (vec!["a".into(), "b".into()], vec!["no".into(), "yes".into()])
        );
        assert_eq!((labels.rows, labels.counts), (vec![8, 8], vec![vec![4, 4], vec![4, 4]]));
    }
}
