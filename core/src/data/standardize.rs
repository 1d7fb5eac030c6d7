//! How features are seen: as stored, scaled, or standardized.
//!
//! **No statistic here is ever computed over rows of several clients.** A mean over pooled private rows would be a
//! release of those rows that no clip bounds and no ledger counts. Means and deviations are either public knowledge
//! that stands in the plan, or those of one holder's own rows, which stay with that holder.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::dataset::{Column, Dataset, Features};
use super::shard::Shard;
use crate::instructions::{InstructionSet, Job};

/// A mean and a standard deviation that stand in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The mean, a finite number.
    pub mean: f64,
    /// The standard deviation, a finite number above 0.
    pub deviation: f64,
}

/// The references of a plan: where features lie and how far they spread, as is publicly known.
#[derive(Debug, Clone, PartialEq)]
pub enum References {
    /// The same for every pixel, whose values are seen as 0 to 1.
    EveryPixel(Reference),
    /// For each measured column its own, in its own unit.
    PerColumn(BTreeMap<String, Reference>),
}

/// What is done to measured features before a network sees them. One-hot columns stay 0 and 1 always.
#[derive(Debug, Clone, PartialEq)]
pub enum Standardization {
    /// Nothing: features as stored.
    None,
    /// Bytes are divided by the largest value that their source can hold (0 to 1); floats are left as stored.
    Scale,
    /// `(x - mean) / deviation` with the mean and the population deviation of the holder's own training rows. A
    /// feature that does not vary at the holder is 0 there.
    ///
    /// Whoever holds the rows, the statistics are the holder's: a client's for the rows of that client, in training,
    /// in the pooled baseline and, where test rows belong to a client (`by = "column"`), in the test. Test rows that
    /// belong to no client are a holder's too: they are standardized with their own means and deviations, for which
    /// no label and no client's row is needed. So a coordinator with a test file sees what a simulation sees, and
    /// all regimes of a comparison see the same numbers.
    Client,
    /// `(x - mean) / deviation` with the references of the plan.
    Plan(References),
}

/// A measured column without a reference.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`standardize = \"plan\"` needs the mean and the deviation of column `{column}`: \
         give them under [data.reference]"
)]
pub struct NoReference {
    /// The column.
    pub column: String,
}

impl Standardization {
    /// How somebody sees rows of which nobody else is part: a participant its own, a coordinator its test file.
    pub fn view_own(&self, rows: &Shard) -> Result<Shard, NoReference> {
        let view = match self {
            Standardization::Client => View::Standardized(Affine::of_rows(rows)),
            other => other.view(rows.dataset())?,
        };
        Ok(rows.with_view(Arc::new(view)))
    }

    /// How rows are seen where that depends on nobody's rows. `Client` has no such view, and gives the stored one.
    pub(super) fn view(&self, dataset: &Dataset) -> Result<View, NoReference> {
        match self {
            Standardization::None | Standardization::Client => Ok(View::Stored),
            Standardization::Scale => Ok(View::plain(dataset.features())),
            Standardization::Plan(references) => Ok(View::Standardized(references.affine(dataset)?)),
        }
    }
}

impl References {
    fn affine(&self, dataset: &Dataset) -> Result<Affine, NoReference> {
        let unit = match dataset.features() {
            Features::Bytes { largest, .. } => f64::from(*largest),
            Features::Floats(_) => 1.0,
        };
        let of = |column: &Column| match self {
            References::EveryPixel(reference) => {
                Ok((reference.mean * unit, 1.0 / (reference.deviation * unit)))
            }
            References::PerColumn(references) => match references.get(&column.name) {
                Some(reference) => Ok((reference.mean, 1.0 / reference.deviation)),
                None => Err(NoReference { column: column.name.clone() }),
            },
        };
        Affine::new(dataset.columns(), |at| of(&dataset.columns()[at]))
    }
}

/// What is subtracted from each feature, and what the rest is multiplied by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Affine {
    shift: Vec<f32>,
    factor: Vec<f32>,
}

impl Affine {
    /// Shift and factor of each measured column; the others pass unchanged.
    fn new<E>(columns: &[Column], of: impl Fn(usize) -> Result<(f64, f64), E>) -> Result<Affine, E> {
        let pairs = columns.iter().enumerate().map(|(at, column)| {
            let (shift, factor) = if column.measured { of(at)? } else { (0.0, 1.0) };
            let factor = factor as f32;
            // The mean of equal `f32` is exact in double precision, so that a constant's deviation is 0 and no less.
            Ok((shift as f32, if factor.is_finite() { factor } else { 0.0 }))
        });
        let (shift, factor) = pairs.collect::<Result<Vec<_>, E>>()?.into_iter().unzip();
        Ok(Affine { shift, factor })
    }

    /// By the statistics of these rows, in double precision. The rows must be one holder's: see the head of the file.
    pub(super) fn of_rows(rows: &Shard) -> Affine {
        let dataset = rows.dataset();
        let width = dataset.width();
        let count = rows.rows().len() as f64;
        let mut mean = vec![0.0f64; width];
        let mut stored = vec![0.0f32; width];
        for &row in rows.rows() {
            dataset.copy_stored(row, &mut stored);
            for (mean, &value) in mean.iter_mut().zip(&stored) {
                *mean += f64::from(value);
            }
        }
        mean.iter_mut().for_each(|sum| *sum /= count);
        let mut variance = vec![0.0f64; width];
        for &row in rows.rows() {
            dataset.copy_stored(row, &mut stored);
            for ((variance, mean), &value) in variance.iter_mut().zip(&mean).zip(&stored) {
                *variance += (f64::from(value) - mean).powi(2) / count;
            }
        }
        let of = |at: usize| Ok((mean[at], 1.0 / variance[at].sqrt()));
        match Affine::new::<std::convert::Infallible>(dataset.columns(), of) {
            Ok(affine) => affine,
        }
    }
}

