//! What came out of judging a model.

use serde::Serialize;

use super::network::Network;

/// How good a model is on some rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// How many rows were judged.
    pub examples: u64,
    /// The mean of the rows' losses.
    pub loss: f64,
    /// The share of rows whose class was told right; none where a number is predicted.
    pub accuracy: Option<f64>,
    /// How many rows of each class were taken for each; none where a number is predicted.
    pub confusion: Option<ConfusionMatrix>,
    /// For each rank, from the first, how many rows had their true class there in the order of the outputs; none where
    /// a number is predicted.
    pub ranks: Option<Vec<u64>>,
    /// How far the numbers were off; none where a class is told.
    pub errors: Option<RegressionErrors>,
}

impl Evaluation {
    /// The share of rows whose true class is among the `k` largest outputs; none where a number is predicted.
    pub fn top_k(&self, k: usize) -> Option<f64> {
        let ranks = self.ranks.as_ref()?;
        Some(ranks.iter().take(k).sum::<u64>() as f64 / self.examples as f64)
    }
}

/// How far predicted numbers are from the true ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RegressionErrors {
    /// The mean of |y - t|.
    pub mean_absolute_error: f64,
    /// The mean of (y - t)².
    pub mean_squared_error: f64,
    /// 1 - Σ (y - t)² / Σ (t - mean t)²; none if all targets are equal.
    pub r2: Option<f64>,
}

/// Counts of rows by their true class and the class that the model gave them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfusionMatrix {
    /// `counts[true class][predicted class]`.
    pub counts: Vec<Vec<u64>>,
}

/// How a measure of each class becomes one of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Average {
    /// The mean over the classes that occur, as truth or as prediction: each class counts alike.
    Macro,
    /// From the counts of all classes together: each row counts alike.
    Micro,
}

impl ConfusionMatrix {
    /// Of the rows taken for a class, the share that is of it; 0 if none was taken for it.
    pub fn precision_of(&self, class: usize) -> f64 {
        let (right, taken, _) = self.of(class);
        ratio(right, taken)
    }

    /// Of the rows of a class, the share taken for it; 0 if there is none of it.
    pub fn recall_of(&self, class: usize) -> f64 {
        let (right, _, there) = self.of(class);
        ratio(right, there)
    }

    /// The harmonic mean of a class's precision and recall; 0 if both are.
    pub fn f1_of(&self, class: usize) -> f64 {
        let (right, taken, there) = self.of(class);
        ratio(2 * right, taken + there)
    }

    /// Precision over all classes.
    pub fn precision(&self, average: Average) -> f64 {
        self.over_classes(average, ConfusionMatrix::precision_of)
    }

    /// Recall over all classes.
    pub fn recall(&self, average: Average) -> f64 {
        self.over_classes(average, ConfusionMatrix::recall_of)
    }

    /// F1 over all classes.
    pub fn f1(&self, average: Average) -> f64 {
        self.over_classes(average, ConfusionMatrix::f1_of)
    }

    fn over_classes(&self, average: Average, measure: fn(&ConfusionMatrix, usize) -> f64) -> f64 {
        match average {
            // With one class a row, what is taken wrongly for one class is missed by another: all three are the
            // accuracy.
            Average::Micro => {
                let right = (0..self.counts.len()).map(|class| self.counts[class][class]).sum();
                ratio(right, self.counts.iter().flatten().sum())
            }
            Average::Macro => {
                let occurs = |&class: &usize| {
                    let (_, taken, there) = self.of(class);
                    taken + there > 0
                };
                let measures: Vec<f64> =
                    (0..self.counts.len()).filter(occurs).map(|class| measure(self, class)).collect();
                measures.iter().sum::<f64>() / measures.len().max(1) as f64
            }
        }
    }

