//! What a model goes by, as a part of the documents of whole runs.

use serde::{Deserialize, Serialize};

/// How much the final federated model (of the first seed) relies on each feature of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Explanation {
    /// Times each feature was shuffled.
    pub(crate) repeats: u32,
    /// One entry a feature, in the order of the table.
    pub(crate) features: Vec<ExplainedFeature>,
}

/// How much a model relies on one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExplainedFeature {
    /// The column as the data calls it.
    pub(crate) name: String,
    /// Permutation importance: by how much the test loss rises when the column is shuffled, mean over repeats.
    pub(crate) loss_increase: f64,
    /// By how much the test accuracy falls then; `null` for a regression.
    pub(crate) accuracy_drop: Option<f64>,
    /// Integrated gradients from a row of zeros to the test rows: the column's part of what the model says of the
    /// class it favours (or of its prediction), mean of the absolute values.
    pub(crate) attribution: f64,
}
