//! Permutation importance: how much worse a model gets when a feature is dealt to the wrong rows (Breiman 2001,
//! section 10, for forests; Fisher, Rudin and Dominici 2019 for any model).

use super::Feature;
use crate::nn::{EvaluateError, Evaluation, Examples, Network, Target, evaluate};
use crate::params::Params;
use crate::random::{Purpose, Seed};
use rand::seq::SliceRandom;

/// How much worse the model got without knowing a feature, on the mean over repetitions. Below 0 where it got better,
/// which is chance, or a sign that it has learnt what is not so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Importance {
    /// By how much the mean loss rose.
    pub loss_increase: f64,
    /// By how much the accuracy fell; none where a number is predicted.
    pub accuracy_drop: Option<f64>,
}

/// The importance of each feature: the model is judged once as it is, and `repeats` (at least 1) times for each feature
/// with that feature's values shuffled over the rows, all its inputs together. Each shuffle has a stream of its own,
/// so that neither the other features nor threads change a bit of it.
pub fn permutation_importance(
    network: &Network,
    params: &Params,
    examples: &dyn Examples,
    features: &[Feature],
    repeats: u32,
    seed: Seed,
) -> Result<Vec<Importance>, EvaluateError> {
    let whole = evaluate(network, params, examples)?;
    let rows = u32::try_from(examples.len()).expect("a data set has fewer than 2^32 rows");
    let mut order: Vec<u32> = (0..rows).collect();
    let mut importances = Vec::with_capacity(features.len());
    for (number, feature) in (1..).zip(features) {
        let mut judged = Vec::new();
        for repeat in 1..=repeats.max(1) {
            order.sort_unstable();
            order.shuffle(&mut seed.stream_for(Purpose::Permutation, repeat, number));
            let shuffled = Shuffled { examples, feature, order: &order };
            judged.push(evaluate(network, params, &shuffled)?);
        }
        importances.push(Importance::of(&whole, &judged));
    }
    Ok(importances)
}

impl Importance {
    fn of(whole: &Evaluation, judged: &[Evaluation]) -> Importance {
        let mean =
            |value: &dyn Fn(&Evaluation) -> f64| judged.iter().map(value).sum::<f64>() / judged.len() as f64;
        let accuracy = |evaluation: &Evaluation| evaluation.accuracy.unwrap_or_default();
        Importance {
            loss_increase: mean(&|judged| judged.loss - whole.loss),
            accuracy_drop: whole.accuracy.map(|whole| mean(&|judged| whole - accuracy(judged))),
        }
    }
}

/// Rows with the values that one feature has in other rows.
struct Shuffled<'a> {
    examples: &'a dyn Examples,
    feature: &'a Feature,
    /// For each row, the row whose values it is given.
    order: &'a [u32],
}

impl Examples for Shuffled<'_> {
    fn len(&self) -> usize {
        self.examples.len()
    }

    fn width(&self) -> usize {
        self.examples.width()
    }

    fn copy_features(&self, row: usize, out: &mut [f32]) {
        // The other row's features come first, so that no second buffer is needed to take some of them.
        self.examples.copy_features(self.order[row] as usize, out);
        let inputs = self.feature.inputs.clone();
        let kept: Vec<f32> = out[inputs.clone()].to_vec();
        self.examples.copy_features(row, out);
        out[inputs].copy_from_slice(&kept);
    }

    fn target(&self, row: usize) -> Target {
        self.examples.target(row)
    }

    fn weight(&self, row: usize) -> f32 {
        self.examples.weight(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::reference::{Rows, noise};
    use crate::nn::{Loss, ModelConfig};

    /// A linear model `y = 3 x0 + x1` of three features, and rows whose targets it knows.
    fn setting() -> (Network, Params, Rows) {
        let config = ModelConfig { hidden: vec![], ..ModelConfig::default() };
        let network = Network::new(&config, 3, 1, Loss::MeanSquaredError).unwrap();
        let params = Params::new(network.layout().clone(), vec![3.0, 1.0, 0.0, 0.0]).unwrap();
        let mut rows = Rows::new(3, vec![Target::Value(0.0); 2000]);
        for (row, target) in rows.targets.iter_mut().enumerate() {
            let x: Vec<f32> = (0..3).map(|input| noise(10 * row as u32 + input)).collect();
            rows.features[row * 3..][..3].copy_from_slice(&x);
            *target = Target::Value(3.0 * x[0] + x[1]);
        }
        (network, params, rows)
    }

    fn features() -> Vec<Feature> {
        (0..3).map(|input| Feature { name: input.to_string(), inputs: input..input + 1 }).collect()
    }

    #[test]
    fn a_linear_model_loses_twice_the_variance_of_each_part_and_nothing_for_a_feature_it_does_not_use() {
        let (network, params, rows) = setting();
        let found = permutation_importance(&network, &params, &rows, &features(), 5, Seed(1)).unwrap();
        // Two independent draws from -1 to 1 differ by a square of 2/3 on the mean.
        for (importance, weight) in found.iter().zip([3.0, 1.0, 0.0]) {
            let wanted = weight * weight * 2.0 / 3.0;
            assert!((importance.loss_increase - wanted).abs() <= 0.05 * wanted, "{found:?}");
            assert_eq!(importance.accuracy_drop, None);
        }
        assert_eq!(found[2].loss_increase, 0.0);
    }

    #[test]
    fn it_is_the_seed_that_decides_and_nothing_else() {
        let (network, params, rows) = setting();
        let features = features();
        let with = |features: &[Feature], seed, threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                permutation_importance(&network, &params, &rows, features, 2, Seed(seed)).unwrap()
            })
        };
        let found = with(&features, 1, 1);
        assert_eq!(found, with(&features, 1, 4));
        assert_eq!(found[..1], with(&features[..1], 1, 2), "another feature's shuffle changes nothing");
        assert_ne!(found, with(&features, 2, 1));
    }

    #[test]
    fn the_inputs_of_one_feature_move_together() {
        let (network, params, rows) = setting();
        let both = [Feature { name: "both".into(), inputs: 0..2 }];
        let found = permutation_importance(&network, &params, &rows, &both, 5, Seed(1)).unwrap();
        assert!((found[0].loss_increase - 20.0 / 3.0).abs() < 0.4, "{found:?}");
    }
}
