//! What a participant does in a round: all epochs of a recipe.

use super::evaluate::EvaluateError;
use super::examples::Examples;
use super::fit::Fit;
use super::misfit::Misfit;
use super::network::Network;
use super::recipe::{Recipe, RecipeError};
use super::workspace::Workspace;
use crate::params::Params;
use crate::random::Stream;

/// What a stretch of training did.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// The mean of the rows' losses, each taken just before the step that learned from it.
    pub mean_loss: f64,
    /// How many example-gradients were computed: rows times passes.
    pub examples: u64,
    /// How many steps were made.
    pub steps: u64,
    /// The mean loss of the model on the rows that `validation-split` kept back, if it kept any.
    pub validation_loss: Option<f64>,
}

/// Why training stopped.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum TrainError {
    /// There is nothing to learn from.
    #[error("there are no rows to train on")]
    NoRows,
    /// More rows than can be counted.
    #[error("{rows} rows are more than the 4,294,967,295 that one training can shuffle: split them")]
    TooManyRows {
        /// How many.
        rows: usize,
    },
    /// No row is left to train on, or none to judge by, once some are kept back.
    #[error(
        "{rows} rows are too few to keep a share of {share} back for validation: leave out `validation-split`"
    )]
    TooFewRows {
        /// How many there are.
        rows: usize,
        /// The share.
        share: f64,
    },
    /// The recipe is not for this network.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The rows kept back for validation cannot be judged by.
    #[error(transparent)]
    Validation(#[from] EvaluateError),
    /// The rows or the model do not fit the network.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// A sample weight below zero, infinite or not a number.
    #[error("row {row} has the weight {weight}: a weight has to be a number of at least 0")]
    BadWeight {
        /// Which row, from 0.
        row: usize,
        /// Its weight.
        weight: f32,
    },
    /// The loss or the parameters went to infinity.
    #[error(
        "training diverged at step {step} (learning rate {learning_rate}): the loss is no finite number any more; \
         try a learning rate ten times smaller, and check that the features are scaled"
    )]
    Diverged {
        /// Which step, from 1.
        step: u64,
        /// The learning rate of that step.
        learning_rate: f64,
    },
}

/// All epochs of a recipe with a fresh optimizer: what a participant does in a round.
///
/// With a `validation-split` some rows, drawn from `stream`, are kept back, and with `early-stopping` training ends
/// when their loss has not become better for so many epochs; then the model is that of the best epoch. Otherwise
/// `stream` decides the order of the rows, and the units that dropout silences.
pub fn train(
    network: &Network,
    recipe: &Recipe,
    params: &mut Params,
    examples: &dyn Examples,
    stream: Stream,
    workspace: &mut Workspace,
) -> Result<Progress, TrainError> {
    let mut fit = Fit::new(network, recipe, examples, stream)?;
    let budget = u64::from(recipe.epochs()) * recipe.training_rows(examples.len()) as u64;
    let progress = fit.advance(params, examples, budget, workspace)?;
    if let Some(best) = fit.into_best() {
        *params = best;
    }
    Ok(progress)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::fit::tests::{network, noise, stream};
    use crate::nn::reference::Rows as Table;
    use crate::nn::{Switch, Target, TrainingConfig};

    fn run(change: impl FnOnce(&mut TrainingConfig), rows: &Table) -> (Params, Result<Progress, TrainError>) {
        let mut training = TrainingConfig { learning_rate: 0.2, ..TrainingConfig::default() };
        change(&mut training);
        let recipe = Recipe::new(&training).unwrap();
        let (network, mut params) = network(&recipe);
        let progress = train(&network, &recipe, &mut params, rows, stream(), &mut Workspace::new(&network));
        (params, progress)
    }

    #[test]
    fn training_on_noise_stops_early_with_the_best_model() {
        // Nothing can be learned from noise: the validation loss soon only rises.
        let table = noise(60);
        let change = |epochs, stopping| {
            move |training: &mut TrainingConfig| {
                (training.epochs, training.validation_split) = (epochs, 0.3);
                training.early_stopping = stopping;
            }
        };
        let (params, stopped) = run(change(200, Switch::On(5)), &table);
        let stopped = stopped.unwrap();
        assert!(stopped.examples < 200 * 42, "{stopped:?}");
        let best = stopped.examples / 42 - 5;
        // The best model is that of the epoch before it waited, and its loss the one that is told.
        let (wanted, progress) = run(change(best as u32, Switch::Off), &table);
        assert_eq!(params, wanted);
        assert_eq!(stopped.validation_loss, progress.unwrap().validation_loss);
    }

    #[test]
    fn a_bad_row_is_named_by_its_own_number() {
        let mut table = noise(20);
        table.targets[13] = Target::Class(2);
        let (_, refused) = run(|training| training.validation_split = 0.5, &table);
        let (row, target, outputs) = (13, Target::Class(2), 2);
        assert_eq!(refused, Err(Misfit::TargetDoesNotFit { row, target, outputs }.into()));
    }

    #[test]
    fn one_row_cannot_be_split() {
        let (_, refused) = run(|training| training.validation_split = 0.5, &noise(1));
        assert_eq!(refused, Err(TrainError::TooFewRows { rows: 1, share: 0.5 }));
    }
}
