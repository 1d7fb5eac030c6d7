//! A key of the plan, and what is wrong with its value alone.

use crate::data::{DataConfigError, PartitionConfigError};
use crate::encoding::EncodingError;
use crate::nn::{NetworkError, RecipeError};
use std::fmt;

/// A key of the plan, and its line if it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The section.
    pub section: &'static str,
    /// The key in the section.
    pub key: &'static str,
    /// The line, from 1; none if the value is a default or came from the command line.
    pub line: Option<usize>,
}

/// What is wrong with one value.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ValueFault {
    /// It is outside the range of its key.
    #[error("must be {range}, is {found}")]
    OutOfRange {
        /// The range, in words.
        range: &'static str,
        /// The value.
        found: String,
    },
    /// The data cannot be had like this.
    #[error(transparent)]
    Data(DataConfigError),
    /// The rows cannot be dealt like this.
    #[error(transparent)]
    Partition(PartitionConfigError),
    /// Only the table knows how many clients there are, and the coordinator does not see it.
    #[error("say how many clients the column names, so that the coordinator knows how many to expect")]
    ClientsUnknown,
    /// There is no such network.
    #[error(transparent)]
    Network(NetworkError),
    /// It cannot be trained like this.
    #[error(transparent)]
    Recipe(RecipeError),
    /// There is no such promise.
    #[error(transparent)]
    Privacy(super::PrivacyFault),
    /// There is no such row.
    #[error(transparent)]
    Row(super::RowFault),
    /// There is no such grid.
    #[error(transparent)]
    Encoding(EncodingError),
    /// Only the rows know how many there are, and a coordinator does not see them.
    #[error(
        "say how many rows a client usually holds: batch-size over it is the rate at which every example is drawn, and \
         must be known to all"
    )]
    RowsUnknown,
    /// Nothing can be hidden under such assumptions.
    #[error(transparent)]
    SecureAggregation(crate::secagg::ParametersError),
    /// No ring is wide enough.
    #[error(transparent)]
    Ring(crate::secagg::RingTooNarrow),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "`{}` in [{}]", self.key, self.section)
    }
}
