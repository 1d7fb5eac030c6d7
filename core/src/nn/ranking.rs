//! How well the outputs of a model rank rows, whatever the threshold.

use super::evaluate::Predictions;
use super::examples::{Examples, Target};

/// The area under the receiver operating characteristic: how often a row of a class gets a higher output for it than a
/// row of another class, ties counted half (Hanley and McNeil 1982). For more than two classes the mean over each class
/// against the rest, of those with rows on both sides. None if there is no such class, or if a number is predicted.
///
/// `predictions` are those of [`predict`](super::predict) for the same rows.
pub fn roc_auc(predictions: &Predictions, examples: &dyn Examples) -> Option<f64> {
    let classes: Option<Vec<usize>> = (0..predictions.rows().len())
        .map(|row| match examples.target(row) {
            Target::Class(class) => Some(class as usize),
            Target::Value(_) => None,
        })
        .collect();
    let (classes, width) = (classes?, predictions.rows().next()?.len());
    let areas: Vec<f64> = match width {
        1 | 2 => area(&classes, 1, predictions, width - 1).into_iter().collect(),
        _ => (0..width).filter_map(|class| area(&classes, class, predictions, class)).collect(),
    };
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}

/// The area of one class against the rest, by the sum of its ranks (Mann and Whitney 1947).
fn area(classes: &[usize], class: usize, predictions: &Predictions, output: usize) -> Option<f64> {
    let mut scored: Vec<(f32, bool)> =
        predictions.rows().zip(classes).map(|(outputs, &of)| (outputs[output], of == class)).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut before) = (0.0, 0);
    for ties in scored.chunk_by(|a, b| a.0 == b.0) {
        let inside = ties.iter().filter(|(_, of)| *of).count();
        // Equal scores share the mean of their ranks, which count from 1.
        ranks += inside as f64 * (before as f64 + (ties.len() as f64 + 1.0) / 2.0);
        before += ties.len();
    }
    let positive = scored.iter().filter(|(_, of)| *of).count() as f64;
    let negative = scored.len() as f64 - positive;
    let pairs = positive * negative;
    (pairs > 0.0).then(|| (ranks - positive * (positive + 1.0) / 2.0) / pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::reference::{Rows, noise};
    use crate::nn::{Loss, ModelConfig, Network, predict};
    use crate::random::{Purpose, Seed};

    /// Every pair of rows looked at, straight from the definition.
    fn by_pairs(scores: &[f32], inside: &[bool]) -> f64 {
        let (mut wins, mut pairs) = (0.0, 0.0);
        for (a, _) in scores.iter().zip(inside).filter(|(_, inside)| **inside) {
            for (b, _) in scores.iter().zip(inside).filter(|(_, inside)| !**inside) {
                pairs += 1.0;
                wins += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        wins / pairs
    }

    fn setting(classes: u32, loss: Loss) -> (Predictions, Rows) {
        let model = ModelConfig { hidden: vec![3], ..ModelConfig::default() };
        let network = Network::new(&model, 2, classes as usize, loss).unwrap();
        let params = network.initialize(&mut Seed(7).stream(Purpose::Initialization));
        let mut rows = Rows::new(2, (0..90).map(|row| Target::Class(row % classes)).collect());
        // Few different features, so that there are ties.
        rows.features.iter_mut().enumerate().for_each(|(at, x)| *x = (2.0 * noise(at as u32)).round());
        (predict(&network, &params, &rows).unwrap(), rows)
    }

    #[test]
    fn the_area_is_the_share_of_pairs_in_the_right_order() {
        let (predictions, rows) = setting(3, Loss::CrossEntropy { label_smoothing: 0.0 });
        let wanted: f64 = (0..3)
            .map(|class| {
                let scores: Vec<f32> = predictions.rows().map(|outputs| outputs[class]).collect();
                by_pairs(&scores, &(0..90).map(|row| row % 3 == class).collect::<Vec<bool>>())
            })
            .sum::<f64>()
            / 3.0;
        assert!((roc_auc(&predictions, &rows).unwrap() - wanted).abs() < 1e-12);
    }

    #[test]
    fn two_classes_have_one_area() {
        for loss in
            [Loss::BinaryCrossEntropy { label_smoothing: 0.0 }, Loss::CrossEntropy { label_smoothing: 0.0 }]
        {
            let (predictions, rows) = setting(2, loss);
            let scores: Vec<f32> = predictions.rows().map(|outputs| outputs[outputs.len() - 1]).collect();
            let wanted = by_pairs(&scores, &(0..90).map(|row| row % 2 == 1).collect::<Vec<bool>>());
            assert!((roc_auc(&predictions, &rows).unwrap() - wanted).abs() < 1e-12);
        }
    }

    #[test]
    fn one_class_alone_has_no_area() {
        let (predictions, mut rows) = setting(2, Loss::BinaryCrossEntropy { label_smoothing: 0.0 });
        rows.targets.fill(Target::Class(1));
        assert_eq!(roc_auc(&predictions, &rows), None);
    }
}
