//! What a trained model goes by: how much it relies on each feature.
//!
//! [`permutation_importance`] asks how much worse the model gets when a feature no longer tells anything about its
//! row; [`integrated_gradients`] divides what the model says of a row among the features of that row. Both look at the
//! model, not at the world: of two features that say the same, a model may use either.

mod input_gradient;
mod integrated_gradients;
mod permutation;

pub use integrated_gradients::{MOST_ROWS, integrated_gradients, mean_attributions};
pub use permutation::{Importance, permutation_importance};

use std::ops::Range;

/// What people call one feature: a column of a table, and the inputs of the network that it became. A column of
/// categories became several, which only make sense together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// The name of the column.
    pub name: String,
    /// Its inputs, counted from 0.
    pub inputs: Range<usize>,
}
