//! Whether rows and a model fit a network.

use super::examples::{Examples, Target};
use super::network::Network;
use crate::params::Params;

/// Rows or a model that do not fit a network.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum Misfit {
    /// The rows have another number of features than the network has inputs.
    #[error("the rows have {found} features, but the network takes {expected}: it was made for other data")]
    WrongWidth {
        /// Inputs of the network.
        expected: usize,
        /// Features of the rows.
        found: usize,
    },
    /// The parameters are those of another network.
    #[error(
        "the model has {found} parameters, but the network has {expected}: it is of another architecture"
    )]
    WrongModel {
        /// Parameters of the network.
        expected: usize,
        /// Parameters of the model.
        found: usize,
    },
    /// A target that the network cannot be compared with.
    #[error(
        "row {row} has the target {target:?}, which does not fit a network for {outputs} classes (1: a number)"
    )]
    TargetDoesNotFit {
        /// Which row, from 0.
        row: usize,
        /// Its target.
        target: Target,
        /// Classes of the network, or 1.
        outputs: usize,
    },
}

pub(super) fn check_width(network: &Network, found: usize) -> Result<(), Misfit> {
    let expected = network.inputs();
    if found == expected { Ok(()) } else { Err(Misfit::WrongWidth { expected, found }) }
}

pub(super) fn check_model(network: &Network, params: &Params) -> Result<(), Misfit> {
    let (expected, found) = (network.layout().len(), params.len());
    if found == expected { Ok(()) } else { Err(Misfit::WrongModel { expected, found }) }
}

/// The target of a row, if it is one that the network can have.
pub(super) fn fitting_target(
    network: &Network,
    examples: &dyn Examples,
    row: usize,
) -> Result<Target, Misfit> {
    let (target, outputs) = (examples.target(row), network.outputs());
    if network.takes(target) { Ok(target) } else { Err(Misfit::TargetDoesNotFit { row, target, outputs }) }
}