    /// Rows of a class told right, rows taken for it, and rows of it.
    fn of(&self, class: usize) -> (u64, u64, u64) {
        let taken = self.counts.iter().map(|row| row[class]).sum();
        (self.counts[class][class], taken, self.counts[class].iter().sum())
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Sums over some rows, of which an [`Evaluation`] is made.
pub(super) struct Sums {
    rows: u64,
    loss: f64,
    /// Of true and predicted classes.
    counts: Vec<Vec<u64>>,
    ranks: Vec<u64>,
    absolute: f64,
    squared: f64,
    /// Of the targets, and of their squares, from an origin.
    targets: [f64; 2],
}

impl Sums {
    pub(super) fn new(network: &Network) -> Sums {
        let classes = if network.classifies() { network.outputs() } else { 0 };
        let (counts, ranks) = (vec![vec![0; classes]; classes], vec![0; classes]);
        Sums { rows: 0, loss: 0.0, counts, ranks, absolute: 0.0, squared: 0.0, targets: [0.0; 2] }
    }

    /// The sums of all parts, added in their order.
    pub(super) fn total(network: &Network, parts: &[Sums]) -> Sums {
        let mut total = Sums::new(network);
        for part in parts {
            total.rows += part.rows;
            total.loss += part.loss;
            let counts = total.counts.iter_mut().flatten().chain(&mut total.ranks);
            counts
                .zip(part.counts.iter().flatten().chain(&part.ranks))
                .for_each(|(sum, count)| *sum += count);
            total.absolute += part.absolute;
            total.squared += part.squared;
            total.targets[0] += part.targets[0];
            total.targets[1] += part.targets[1];
        }
        total
    }

    pub(super) fn add_loss(&mut self, rows: usize, loss: f64) {
        self.rows += rows as u64;
        self.loss += loss;
    }

    pub(super) fn add_class(&mut self, class: usize, outputs: &[f32]) {
        let predicted = predicted(outputs);
        self.counts[class][predicted] += 1;
        let rank = match outputs {
            [_] => usize::from(class != predicted),
            // Larger outputs come before it, and among equals those of a lower class.
            _ => (0..outputs.len())
                .filter(|&other| {
                    outputs[other] > outputs[class] || (outputs[other] == outputs[class] && other < class)
                })
                .count(),
        };
        self.ranks[rank] += 1;
    }

    pub(super) fn add_value(&mut self, value: f32, output: f32, origin: f64) {
        let error = f64::from(output) - f64::from(value);
        self.absolute += error.abs();
        self.squared += error * error;
        let target = f64::from(value) - origin;
        self.targets[0] += target;
        self.targets[1] += target * target;
    }

    pub(super) fn evaluation(self, network: &Network) -> Evaluation {
        let rows = self.rows as f64;
        let classifies = network.classifies();
        let right: u64 = (0..self.counts.len()).map(|class| self.counts[class][class]).sum();
        let spread = self.targets[1] - self.targets[0] * self.targets[0] / rows;
        Evaluation {
            examples: self.rows,
            loss: self.loss / rows,
            accuracy: classifies.then_some(right as f64 / rows),
            confusion: classifies.then_some(ConfusionMatrix { counts: self.counts }),
            ranks: classifies.then_some(self.ranks),
            errors: (!classifies).then_some(RegressionErrors {
                mean_absolute_error: self.absolute / rows,
                mean_squared_error: self.squared / rows,
                r2: (spread > 0.0).then(|| 1.0 - self.squared / spread),
            }),
        }
    }
}

/// The class that the outputs of a row stand for: the largest one, the first among equals; of a single sigmoid unit,
/// class 1 from a half on.
pub(in crate::nn) fn predicted(outputs: &[f32]) -> usize {
    if let [single] = outputs {
        return usize::from(*single >= 0.5);
    }
    let mut best = 0;
    for (class, value) in outputs.iter().enumerate() {
        if *value > outputs[best] {
            best = class;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Loss, ModelConfig};

    #[test]
    fn of_equal_outputs_the_first_class_wins_and_a_half_is_class_one() {
        assert_eq!(predicted(&[0.2, 0.4, 0.4]), 1);
        assert_eq!(predicted(&[0.5]), 1);
        assert_eq!(predicted(&[0.499]), 0);
    }

    /// The values of scikit-learn 1.7 for these counts, with `zero_division=0`.
    #[test]
    fn measures_of_classes_are_those_of_scikit_learn() {
        let confusion =
            ConfusionMatrix { counts: vec![vec![5, 1, 0, 0], vec![2, 3, 1, 0], vec![0; 4], vec![0; 4]] };
        let close =
            |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-12, "{found}, not {wanted}");
        close(confusion.precision_of(0), 5.0 / 7.0);
        close(confusion.recall_of(1), 0.5);
        close(confusion.f1_of(0), 10.0 / 13.0);
        close(confusion.precision_of(3), 0.0);
        close(confusion.precision(Average::Macro), (5.0 / 7.0 + 0.75 + 0.0) / 3.0);
        close(confusion.recall(Average::Macro), (5.0 / 6.0 + 0.5 + 0.0) / 3.0);
        close(confusion.f1(Average::Macro), (10.0 / 13.0 + 0.6 + 0.0) / 3.0);
        for measure in [ConfusionMatrix::precision, ConfusionMatrix::recall, ConfusionMatrix::f1] {
            close(measure(&confusion, Average::Micro), 8.0 / 12.0);
        }
    }

    fn network(outputs: usize, loss: Loss) -> Network {
        Network::new(&ModelConfig::default(), 2, outputs, loss).unwrap()
    }

    #[test]
    fn the_true_class_is_looked_for_among_the_k_largest() {
        let network = network(3, Loss::CrossEntropy { label_smoothing: 0.0 });
        let mut sums = Sums::new(&network);
        sums.add_class(0, &[0.5, 0.3, 0.2]);
        sums.add_class(1, &[0.5, 0.3, 0.2]);
        sums.add_class(2, &[0.4, 0.4, 0.2]);
        sums.add_class(1, &[0.4, 0.4, 0.2]);
        sums.add_loss(4, 2.0);
        let evaluation = sums.evaluation(&network);
        assert_eq!(evaluation.accuracy, evaluation.top_k(1));
        assert_eq!(evaluation.top_k(1), Some(0.25));
        assert_eq!(evaluation.top_k(2), Some(0.75));
        assert_eq!(evaluation.top_k(3), Some(1.0));
        assert_eq!(evaluation.errors, None);
    }

    #[test]
    fn errors_of_numbers_follow_their_definitions() {
        let network = network(1, Loss::MeanSquaredError);
        let mut sums = Sums::new(&network);
        for (target, output) in [(1001.0, 1001.5), (1003.0, 1002.0), (1005.0, 1005.5)] {
            sums.add_value(target, output, 1001.0);
        }
        sums.add_loss(3, 1.5);
        let errors = sums.evaluation(&network).errors.unwrap();
        assert!((errors.mean_absolute_error - 2.0 / 3.0).abs() < 1e-12);
        assert!((errors.mean_squared_error - 0.5).abs() < 1e-12);
        assert!((errors.r2.unwrap() - (1.0 - 1.5 / 8.0)).abs() < 1e-12);
    }

    #[test]
    fn equal_targets_have_no_r2() {
        let network = network(1, Loss::MeanSquaredError);
        let mut sums = Sums::new(&network);
        sums.add_value(2.0, 3.0, 2.0);
        sums.add_loss(1, 1.0);
        assert_eq!(sums.evaluation(&network).errors.unwrap().r2, None);
    }
}
