//! Folds for cross-validation: every training row is held back once (Stone 1974; stratified as in Kohavi 1995).

use super::dataset::Targets;
use super::shard::Shard;
use super::split::Split;
use crate::nn::Examples;
use crate::random::{Purpose, Seed};
use rand::seq::SliceRandom;
use std::collections::BTreeMap;

/// Not the federation's seed: candidates with several seeds are compared on the same folds.
const FOLDS_SEED: Seed = Seed(0);

/// Why rows cannot be divided into folds.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum FoldsError {
    /// One fold leaves nothing to train on.
    #[error("cross-validation needs 2 folds or more, not {folds}; 5 are usual")]
    TooFewFolds {
        /// How many were asked for.
        folds: u32,
    },
    /// Some fold would be empty.
    #[error("{rows} training rows do not fill {folds} folds; ask for fewer folds")]
    TooFewRows {
        /// How many rows there are.
        rows: usize,
        /// How many folds were asked for.
        folds: u32,
    },
}

impl Split {
    /// The training rows of this split in `folds` ways to train on most of them and judge by the rest: the `test` of
    /// the k-th is the k-th fold. The test rows of this split are in none of them.
    ///
    /// Each fold has the same number of rows of each class (and of each client, where the table names it), give or
    /// take one. The choice depends on the rows alone, never on a seed.
    pub fn folds(&self, folds: u32) -> Result<Vec<Split>, FoldsError> {
        let rows = self.train.len();
        if folds < 2 {
            return Err(FoldsError::TooFewFolds { folds });
        }
        if rows < folds as usize {
            return Err(FoldsError::TooFewRows { rows, folds });
        }
        let fold_of = deal(&self.train, folds);
        let chosen = |keep: &dyn Fn(u32) -> bool| {
            let rows = self.train.rows().iter();
            let rows = rows.filter(|row| keep(fold_of[row])).copied();
            self.train.with_rows(rows.collect())
        };
        let splits =
            (0..folds).map(|fold| Split { train: chosen(&|of| of != fold), test: chosen(&|of| of == fold) });
        Ok(splits.collect())
    }
}

/// The fold of each row, by its number in the data set. The rows of each stratum are dealt one by one, beginning where
/// the stratum before ended, so that all folds are of one size, give or take one.
fn deal(train: &Shard, folds: u32) -> BTreeMap<u32, u32> {
    let dataset = train.dataset();
    let mut strata: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for &row in train.rows() {
        let client = dataset.groups().map_or(0, |groups| groups.of_row[row as usize]);
        let class = match dataset.targets() {
            Targets::Classes { labels, .. } => labels[row as usize],
            Targets::Values(_) => 0,
        };
        strata.entry((client, class)).or_default().push(row);
    }
    let mut stream = FOLDS_SEED.stream(Purpose::Folds);
    let dealt = strata.into_values().flat_map(|mut rows| {
        rows.shuffle(&mut stream);
        rows
    });
    dealt.zip((0..folds).cycle()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::built_in::digits;
    use std::sync::Arc;

    fn split() -> Split {
        Split::hold_back(Arc::new(digits()), 0.2).unwrap()
    }

    #[test]
    fn every_training_row_is_held_back_once_and_no_test_row_ever() {
        let split = split();
        let folds = split.folds(5).unwrap();
        let mut held_back: Vec<u32> = folds.iter().flat_map(|fold| fold.test.rows().to_vec()).collect();
        held_back.sort_unstable();
        assert_eq!(held_back, split.train.rows());
        for fold in &folds {
            let mut all = [fold.train.rows(), fold.test.rows()].concat();
            all.sort_unstable();
            assert_eq!(all, split.train.rows(), "a fold trains on all that it does not hold back");
        }
    }

    #[test]
    fn folds_are_of_one_size_and_have_the_share_of_each_class() {
        let split = split();
        let all = split.train.class_counts();
        for fold in split.folds(5).unwrap() {
            let size = split.train.len() / 5;
            assert!((size..=size + 1).contains(&fold.test.len()));
            for (count, all) in fold.test.class_counts().iter().zip(&all) {
                assert!((all / 5..=all / 5 + 1).contains(count), "{count} of {all}");
            }
        }
    }

    #[test]
    fn the_folds_are_always_the_same() {
        let rows = |folds: Vec<Split>| folds[0].test.rows().to_vec();
        assert_eq!(rows(split().folds(5).unwrap()), rows(split().folds(5).unwrap()));
    }

    #[test]
    fn too_few_folds_or_rows_are_refused() {
        let split = split();
        assert_eq!(split.folds(1).unwrap_err(), FoldsError::TooFewFolds { folds: 1 });
        let few = Split { train: split.train.select(0..3).unwrap(), test: split.test.clone() };
        assert_eq!(few.folds(4).unwrap_err(), FoldsError::TooFewRows { rows: 3, folds: 4 });
    }
}
