//! `Shard`: somebody's rows of a data set.

use std::sync::Arc;

use super::dataset::{Dataset, Features, Targets};
use super::standardize::View;
use crate::nn::{Examples, Target};

/// A choice of rows of a [`Dataset`], in ascending order, and how their features are seen. Copies no feature.
#[derive(Debug, Clone)]
pub struct Shard {
    dataset: Arc<Dataset>,
    rows: Arc<[u32]>,
    view: Arc<View>,
}

impl Shard {
    /// All rows. Bytes are seen as shares of the largest possible one (0 to 1), other features as stored.
    pub fn all(dataset: Arc<Dataset>) -> Shard {
        let rows = (0..row_number(dataset.rows())).collect();
        let view = Arc::new(View::plain(dataset.features()));
        Shard { dataset, rows, view }
    }

    /// The rows of this shard at `places` (from 0, each below [`rows`](Self::rows)`.len()`; `None` otherwise), in the
    /// order of the data set.
    pub fn select(&self, places: impl IntoIterator<Item = u32>) -> Option<Shard> {
        let mut rows = places
            .into_iter()
            .map(|place| self.rows.get(place as usize).copied())
            .collect::<Option<Vec<_>>>()?;
        rows.sort_unstable();
        Some(self.with_rows(rows))
    }

    /// The data set of which these are rows.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// The numbers of the rows in the data set, from 0, ascending.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// How many rows there are of each class; empty for a regression.
    pub fn class_counts(&self) -> Vec<u64> {
        let Targets::Classes { labels, names } = self.dataset.targets() else { return Vec::new() };
        let mut counts = vec![0; names.len()];
        for &row in &*self.rows {
            counts[labels[row as usize] as usize] += 1;
        }
        counts
    }

    /// Other rows of the same data set, ascending, seen the same way. They must exist.
    pub(super) fn with_rows(&self, rows: Vec<u32>) -> Shard {
        debug_assert!(rows.is_sorted());
        Shard { dataset: Arc::clone(&self.dataset), rows: rows.into(), view: Arc::clone(&self.view) }
    }

    /// The same rows, seen another way.
    pub(super) fn with_view(&self, view: Arc<View>) -> Shard {
        Shard { dataset: Arc::clone(&self.dataset), rows: Arc::clone(&self.rows), view }
    }
}

impl Examples for Shard {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn width(&self) -> usize {
        self.dataset.width()
    }

    fn copy_features(&self, row: usize, out: &mut [f32]) {
        let row = self.rows[row];
        let range = self.dataset.range(row);
        match self.dataset.features() {
            Features::Bytes { values, .. } => self.view.of_bytes(row, &values[range], out),
            Features::Floats(values) => self.view.of_floats(row, &values[range], out),
        }
    }

    fn target(&self, row: usize) -> Target {
        let row = self.rows[row] as usize;
        match self.dataset.targets() {
            Targets::Classes { labels, .. } => Target::Class(labels[row]),
            Targets::Values(values) => Target::Value(values[row]),
        }
    }

    fn weight(&self, row: usize) -> f32 {
        self.dataset.weights().map_or(1.0, |weights| weights[self.rows[row] as usize])
    }
}

/// A count of rows as a row number.
pub(super) fn row_number(rows: usize) -> u32 {
    u32::try_from(rows).expect("a data set has at most u32::MAX rows")
}
