//! How good a model is, beyond its loss: in the document of `privet evaluate`, and of a federated run.

use serde::{Deserialize, Serialize};

/// What is told of a classifier, or of a regression; what belongs to the other is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metrics {
    /// Fraction of rows whose class is among the five largest outputs; only where there are more than five classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) top_5_accuracy: Option<f64>,
    /// Of the rows given a class, the fraction that is of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) precision: Option<Averages>,
    /// Of the rows of a class, the fraction that was given it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recall: Option<Averages>,
    /// The harmonic mean of a class's precision and recall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) f1: Option<Averages>,
    /// How often a row of a class gets a higher output for it than a row of another; for more than two classes the
    /// mean over each against the rest. Left out where all rows are of one class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) roc_auc: Option<f64>,
    /// Mean of |predicted - true|.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mean_absolute_error: Option<f64>,
    /// Mean of (predicted - true)².
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mean_squared_error: Option<f64>,
    /// The share of the targets' variance that the model explains; left out where all targets are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) r2: Option<f64>,
}

/// A measure of each class, averaged in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Averages {
    /// The mean over the classes that occur, as truth or as prediction.
    #[serde(rename = "macro")]
    pub(crate) by_class: f64,
    /// From the counts of all classes together.
    #[serde(rename = "micro")]
    pub(crate) by_row: f64,
}