/// How the features of a row are seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum View {
    /// As stored.
    Stored,
    /// Multiplied by one factor.
    Scaled(f32),
    /// Each feature by its own shift and factor, the same for all rows.
    Standardized(Affine),
    /// Each row by the statistics of its holder.
    ByHolder {
        /// For each row of the data set the place of its holder in `statistics`.
        holder: Vec<u32>,
        /// The holders' statistics.
        statistics: Arc<[Affine]>,
    },
}

impl View {
    /// What needs no statistic: bytes as shares of the largest possible one, floats as stored.
    pub(super) fn plain(features: &Features) -> View {
        match features {
            Features::Bytes { largest, .. } => View::Scaled(1.0 / f32::from(*largest)),
            Features::Floats(_) => View::Stored,
        }
    }

    pub(super) fn of_bytes(&self, row: u32, stored: &[u8], out: &mut [f32]) {
        self.show(row, stored.iter().map(|&value| f32::from(value)), out);
    }

    pub(super) fn of_floats(&self, row: u32, stored: &[f32], out: &mut [f32]) {
        self.show(row, stored.iter().copied(), out);
    }

    #[inline(always)]
    fn show(&self, row: u32, stored: impl Iterator<Item = f32>, out: &mut [f32]) {
        let set = InstructionSet::detect();
        let affine = match self {
            View::Stored => return set.run(Write { out, values: stored }),
            // By value: a factor behind a reference could change with every number that is written, for all the compiler knows.
            &View::Scaled(factor) => {
                return set.run(Write { out, values: stored.map(move |value| value * factor) });
            }
            View::Standardized(affine) => affine,
            View::ByHolder { holder, statistics } => &statistics[holder[row as usize] as usize],
        };
        let values = stored.zip(&affine.shift).zip(&affine.factor);
        set.run(Write { out, values: values.map(|((value, shift), factor)| (value - shift) * factor) });
    }
}

struct Write<'a, I> {
    out: &'a mut [f32],
    values: I,
}

impl<I: Iterator<Item = f32>> Job for Write<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        self.out.iter_mut().zip(self.values).for_each(|(out, value)| *out = value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::Targets;
    use crate::nn::Examples;

    /// A measured column, a one-hot column and a constant measured column.
    fn table(measured: [f32; 4]) -> Shard {
        let features = measured.iter().flat_map(|&value| [value, 1.0, 0.1]).collect();
        let columns = [("age", true), ("sex=f", false), ("year", true)]
            .map(|(name, measured)| Column { name: name.into(), measured });
        let data = Dataset::new("t", 3, Features::Floats(features), Targets::Values(vec![0.0; 4])).unwrap();
        Shard::all(Arc::new(data.with_columns(columns.into()).unwrap()))
    }

    fn row(shard: &Shard, row: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; shard.width()];
        shard.copy_features(row, &mut out);
        out
    }

    fn assert_close(seen: Vec<f32>, expected: [f32; 3]) {
        assert!(seen.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{seen:?}, not {expected:?}");
    }

    #[test]
    fn own_statistics_are_those_of_the_chosen_rows_alone() {
        let all = table([1.0, 3.0, 1e9, 5.0]);
        let mine = Standardization::Client.view_own(&all.select([0, 1, 3]).unwrap()).unwrap();
        let deviation = (8.0f32 / 3.0).sqrt();
        assert_close(row(&mine, 0), [-2.0 / deviation, 1.0, 0.0]);
        assert_close(row(&mine, 1), [0.0, 1.0, 0.0]);
        assert_close(row(&mine, 2), [2.0 / deviation, 1.0, 0.0]);
    }

    #[test]
    fn the_plan_gives_what_is_publicly_known() {
        let reference = |mean, deviation| Reference { mean, deviation };
        let mut known = BTreeMap::from([("age".to_owned(), reference(50.0, 10.0))]);
        let rows = table([40.0, 50.0, 60.0, 70.0]);
        let seen = |known: &BTreeMap<String, Reference>| {
            Standardization::Plan(References::PerColumn(known.clone())).view_own(&rows)
        };
        assert_eq!(seen(&known).unwrap_err(), NoReference { column: "year".into() });
        known.insert("year".into(), reference(0.0, 0.1));
        assert_close(row(&seen(&known).unwrap(), 3), [2.0, 1.0, 1.0]);
    }

    #[test]
    fn pixels_are_scaled_before_the_reference_counts() {
        let pixels = Features::Bytes { values: vec![0, 102, 255], largest: 255 };
        let data = Dataset::new("t", 3, pixels, Targets::Values(vec![0.0])).unwrap();
        let all = Shard::all(Arc::new(data));
        assert_close(row(&all, 0), [0.0, 0.4, 1.0]);
        let seen = |how: Standardization| row(&how.view_own(&all).unwrap(), 0);
        assert_close(seen(Standardization::None), [0.0, 102.0, 255.0]);
        assert_close(seen(Standardization::Scale), [0.0, 0.4, 1.0]);
        let half = References::EveryPixel(Reference { mean: 0.4, deviation: 0.5 });
        assert_close(seen(Standardization::Plan(half)), [-0.8, 0.0, 1.2]);
    }
}
