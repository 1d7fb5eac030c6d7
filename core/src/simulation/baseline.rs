//! What a federation is compared with, at the same number of example-gradients and from the same first model.
//!
//! *Centralized*: one training run over everybody's rows pooled, which is what federated learning avoids.
//! *Local-only*: every client trains on its own rows alone, which is what it could do without a federation.
//!
//! Where the plan keeps rows back for validation, both keep back as large a share, and stop early by its loss: over the whole of
//! their training, where a client of the federation does so in each of its rounds.

use crate::data::Shard;
use crate::nn::{self, EvaluateError, Evaluation, Examples, Fit, Network, Recipe, TrainError, Workspace};
use crate::params::Params;
use crate::plan::PrivacyFault;
use crate::privacy::ExampleNoiseError;
use crate::random::{Purpose, Seed};
use rayon::prelude::*;

/// The round under which baselines draw their shuffles: no round of a federation has this number.
const NO_ROUND: u32 = 0;

/// A model as it stands after some example-gradients.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// How many example-gradients there were to be computed so far, less if training stopped early; for local-only, by all clients
    /// together.
    pub gradients: u64,
    /// The mean training loss since the checkpoint before.
    pub train_loss: f64,
    /// The model on the test rows; for local-only, the mean over clients.
    pub test: Scores,
}

/// What baselines are judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Mean loss over the test rows.
    pub loss: f64,
    /// Share of the test rows that are classified rightly; none for a regression.
    pub accuracy: Option<f64>,
}

/// Why a baseline cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// Training failed.
    #[error("the {baseline} baseline: {source}")]
    Train {
        /// Which baseline.
        baseline: &'static str,
        /// Why.
        source: TrainError,
    },
    /// No noise keeps its promise.
    #[error("the {baseline} baseline: {source}")]
    Noise {
        /// Which baseline.
        baseline: &'static str,
        /// Why.
        source: PrivacyFault,
    },
    /// The noise that keeps its promise does not go with its model or rows.
    #[error("the {baseline} baseline: {source}")]
    ExampleNoise {
        /// Which baseline.
        baseline: &'static str,
        /// Why.
        source: ExampleNoiseError,
    },
    /// The model cannot be judged.
    #[error("the {baseline} baseline: {source}")]
    Evaluate {
        /// Which baseline.
        baseline: &'static str,
        /// Why.
        source: EvaluateError,
    },
}

/// A training run over everybody's rows, judged whenever it has computed as many example-gradients as one of the
/// `budgets` says (ascending); it ends with the last.
pub fn centralized(
    start: &Start<'_>,
    pooled: &Shard,
    test: &Shard,
    budgets: &[u64],
) -> Result<(Params, Vec<Checkpoint>), BaselineError> {
    let baseline = "centralized";
    let failed = |source| BaselineError::Train { baseline, source };
    let mut run = Run::new(start, pooled, 0).map_err(failed)?;
    let checkpoints = budgets.iter().map(|&gradients| {
        let train_loss = run.advance_to(gradients).map_err(failed)?;
        let test = scores(start.network, run.model(), test)
            .map_err(|source| BaselineError::Evaluate { baseline, source })?;
        Ok(Checkpoint { gradients, train_loss, test })
    });
    let checkpoints = checkpoints.collect::<Result<_, _>>()?;
    Ok((run.model().clone(), checkpoints))
}

/// A training run for every client over its own rows, each with its share of the `budgets` by number of rows, so
/// that all clients make as many passes over their rows; judged by the mean over clients.
pub fn local_only(
    start: &Start<'_>,
    shards: &[Shard],
    test: &Shard,
    budgets: &[u64],
) -> Result<Vec<Checkpoint>, BaselineError> {
    let baseline = "local-only";
    let rows: u64 = shards.iter().map(|shard| shard.len() as u64).sum();
    let clients = shards.par_iter().enumerate().map(|(at, shard)| {
        let failed = |source| BaselineError::Train { baseline, source };
        let mut run = Run::new(start, shard, at as u32 + 1).map_err(failed)?;
        let checkpoints = budgets.iter().map(|&gradients| {
            let own = share(gradients, shard.len() as u64, rows);
            let train_loss = run.advance_to(own).map_err(failed)?;
            let test = scores(start.network, run.model(), test)
                .map_err(|source| BaselineError::Evaluate { baseline, source })?;
            Ok(Checkpoint { gradients, train_loss, test })
        });
        checkpoints.collect::<Result<Vec<_>, _>>()
    });
    let clients = clients.collect::<Result<Vec<_>, _>>()?;
    Ok((0..budgets.len()).map(|at| mean(&clients, at)).collect())
}

/// What every baseline starts from: the same as the federation.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The network.
    pub network: &'a Network,
    /// The first model.
    pub model: &'a Params,
    /// The local training of the plan; its number of epochs does not matter here.
    pub recipe: &'a Recipe,
    /// The seed of the plan.
    pub seed: Seed,
}

/// A training run in progress.
struct Run<'a> {
    fit: Fit,
    params: Params,
    workspace: Workspace,
    examples: &'a Shard,
    done: u64,
    /// The mean loss of the last stretch in which anything was computed.
    train_loss: f64,
}

