//! Local training that protects every single example, and the account that a client keeps of it.
//!
//! Each step is the Poisson-subsampled Gaussian mechanism (Abadi et al. 2016) on the client's own rows: what it sends
//! afterwards, and every model that is made of it, was computed from released values alone.

use super::gradient_norms::{GradientNorms, Watched};
use super::{LocalTraining, LocalTrainingError, Task, Worker};
use crate::nn::{Examples, PrivateTrainer, Progress, Recipe, RecipeError, TrainError};
use crate::plan::{ExampleRule, Protection};
use crate::privacy::NoiseSeed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// In which rounds clients have trained. Each has its own account, which it keeps whatever the coordinator says. In a
/// process of one client that is one account, whatever number the coordinator gives it.
///
/// Invariant: no noise is drawn for a round before the round is in the account. Rounds only go up: two trainings in one round would
/// draw the same noise, and their difference would be bare.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// By the number of the client; under 0 if there is but one.
    trained: Mutex<BTreeMap<u32, TrainedRounds>>,
    one_client: bool,
}

/// In how many rounds a client has trained on its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedRounds {
    /// The last of them, from 1; 0 before the first.
    pub last: u32,
    /// How many.
    pub count: u32,
}

impl TrainedRounds {
    /// With one round more, if that is a new one.
    pub fn with(self, round: u32) -> Option<TrainedRounds> {
        (round > self.last).then(|| TrainedRounds { last: round, count: self.count.saturating_add(1) })
    }
}

impl Account {
    /// The account of one client, which has trained before.
    pub(super) fn of_one(trained: TrainedRounds) -> Account {
        Account { trained: Mutex::new(BTreeMap::from([(0, trained)])), one_client: true }
    }

    /// Writes a round down, if it is a new one and not one too many.
    fn charge(&self, client: u32, round: u32, rule: ExampleRule) -> Result<(), LocalTrainingError> {
        let mut accounts = self.trained.lock().unwrap_or_else(PoisonError::into_inner);
        let rounds = accounts.entry(if self.one_client { 0 } else { client }).or_default();
        let Some(after) = rounds.with(round) else {
            return Err(LocalTrainingError::RoundAgain { client, round, last: rounds.last });
        };
        if rounds.count >= rule.most_rounds {
            return Err(LocalTrainingError::PrivacySpent { client, round, rounds: rounds.count });
        }
        *rounds = after;
        Ok(())
    }
}

