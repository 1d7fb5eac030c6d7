//! Rows to learn from: where they come from, how they are seen, and who holds which.
//!
//! A [`Dataset`] holds the features of a table once, for everybody. A [`Shard`] is somebody's choice of its rows:
//! a client's, the test set's, everybody's. It copies no feature, so that ten thousand simulated clients cost their
//! row numbers and nothing else.

mod built_in;
mod dataset;
mod federation;
mod partition;
mod shard;
mod split;
mod standardize;

pub use dataset::{Attribution, Classes, Column, Dataset, DatasetError, Features, Groups, Targets};
pub use federation::{Federation, FederationError, LabelDistribution};
pub use partition::{Partition, PartitionConfig, PartitionConfigError, PartitionError, Rule};
pub use shard::Shard;
pub use split::{Split, SplitError};
pub use standardize::{NoReference, Reference, References, Standardization};

/// The data sets that live in the binary.
pub mod sets {
    pub use super::built_in::digits;
}
