//! Rows to learn from: where they come from, how they are seen, and who holds which.
//!
//! A [`Dataset`] holds the features of a table once, for everybody. A [`Shard`] is somebody's choice of its rows:
//! a client's, the test set's, everybody's. It copies no feature, so that ten thousand simulated clients cost their
//! row numbers and nothing else.

mod built_in;
mod compressed;
mod config;
mod dataset;
mod folds;
mod holdings;
pub mod idx;
mod images;
mod partition;
mod plan;
mod shard;
mod source;
mod split;
mod standardize;
mod table;

pub use config::{DataConfig, DataConfigError, Missing, SourceName, Standardize, Task};
pub use dataset::{Attribution, Classes, Column, Dataset, DatasetError, Features, Groups, Targets};
pub use folds::FoldsError;
pub use holdings::{Holdings, HoldingsError, LabelDistribution};
pub use partition::{Partition, PartitionConfig, PartitionConfigError, PartitionError, Rule};
pub use plan::{DataPlan, Shape};
pub use shard::Shard;
pub use source::{IdxFiles, ImageFiles, LoadError, Loaded, ReadFile, Source, TableFile};
pub use split::{Split, SplitError};
pub use standardize::{NoReference, Reference, References, Standardization};
pub use table::TableError;

/// The data sets that live in the binary.
pub mod sets {
    pub use super::built_in::{digits, heart};
}
