//! What private learning is compared with: DP-SGD over everybody's rows pooled, by the same promise to every single example.

use super::{BaselineError, Scores, Start};
use crate::data::Shard;
use crate::nn::{self, Examples, PrivateTrainer, TrainError, Workspace};
use crate::plan::{Protection, noise_for_steps};
use crate::privacy::{ExampleNoise, NoiseSeed};

/// What a pooled run promises, and with which noise it keeps that.
#[derive(Clone, Copy)]
pub struct PooledPromise<'a> {
    /// The promise that clients keep to their single examples; clip, delta and batch size are taken from it.
    pub protection: &'a Protection,
    /// What may be spent: as much as the clients have.
    pub epsilon: f64,
    /// What the noise is drawn from.
    pub noise_seed: &'a NoiseSeed,
}

/// DP-SGD (Abadi et al. 2016) over everybody's rows, judged whenever it has computed as many example-gradients as one of
/// the `budgets` says (ascending, and on average: samples vary in size). The noise is the least with which all steps
/// stay within the promise.
///
/// # Errors
/// Training or judging failed, or nothing keeps the promise.
///
/// # Panics
/// If the protection is not one of single examples.
pub fn centralized_by_example(
    start: &Start<'_>,
    promise: PooledPromise<'_>,
    pooled: &Shard,
    test: &Shard,
    budgets: &[u64],
) -> Result<Vec<(u64, Scores)>, BaselineError> {
    let baseline = "centralized private";
    let protection = promise.protection;
    let rule = protection.examples().expect("the pooled run keeps a promise to single examples");
    let rows = pooled.len();
    let batch = rule.denominator.min(rows as f64);
    let rate = batch / rows.max(1) as f64;
    let steps = |budget: u64| (budget as f64 / batch.max(1.0)).round() as u64;
    let all = steps(budgets.last().copied().unwrap_or(0)).max(1);
    let noise = noise_for_steps(promise.epsilon, protection.delta(), rate, all)
        .map_err(|source| BaselineError::Noise { baseline, source })?;
    let of_noise = |source| BaselineError::ExampleNoise { baseline, source };
    let noise = ExampleNoise::new(protection.clip(), noise, start.model.len()).map_err(of_noise)?;
    // No round and no client of a federation have these numbers.
    let (mut mechanism, dropout) =
        noise.mechanism(rows, rate, batch, promise.noise_seed, (0, 0)).map_err(of_noise)?;
    let of_training = |source: TrainError| BaselineError::Train { baseline, source };
    let clip = protection.clip().norm();
    let mut trainer = PrivateTrainer::new(start.network, start.recipe, clip, rows as f64 / batch, dropout)
        .map_err(|error| of_training(error.into()))?;
    let (mut params, mut workspace) = (start.model.clone(), Workspace::new(start.network));
    let mut done = 0;
    let way = budgets.iter().map(|&budget| {
        let wanted = steps(budget).min(all);
        trainer
            .advance(&mut params, pooled, wanted - done, &mut mechanism, &mut workspace)
            .map_err(of_training)?;
        done = wanted;
        let test = nn::evaluate(start.network, &params, test)
            .map_err(|source| BaselineError::Evaluate { baseline, source })?;
        Ok((budget, Scores::from(test)))
    });
    way.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Holdings, Split, Standardization, sets};
    use crate::plan::Plan;
    use crate::random::Purpose;
    use std::sync::Arc;

    #[test]
    fn a_pooled_run_learns_by_its_promise_and_from_nothing_else_than_its_seed() {
        let text = "\
[data]
source = \"digits\"
[partition]
clients = 5
[model]
hidden = [16]
[training]
batch-size = 200
learning-rate = 0.5
[aggregation]
weights = \"uniform\"
[privacy]
unit = \"example\"
clip = 1.0
delta = 1e-5
target-epsilon = 8.0
rows-per-client = 800
";
        let plan = Plan::parse(text).unwrap();
        let split = Split::hold_back(Arc::new(sets::digits()), 0.2).unwrap();
        let stream = plan.seed().stream(Purpose::Partition);
        let holdings = Holdings::new(&split, plan.partition(), &Standardization::Scale, stream).unwrap();
        let network = plan.network(64, 10).unwrap();
        let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
        let start = Start { network: &network, model: &model, recipe: plan.recipe(), seed: plan.seed() };
        let run = |seed: u8| {
            let noise_seed = &NoiseSeed::from_bytes(&mut [seed; 32]);
            let promise = PooledPromise { protection: plan.protection().unwrap(), epsilon: 8.0, noise_seed };
            let budgets = [0, 4000, 40_000];
            centralized_by_example(&start, promise, &holdings.pooled, &holdings.test, &budgets).unwrap()
        };
        let way = run(1);
        assert_eq!(way.iter().map(|(budget, _)| *budget).collect::<Vec<_>>(), [0, 4000, 40_000]);
        assert!(way[2].1.accuracy > Some(0.8), "{way:?}");
        assert_eq!(run(1), way);
        assert_ne!(run(2), way);
    }
}
