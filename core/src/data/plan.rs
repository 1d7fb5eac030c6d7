//! `DataPlan`: a checked `[data]` section.

use super::built_in::heart_schema;
use super::config::{DataConfig, DataConfigError, check};
use super::source::Source;
use super::standardize::Standardization;

/// A checked `[data]` section: where rows come from, and how they are seen.
#[derive(Debug, Clone, PartialEq)]
pub struct DataPlan {
    source: Source,
    standardization: Standardization,
    test_fraction: f64,
}

/// What a network for some data must take and put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Features a row.
    pub features: usize,
    /// Classes, or 1 for a regression.
    pub outputs: usize,
}

impl DataPlan {
    /// Checks a `[data]` section.
    pub fn new(config: &DataConfig) -> Result<DataPlan, DataConfigError> {
        check::keys(config)?;
        Ok(DataPlan {
            source: check::source(config)?,
            standardization: check::standardization(config)?,
            test_fraction: check::test_fraction(config)?,
        })
    }

    /// The same plan with another source.
    pub(super) fn with_source(&self, source: Source) -> DataPlan {
        DataPlan { source, standardization: self.standardization.clone(), test_fraction: self.test_fraction }
    }

    /// Where the rows come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// How measured features are standardized.
    pub fn standardization(&self) -> &Standardization {
        &self.standardization
    }

    /// The share of rows held back for the test where no test file is given.
    pub fn test_fraction(&self) -> f64 {
        self.test_fraction
    }

    /// What a network must take and put out, if no file is needed to tell: not for `idx`, and not for a table some of
    /// whose categories or classes are to be collected.
    pub fn shape(&self) -> Option<Shape> {
        let (features, outputs) = match &self.source {
            Source::Digits => (64, 10),
            Source::Heart => heart_schema().shape()?,
            Source::Mnist { .. } | Source::FashionMnist { .. } => (784, 10),
            Source::Idx(_) => return None,
            Source::Csv(table) => table.schema.shape()?,
        };
        Some(Shape { features, outputs })
    }

    /// The columns whose categories or classes only a file can tell. Clients that bring their own files could each
    /// find others, so that a federation over the network must refuse a plan that has any.
    pub fn undeclared(&self) -> Vec<&str> {
        match &self.source {
            Source::Csv(table) => table.schema.undeclared(),
            Source::Idx(files) if files.classes.is_empty() => vec!["classes"],
            _ => Vec::new(),
        }
    }
}
