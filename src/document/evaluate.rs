//! The document of `privet evaluate`: how good a model file is on given rows.

use super::metrics::Metrics;
use serde::{Deserialize, Serialize};

/// A model judged on rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelEvaluation {
    /// SHA-256 of the model file, lower-case hexadecimal.
    pub(crate) model_sha256: String,
    /// Name of the data set, or the file it was read from.
    pub(crate) data: String,
    /// Rows judged.
    pub(crate) rows: u64,
    /// Mean loss over the rows.
    pub(crate) loss: f64,
    /// Measures over all classes, or of numbers.
    #[serde(flatten)]
    pub(crate) metrics: Metrics,
    /// What only a classifier has; left out of a regression.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub(crate) classification: Option<Classification>,
}

/// How a classifier's answers fall on the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Classification {
    /// Fraction of rows classified rightly.
    pub(crate) accuracy: f64,
    /// One entry a class, in the order of the model's outputs.
    pub(crate) classes: Vec<ClassScore>,
    /// `confusion[actual][predicted]`: rows of the one class that were given the other, in the order of `classes`.
    pub(crate) confusion: Vec<Vec<u64>>,
}

/// How well one class is told from the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClassScore {
    /// The class as the data calls it.
    pub(crate) class: String,
    /// Rows of this class.
    pub(crate) rows: u64,
    /// Of the rows given this class, the fraction that is of it; `null` when none was given it.
    pub(crate) precision: Option<f64>,
    /// Of the rows of this class, the fraction that was given it; `null` when there is none.
    pub(crate) recall: Option<f64>,
}

impl Classification {
    /// Scores every class from the confusion matrix: `confusion[actual][predicted]`, square, one row a name.
    /// `None` when the shape is another one or the matrix counts no row.
    pub(crate) fn of(names: &[String], confusion: Vec<Vec<u64>>) -> Option<Classification> {
        let square = confusion.len() == names.len() && confusion.iter().all(|row| row.len() == names.len());
        let total: u64 = confusion.iter().flatten().sum();
        if !square || total == 0 {
            return None;
        }
        let right: u64 = (0..names.len()).map(|class| confusion[class][class]).sum();
        let score = |(class, name): (usize, &String)| {
            let actual: u64 = confusion[class].iter().sum();
            let given: u64 = confusion.iter().map(|row| row[class]).sum();
            ClassScore {
                class: name.clone(),
                rows: actual,
                precision: fraction(confusion[class][class], given),
                recall: fraction(confusion[class][class], actual),
            }
        };
        let classes = names.iter().enumerate().map(score).collect();
        Some(Classification { accuracy: right as f64 / total as f64, classes, confusion })
    }
}

fn fraction(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_follow_from_the_confusion_matrix() {
        let names: Vec<String> = ["well", "ill", "unseen"].map(String::from).into();
        let confusion = vec![vec![6, 2, 0], vec![1, 3, 0], vec![0, 0, 0]];
        let found = Classification::of(&names, confusion).expect("square and not empty");
        assert_eq!(found.accuracy, 9.0 / 12.0);
        assert_eq!(found.classes[0].precision, Some(6.0 / 7.0));
        assert_eq!(found.classes[0].recall, Some(6.0 / 8.0));
        assert_eq!(found.classes[1].precision, Some(3.0 / 5.0));
        assert_eq!(found.classes[1].rows, 4);
        assert_eq!((found.classes[2].precision, found.classes[2].recall), (None, None));
    }

    #[test]
    fn a_matrix_of_another_shape_or_without_rows_scores_nothing() {
        let names: Vec<String> = ["a", "b"].map(String::from).into();
        assert_eq!(Classification::of(&names, vec![vec![1, 2]]), None);
        assert_eq!(Classification::of(&names, vec![vec![1, 2], vec![3]]), None);
        assert_eq!(Classification::of(&names, vec![vec![0, 0], vec![0, 0]]), None);
    }
}