/// Trains the worker's model on a client's rows, so that no single one of them can be told from what comes out.
pub(super) fn train(
    training: &LocalTraining,
    (protection, rule): (&Protection, ExampleRule),
    (recipe, seed): (&Recipe, &NoiseSeed),
    task: Task<'_>,
    examples: &dyn Examples,
    worker: &mut Worker,
) -> Result<Progress, LocalTrainingError> {
    let Task { round, client, .. } = task;
    let Worker { workspace, local, gradients, .. } = worker;
    // Of a training that failed nobody took what was seen.
    gradients.iter_mut().for_each(|seen| *seen = GradientNorms::default());
    let noise = protection.example_noise(local.len()).expect("a rule for examples comes with their noise");
    let of_noise = |source| LocalTrainingError::ExampleNoise { client, round, source };
    let (mechanism, dropout) = noise
        .and_then(|noise| noise.mechanism(examples.len(), rule.rate, rule.denominator, seed, (round, client)))
        .map_err(of_noise)?;
    let of_training = |source: TrainError| LocalTrainingError::Train { client, round, source };
    let of_recipe = |error: RecipeError| of_training(error.into());
    let clip = protection.clip().norm();
    let mut trainer =
        PrivateTrainer::new(training.network(), recipe, clip, rule.steps_per_epoch as f64, dropout)
            .map_err(of_recipe)?;
    training.account.charge(client, round, rule)?;
    let mut mechanism = Watched { mechanism, clip, seen: gradients.as_mut() };
    trainer.advance(local, examples, rule.steps, &mut mechanism, workspace).map_err(of_training)?;
    // How many took part, and how well the model did on them, stays at home.
    Ok(Progress { steps: rule.steps, ..Progress::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Shard, sets};
    use crate::encoding::Update;
    use crate::params::Params;
    use crate::plan::Plan;
    use crate::protocol::DeclineReason;
    use crate::random::Purpose;
    use std::sync::Arc;

    const PLAN: &str = "\
[federation]
rounds = 3
[data]
source = \"digits\"
[partition]
clients = 10
[model]
hidden = [8]
dropout = 0.2
[training]
batch-size = 20
[aggregation]
weights = \"uniform\"
[privacy]
unit = \"example\"
clip = 1.0
delta = 1e-5
noise-multiplier = 1.0
rows-per-client = 100
";

    struct Client {
        training: LocalTraining,
        model: Params,
        rows: Shard,
    }

    impl Client {
        fn new(text: &str, seed: u8) -> Client {
            let plan = Plan::parse(text).unwrap();
            let network = Arc::new(plan.network(64, 10).unwrap());
            let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
            let seed = Arc::new(NoiseSeed::from_bytes(&mut [seed; 32]));
            let training = LocalTraining::with_noise(&plan, network, seed);
            let rows = Shard::all(Arc::new(sets::digits())).select(0..100).unwrap();
            Client { training, model, rows }
        }

        fn update(&self, round: u32) -> Result<Update, LocalTrainingError> {
            let task = Task { round, client: 1, model: &self.model, clip: None };
            self.training.update(task, &self.rows, &mut self.training.worker())
        }
    }

    #[test]
    fn an_update_carries_noise_and_nothing_else_of_the_rows() {
        let client = Client::new(PLAN, 1);
        let update = client.update(1).unwrap();
        assert_eq!((update.weight, update.loss), (1, 0));
        // The same seed gives the same update, another seed another one.
        assert_eq!(Client::new(PLAN, 1).update(1).unwrap(), update);
        assert_ne!(Client::new(PLAN, 2).update(1).unwrap().delta, update.delta);
        // Five steps of rate 0.05: noise of deviation z C / B each, in every coordinate.
        let mean_square = |delta: &[i32]| {
            delta.iter().map(|&value| (f64::from(value) / 2f64.powi(24)).powi(2)).sum::<f64>()
                / delta.len() as f64
        };
        let expected = 5.0 * (0.05f64 / 20.0).powi(2);
        let found = mean_square(&update.delta);
        assert!(found > 0.9 * expected && found < 1.6 * expected, "{found} {expected}");
    }

    /// Who looks changes nothing, and only a worker that was told to look has seen anything: that of a client was not.
    #[test]
    fn norms_of_gradients_are_seen_by_who_looks_and_are_no_part_of_an_update() {
        let (plain, watched) = (Client::new(PLAN, 1), Client::new(PLAN, 1));
        let task = |client: &Client, worker: &mut Worker| {
            let task = Task { round: 1, client: 1, model: &client.model, clip: None };
            client.training.update(task, &client.rows, worker).unwrap()
        };
        let (mut own, mut all) = (plain.training.worker(), watched.training.worker().watching());
        // All that there is to an update, and none of it is for what was seen.
        let Update { delta, weight, loss } = task(&plain, &mut own);
        assert_eq!(Update { delta, weight, loss }, task(&watched, &mut all));
        assert!(own.take_gradients().is_none());
        let seen = all.take_gradients().unwrap();
        // Five steps of 20 rows, drawn by coins.
        assert!((60..140).contains(&seen.norms.len()), "{}", seen.norms.len());
        assert!(seen.norms.iter().all(|norm| *norm > 0.0) && seen.zeros == 0);
        let longer = seen.norms.iter().filter(|norm| **norm > 1.0).count() as u64;
        assert!(longer > 0 && seen.shortened == longer, "{} {longer}", seen.shortened);
        assert!(all.take_gradients().unwrap().norms.is_empty());
    }

    #[test]
    fn a_round_is_trained_once() {
        let client = Client::new(PLAN, 1);
        client.update(2).unwrap();
        for round in [1, 2] {
            let refused = client.update(round).unwrap_err();
            assert_eq!(refused, LocalTrainingError::RoundAgain { client: 1, round, last: 2 });
            assert_eq!(refused.reason(), DeclineReason::Privacy);
        }
        client.update(3).unwrap();
    }

    #[test]
    fn a_client_stops_by_its_own_account_whatever_it_is_asked() {
        let text = PLAN.replace("rounds = 3", "rounds = 200").replace("delta", "target-epsilon = 5.0\ndelta");
        let client = Client::new(&text, 1);
        let rule = client.training.protection.as_ref().unwrap().examples().unwrap();
        assert!(rule.most_rounds > 1 && rule.most_rounds < 200, "{}", rule.most_rounds);
        for round in 1..=rule.most_rounds {
            client.training.account.charge(1, 2 * round, rule).unwrap();
        }
        let refused = client.update(500).unwrap_err();
        assert_eq!(
            refused,
            LocalTrainingError::PrivacySpent { client: 1, round: 500, rounds: rule.most_rounds }
        );
        // Another client has an account of its own, but one that is alone has one under any number.
        client.training.account.charge(2, 1, rule).unwrap();
        let alone = client.training.for_one_client(TrainedRounds { last: 7, count: rule.most_rounds - 1 });
        assert!(alone.account.charge(1, 7, rule).is_err());
        alone.account.charge(1, 8, rule).unwrap();
        let refused = alone.account.charge(2, 9, rule).unwrap_err();
        assert!(matches!(refused, LocalTrainingError::PrivacySpent { .. }), "{refused:?}");
    }
}
