//! The `[data]` section of a plan, as typed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::built_in::HEART_REFERENCES;
use super::standardize::Reference;

pub(super) mod check;
mod error;

pub use error::DataConfigError;

/// The share of rows held back for the test where the plan does not say.
const TEST_FRACTION: f64 = 0.2;

/// Where rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceName {
    /// 5,620 handwritten digits of 8 x 8 pixels, built in.
    #[default]
    Digits,
    /// Heart disease in four hospitals, built in.
    Heart,
    /// MNIST: four IDX files in a folder.
    Mnist,
    /// Fashion-MNIST: four IDX files in a folder.
    FashionMnist,
    /// Images and labels in IDX files of any name.
    Idx,
    /// A table in a CSV file.
    Csv,
}

impl SourceName {
    /// Its name in the plan.
    pub fn name(self) -> &'static str {
        match self {
            SourceName::Digits => "digits",
            SourceName::Heart => "heart",
            SourceName::Mnist => "mnist",
            SourceName::FashionMnist => "fashion-mnist",
            SourceName::Idx => "idx",
            SourceName::Csv => "csv",
        }
    }

    /// Where the four files of MNIST or Fashion-MNIST are looked for unless the plan says otherwise.
    fn usual_folder(self) -> Option<&'static str> {
        match self {
            SourceName::Mnist => Some("data/mnist"),
            SourceName::FashionMnist => Some("data/fashion-mnist"),
            _ => None,
        }
    }
}

/// What is to be learnt from a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// To which class a row belongs.
    #[default]
    Classification,
    /// The number in the label column.
    Regression,
}

/// What happens to a row of a table in which a declared value is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The file is refused.
    #[default]
    Refuse,
    /// The row is left out; the report says how many were.
    DropRow,
}

/// How measured features are standardized; see [`Standardization`](super::Standardization).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standardize {
    /// Not at all.
    None,
    /// Pixels are divided by the largest value that they can have.
    Scale,
    /// By mean and deviation of the holder's own rows.
    Client,
    /// By the means and deviations under `[data.reference]`.
    Plan,
}

/// The `[data]` section of a plan as typed. Keys that mean nothing for the chosen source are refused.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataConfig {
    /// Where the rows come from. Default `digits`.
    pub source: SourceName,
    /// `mnist`, `fashion-mnist`: the folder of the four files. Default `data/mnist`, `data/fashion-mnist`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// `idx`: the file of training images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_images: Option<String>,
    /// `idx`: the file of training labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_labels: Option<String>,
    /// `idx`: the file of test images. Without one, training rows are held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_images: Option<String>,
    /// `idx`: the file of test labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<String>,
    /// `csv`: the file. A coordinator whose clients bring their own rows needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `csv`: a file of test rows. Without one, rows of `path` are held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_path: Option<String>,
    /// `csv`: the byte between fields. Default `,`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// `csv`: what happens to rows with gaps. Default `refuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// `csv`: the texts that stand for a missing value. Default the empty text and `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_markers: Option<Vec<String>>,
    /// `csv`: what is to be learnt. Default `classification`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// `csv`: the column to be learnt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `csv`, `idx`: the classes' names, in order. Without them a CSV file's own are taken in alphabetical order, and
    /// an IDX file's are numbered up to its largest label; clients that bring their own files must agree on them,
    /// so that a federation over the network must declare them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// `csv`: the column that names the client of each row. It is no feature unless it is declared as one too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_column: Option<String>,
    /// `csv`: the column that says how much each row counts in training, a number of at least 0. It is no feature. Test
    /// rows count alike, and a file of theirs need not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_column: Option<String>,
    /// `csv`: the columns of measurements.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub numeric: Vec<String>,
    /// `csv`: the columns that are not used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// How measured features are standardized. Default `scale` for images, `plan` where references are known, else
    /// `client`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standardize: Option<Standardize>,
    /// The share of rows held back for the test, above 0 and below 1, where no test file is given. Default 0.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_fraction: Option<f64>,
    /// `csv`: the columns of categories, and the categories of each. With an empty list the file's own are taken, in
    /// alphabetical order; clients that bring their own files must agree on them, so that a federation over the
    /// network must declare them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub categorical: BTreeMap<String, Vec<String>>,
    /// `standardize = "plan"`: mean and deviation of each numeric column as publicly known, in the column's unit; for
    /// images one entry `pixel`, in units of the scaled pixel (0 to 1). `heart` has its own, which entries here replace.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reference: BTreeMap<String, Reference>,
}

impl DataConfig {
    /// The same section with every default that matters for its source written out.
    pub fn resolved(&self) -> DataConfig {
        let mut resolved = self.clone();
        if let Some(folder) = self.source.usual_folder() {
            resolved.folder.get_or_insert_with(|| folder.to_owned());
        }
        if self.source == SourceName::Csv {
            resolved.separator.get_or_insert_with(|| ",".to_owned());
            resolved.missing.get_or_insert_default();
            resolved.missing_markers.get_or_insert_with(usual_markers);
            resolved.task.get_or_insert_default();
        }
        if !self.has_test_files() {
            resolved.test_fraction.get_or_insert(TEST_FRACTION);
        }
        resolved.standardize = Some(self.standardize());
        resolved.reference = self.references();
        resolved
    }

    /// Whether the test rows lie in files of their own.
    fn has_test_files(&self) -> bool {
        self.source.usual_folder().is_some() || self.test_images.is_some() || self.test_path.is_some()
    }

    /// How features are standardized, by default or as given.
    fn standardize(&self) -> Standardize {
        self.standardize.unwrap_or(match self.source {
            SourceName::Heart => Standardize::Plan,
            SourceName::Csv if self.reference.is_empty() => Standardize::Client,
            SourceName::Csv => Standardize::Plan,
            _ => Standardize::Scale,
        })
    }

    /// The references given, and those that a built-in set has of itself.
    fn references(&self) -> BTreeMap<String, Reference> {
        let mut references = self.reference.clone();
        if self.source == SourceName::Heart && self.standardize() == Standardize::Plan {
            for (column, reference) in HEART_REFERENCES {
                references.entry(column.to_owned()).or_insert(reference);
            }
        }
        references
    }
}

/// The texts that stand for a missing value where the plan does not say.
fn usual_markers() -> Vec<String> {
    vec![String::new(), "?".to_owned()]
}

#[cfg(test)]
mod tests;
