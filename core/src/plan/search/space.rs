//! All combinations of the values of some keys, and which of them are tried.

use super::{Candidate, Dimension, SearchError};
use crate::plan::Plan;
use crate::random::Stream;
use rand::seq::index;
use std::collections::BTreeSet;
use toml::Value;

/// Combinations beyond which a search is refused.
pub(super) const MOST_COMBINATIONS: usize = 100_000;

/// All combinations of the values of some keys.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchSpace {
    dimensions: Vec<Dimension>,
    /// How many there are; none where a key has a range.
    combinations: Option<usize>,
}

impl SearchSpace {
    /// The keys that the plan's `[tune]` section names, and further ones. Of a key that is named twice the last one
    /// counts.
    pub fn new(plan: &Plan, further: Vec<Dimension>) -> Result<SearchSpace, SearchError> {
        let of_plan = plan.tune().over.iter().flat_map(|(section, keys)| {
            keys.iter().map(|(key, values)| Dimension {
                section: section.clone(),
                key: key.clone(),
                values: values.clone(),
            })
        });
        let mut dimensions: Vec<Dimension> = Vec::new();
        for dimension in of_plan.chain(further) {
            dimension.check()?;
            match dimensions.iter_mut().find(|earlier| earlier.name() == dimension.name()) {
                Some(earlier) => *earlier = dimension,
                None => dimensions.push(dimension),
            }
        }
        if dimensions.is_empty() {
            return Err(SearchError::NoKeys);
        }
        let combinations = combinations(&dimensions)?;
        Ok(SearchSpace { dimensions, combinations })
    }

    /// The keys, as `section.key`.
    pub fn names(&self) -> Vec<String> {
        self.dimensions.iter().map(Dimension::name).collect()
    }

    /// Every combination; the last key varies fastest.
    ///
    /// # Errors
    /// A key has a range: there is no end of combinations.
    pub fn grid(&self) -> Result<Vec<Candidate>, SearchError> {
        let Some(combinations) = self.combinations else {
            let ranged = self.dimensions.iter().find(|dimension| dimension.len().is_none());
            return Err(SearchError::Endless(ranged.map(Dimension::name).unwrap_or_default()));
        };
        Ok((0..combinations).map(|number| self.combination(number)).collect())
    }

    /// So many combinations, drawn at random (Bergstra and Bengio 2012).
    ///
    /// Where every key has a list of values: without repetition, every combination equally likely, in the order of the
    /// grid, and all of them if there are fewer. Where a key has a range: each value drawn for itself, in the order drawn.
    ///
    /// # Errors
    /// More than anybody waits for.
    pub fn random(&self, count: usize, stream: &mut Stream) -> Result<Vec<Candidate>, SearchError> {
        if count > MOST_COMBINATIONS {
            return Err(SearchError::TooMany { most: MOST_COMBINATIONS });
        }
        let Some(all) = self.combinations else {
            return Ok((0..count).map(|_| self.draw(stream)).collect());
        };
        let numbers: BTreeSet<usize> = index::sample(stream, all, count.min(all)).into_iter().collect();
        Ok(numbers.into_iter().map(|number| self.combination(number)).collect())
    }

    /// How many combinations there are; none where a key has a range.
    pub fn combinations(&self) -> Option<usize> {
        self.combinations
    }

    fn draw(&self, stream: &mut Stream) -> Candidate {
        Candidate(self.dimensions.iter().map(|dimension| named(dimension, dimension.draw(stream))).collect())
    }

    fn combination(&self, mut number: usize) -> Candidate {
        let mut values: Vec<_> = self
            .dimensions
            .iter()
            .rev()
            .map(|dimension| {
                let (value, rest) = dimension.number(number);
                number = rest;
                named(dimension, value)
            })
            .collect();
        values.reverse();
        Candidate(values)
    }
}

fn named(dimension: &Dimension, value: Value) -> (String, String, Value) {
    (dimension.section.clone(), dimension.key.clone(), value)
}

/// The product of the lists' lengths; none where there is a range.
fn combinations(dimensions: &[Dimension]) -> Result<Option<usize>, SearchError> {
    let Some(sizes) = dimensions.iter().map(Dimension::len).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let product = sizes
        .into_iter()
        .try_fold(1usize, |all, size| all.checked_mul(size).filter(|&all| all <= MOST_COMBINATIONS));
    product.map(Some).ok_or(SearchError::TooMany { most: MOST_COMBINATIONS })
}
