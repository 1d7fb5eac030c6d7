//! A fixed test split: the same rows for every seed of a comparison.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::seq::SliceRandom;

use super::dataset::{Dataset, Targets};
use super::shard::{Shard, row_number};
use crate::nn::Examples;
use crate::random::{Purpose, Seed};

/// Not the federation's seed: runs with several seeds are compared on the same test rows.
const SPLIT_SEED: Seed = Seed(0);

/// Rows to train on, and rows to judge by.
#[derive(Debug, Clone)]
pub struct Split {
    /// The rows that clients hold.
    pub train: Shard,
    /// The rows that nobody trains on.
    pub test: Shard,
}

/// Why rows cannot be split.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SplitError {
    /// The share of test rows is not a share.
    #[error("{fraction} is no share of rows: it must lie between 0 and 1, both excluded; 0.2 is usual")]
    FractionOutOfRange {
        /// What was asked for.
        fraction: f64,
    },
    /// One side would be left without rows.
    #[error("data set `{name}` has {rows} row(s), too few for a training and a test part")]
    TooFewRows {
        /// The data set.
        name: String,
        /// Its rows.
        rows: usize,
    },
    /// The rows are all of one class, although the data set knows more.
    #[error(
        "all rows of data set `{name}` are of class `{class}`: there is nothing to tell apart; check the label column"
    )]
    OneClassOnly {
        /// The data set.
        name: String,
        /// The class.
        class: String,
    },
    /// The test file belongs to another data set than the training file.
    #[error(
        "the test rows of `{test}` have {test_width} features and {test_outputs} outputs, the training rows of `{train}` {train_width} and {train_outputs}"
    )]
    OtherShape {
        /// The training set.
        train: String,
        /// The test set.
        test: String,
        /// Features of a training row.
        train_width: usize,
        /// Features of a test row.
        test_width: usize,
        /// Outputs that the training rows ask for.
        train_outputs: usize,
        /// Outputs that the test rows ask for.
        test_outputs: usize,
    },
}

impl Split {
    /// Holds back the nearest number of rows to `fraction` (0 < `fraction` < 1), with the same share of each class.
    ///
    /// Where the table names the client of each row, the share is held for every client, and every client with two
    /// rows or more has at least one row on either side. The choice depends on the rows alone, never on a seed.
    pub fn hold_back(dataset: Arc<Dataset>, fraction: f64) -> Result<Split, SplitError> {
        if !(fraction > 0.0 && fraction < 1.0) {
            return Err(SplitError::FractionOutOfRange { fraction });
        }
        let all = Shard::all(dataset);
        refuse_one_class(&all)?;
        let (train, test) = divide(all.dataset(), fraction);
        if train.is_empty() || test.is_empty() {
            let name = all.dataset().name().to_owned();
            return Err(SplitError::TooFewRows { name, rows: all.len() });
        }
        Ok(Split { train: all.with_rows(train), test: all.with_rows(test) })
    }

    /// Takes training and test rows that came apart already.
    pub fn given(train: Arc<Dataset>, test: Arc<Dataset>) -> Result<Split, SplitError> {
        if (train.width(), train.outputs()) != (test.width(), test.outputs()) {
            return Err(SplitError::OtherShape {
                train: train.name().to_owned(),
                test: test.name().to_owned(),
                train_width: train.width(),
                test_width: test.width(),
                train_outputs: train.outputs(),
                test_outputs: test.outputs(),
            });
        }
        let train = Shard::all(train);
        refuse_one_class(&train)?;
        Ok(Split { train, test: Shard::all(test) })
    }
}

fn refuse_one_class(all: &Shard) -> Result<(), SplitError> {
    let counts = all.class_counts();
    let Some(classes) = all.dataset().classes() else { return Ok(()) };
    let mut present = classes.iter().zip(&counts).filter(|(_, count)| **count > 0);
    match (present.next(), present.next()) {
        (Some((class, _)), None) => {
            Err(SplitError::OneClassOnly { name: all.dataset().name().to_owned(), class: class.clone() })
        }
        _ => Ok(()),
    }
}

/// The training and the test rows, both ascending.
fn divide(dataset: &Dataset, fraction: f64) -> (Vec<u32>, Vec<u32>) {
    let mut stream = SPLIT_SEED.stream(Purpose::TestSplit);
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for strata in strata(dataset).values_mut() {
        let sizes: Vec<usize> = strata.values().map(Vec::len).collect();
        let rows: usize = sizes.iter().sum();
        let held_back = (rows as f64 * fraction).round() as usize;
        let held_back = if rows < 2 { 0 } else { held_back.clamp(1, rows - 1) };
        for (rows, held_back) in strata.values_mut().zip(apportion(held_back, &sizes)) {
            rows.shuffle(&mut stream);
            test.extend_from_slice(&rows[..held_back]);
            train.extend_from_slice(&rows[held_back..]);
        }
    }
    train.sort_unstable();
    test.sort_unstable();
    (train, test)
}