impl<'a> Run<'a> {
    fn new(start: &Start<'a>, examples: &'a Shard, client: u32) -> Result<Run<'a>, TrainError> {
        let shuffle = start.seed.stream_for(Purpose::Shuffle, NO_ROUND, client);
        let fit = Fit::new(start.network, start.recipe, examples, shuffle)?;
        let (params, workspace) = (start.model.clone(), Workspace::new(start.network));
        Ok(Run { fit, params, workspace, examples, done: 0, train_loss: 0.0 })
    }

    /// The model as it would be if training ended now.
    fn model(&self) -> &Params {
        self.fit.best().unwrap_or(&self.params)
    }

    /// Trains on until it has computed so many example-gradients in all, or has stopped before; gives the mean loss since the
    /// last call, and the one before where nothing was computed.
    fn advance_to(&mut self, gradients: u64) -> Result<f64, TrainError> {
        let budget = gradients.saturating_sub(self.done);
        self.done += budget;
        let progress = self.fit.advance(&mut self.params, self.examples, budget, &mut self.workspace)?;
        if progress.examples > 0 {
            self.train_loss = progress.mean_loss;
        }
        Ok(self.train_loss)
    }
}

/// The part of a budget that falls to `rows` of `all` rows, rounded to the nearest.
fn share(budget: u64, rows: u64, all: u64) -> u64 {
    let share = (u128::from(budget) * u128::from(rows) + u128::from(all) / 2) / u128::from(all.max(1));
    u64::try_from(share).expect("a share of a budget is no larger than the budget")
}

fn scores(network: &Network, params: &Params, test: &Shard) -> Result<Scores, EvaluateError> {
    nn::evaluate(network, params, test).map(Scores::from)
}

fn mean(clients: &[Vec<Checkpoint>], at: usize) -> Checkpoint {
    let count = clients.len() as f64;
    let mean = |value: &dyn Fn(&Checkpoint) -> f64| {
        clients.iter().map(|checkpoints| value(&checkpoints[at])).sum::<f64>() / count
    };
    let classifies = clients.iter().all(|checkpoints| checkpoints[at].test.accuracy.is_some());
    Checkpoint {
        gradients: clients[0][at].gradients,
        train_loss: mean(&|checkpoint| checkpoint.train_loss),
        test: Scores {
            loss: mean(&|checkpoint| checkpoint.test.loss),
            accuracy: classifies
                .then(|| mean(&|checkpoint| checkpoint.test.accuracy.expect("every client has one"))),
        },
    }
}

impl From<Evaluation> for Scores {
    fn from(evaluation: Evaluation) -> Scores {
        Scores { loss: evaluation.loss, accuracy: evaluation.accuracy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Holdings, Split, Standardization, sets};
    use crate::plan::Plan;
    use std::sync::Arc;

    fn setting() -> (Plan, Network, Holdings) {
        let text = "[data]\nsource = \"digits\"\n[partition]\nclients = 5\n[model]\nhidden = [16]\n";
        let plan = Plan::parse(text).unwrap();
        let split = Split::hold_back(Arc::new(sets::digits()), 0.2).unwrap();
        let stream = plan.seed().stream(Purpose::Partition);
        let holdings = Holdings::new(&split, plan.partition(), &Standardization::Scale, stream).unwrap();
        let network = plan.network(64, 10).unwrap();
        (plan, network, holdings)
    }

    #[test]
    fn checkpoints_are_taken_on_the_way() {
        let (plan, network, holdings) = setting();
        let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
        let start = Start { network: &network, model: &model, recipe: plan.recipe(), seed: plan.seed() };
        let run = |budgets: &[u64]| centralized(&start, &holdings.pooled, &holdings.test, budgets).unwrap();
        let (_, at_once) = run(&[6000]);
        let (_, in_parts) = run(&[0, 1000, 6000]);
        assert_eq!(in_parts.len(), 3);
        assert!(in_parts[2].test.accuracy > in_parts[0].test.accuracy);
        // Batches that end at a checkpoint are smaller, so the models differ, but not by much.
        let accuracy = |checkpoint: &Checkpoint| checkpoint.test.accuracy.unwrap();
        assert!((accuracy(&at_once[0]) - accuracy(&in_parts[2])).abs() < 0.05);
    }

    #[test]
    fn a_baseline_stops_early_where_the_plan_says_so() {
        let text = "[data]\nsource = \"digits\"\n[partition]\nclients = 5\n[model]\nhidden = [16]\n\
                    [training]\nvalidation-split = 0.3\nearly-stopping = 2\nlearning-rate = 0.5\n";
        let (plan, holdings) = (Plan::parse(text).unwrap(), setting().2);
        let network = plan.network(64, 10).unwrap();
        let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
        let start = Start { network: &network, model: &model, recipe: plan.recipe(), seed: plan.seed() };
        let last = |passes: u64| {
            let budget = passes * holdings.pooled.len() as u64;
            centralized(&start, &holdings.pooled, &holdings.test, &[budget]).unwrap().0
        };
        assert_ne!(last(1), last(10));
        assert_eq!(last(200), last(400), "it has stopped long before, with the best model");
    }

    #[test]
    fn clients_on_their_own_learn_less_than_all_rows_together() {
        let (plan, network, holdings) = setting();
        let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
        let start = Start { network: &network, model: &model, recipe: plan.recipe(), seed: plan.seed() };
        let budget = [5 * holdings.pooled.len() as u64];
        let (_, pooled) = centralized(&start, &holdings.pooled, &holdings.test, &budget).unwrap();
        let alone = local_only(&start, &holdings.clients, &holdings.test, &budget).unwrap();
        assert!(alone[0].test.accuracy < pooled[0].test.accuracy);
        assert_eq!(alone[0].gradients, budget[0]);
    }

    #[test]
    fn shares_of_a_budget_go_by_rows() {
        assert_eq!(share(1000, 1, 4), 250);
        assert_eq!(share(u64::MAX, 3, 3), u64::MAX);
        assert_eq!(share(10, 0, 4), 0);
    }
}