/// The rows of each class of each client.
fn strata(dataset: &Dataset) -> BTreeMap<u32, BTreeMap<u32, Vec<u32>>> {
    let mut strata: BTreeMap<u32, BTreeMap<u32, Vec<u32>>> = BTreeMap::new();
    for row in 0..row_number(dataset.rows()) {
        let client = dataset.groups().map_or(0, |groups| groups.of_row[row as usize]);
        let class = match dataset.targets() {
            Targets::Classes { labels, .. } => labels[row as usize],
            Targets::Values(_) => 0,
        };
        strata.entry(client).or_default().entry(class).or_default().push(row);
    }
    strata
}

/// Divides `total` in proportion to `sizes`, exactly: the largest remainders are rounded up, the first of equals first.
fn apportion(total: usize, sizes: &[usize]) -> Vec<usize> {
    let all = sizes.iter().sum::<usize>().max(1) as u128;
    let quota = |size: usize| (total as u128 * size as u128 / all, total as u128 * size as u128 % all);
    let mut parts: Vec<usize> = sizes.iter().map(|&size| quota(size).0 as usize).collect();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by_key(|&at| std::cmp::Reverse(quota(sizes[at]).1));
    let rest = total - parts.iter().sum::<usize>();
    for &at in &by_remainder[..rest] {
        parts[at] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::built_in::digits;
    use crate::data::dataset::{Features, Groups};

    fn table(labels: Vec<u32>, clients: Option<Vec<u32>>) -> Arc<Dataset> {
        let features = Features::Floats(vec![0.0; labels.len()]);
        let names = vec!["a".into(), "b".into(), "c".into()];
        let data = Dataset::new("t", 1, features, Targets::Classes { labels, names }).unwrap();
        Arc::new(match clients {
            None => data,
            Some(of_row) => {
                let names = (0..=of_row.iter().copied().max().unwrap()).map(|n| n.to_string()).collect();
                data.with_groups(Groups { column: "client".into(), names, of_row }).unwrap()
            }
        })
    }

    #[test]
    fn the_digits_are_split_in_the_share_of_each_class() {
        let split = Split::hold_back(Arc::new(digits()), 0.2).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (4_496, 1_124));
        assert_eq!(split.test.class_counts(), [111, 114, 111, 114, 114, 112, 112, 113, 111, 112]);
        let again = Split::hold_back(Arc::new(digits()), 0.2).unwrap();
        assert_eq!(split.test.rows(), again.test.rows());
        assert_eq!(
            split.test.rows()[..5],
            [2, 12, 21, 25, 47],
            "a new choice of test rows makes old results incomparable"
        );
    }

    #[test]
    fn nothing_to_tell_apart_and_too_few_rows_are_refused() {
        let one = Split::hold_back(table(vec![1, 1, 1], None), 0.5).unwrap_err();
        assert_eq!(one, SplitError::OneClassOnly { name: "t".into(), class: "b".into() });
        let lone = Split::hold_back(table(vec![0, 1], Some(vec![0, 1])), 0.5).unwrap_err();
        assert_eq!(lone, SplitError::TooFewRows { name: "t".into(), rows: 2 });
        for fraction in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(Split::hold_back(table(vec![0, 1], None), fraction).is_err(), "{fraction}");
        }
    }

    #[test]
    fn a_test_set_of_another_shape_is_refused() {
        let other =
            Dataset::new("u", 2, Features::Floats(vec![0.0; 4]), Targets::Values(vec![1.0, 2.0])).unwrap();
        assert!(matches!(
            Split::given(table(vec![0, 1], None), Arc::new(other)),
            Err(SplitError::OtherShape { test_width: 2, test_outputs: 1, .. })
        ));
    }

    proptest! {
        #[test]
        fn every_row_is_on_one_side_and_every_client_on_both(
            rows in prop::collection::vec((0u32..3, 0u32..4), 8..200),
            fraction in 0.05f64..0.95,
        ) {
            let (mut labels, mut clients): (Vec<u32>, Vec<u32>) = rows.into_iter().unzip();
            labels.extend([0, 1]);
            clients.extend([0, 0]);
            let dataset = table(labels.clone(), Some(clients.clone()));
            let split = Split::hold_back(Arc::clone(&dataset), fraction).unwrap();

            let mut all = [split.train.rows(), split.test.rows()].concat();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..dataset.rows() as u32));
            for client in 0..4 {
                let of = |rows: &[u32]| rows.iter().filter(|&&row| clients[row as usize] == client).count();
                let (train, test) = (of(split.train.rows()), of(split.test.rows()));
                let exact = (train + test) as f64 * fraction;
                if train + test >= 2 {
                    prop_assert!(train >= 1 && test >= 1);
                    prop_assert!((test as f64 - exact).abs() <= 1.0);
                }
                for class in 0..3 {
                    let of = |rows: &[u32]| rows.iter().filter(|&&row| {
                        clients[row as usize] == client && labels[row as usize] == class
                    }).count();
                    let (train, test) = (of(split.train.rows()), of(split.test.rows()));
                    prop_assert!((test as f64 - (train + test) as f64 * fraction).abs() < 2.0);
                }
            }
        }
    }
}
