//! What a participant does in a round: all epochs of a recipe, and the watch over them.

use super::evaluate::{EvaluateError, mean_loss};
use super::examples::{Examples, Target};
use super::misfit::Misfit;
use super::network::Network;
use super::recipe::{Recipe, RecipeError};
use super::trainer::{Trainer, check_rows, shuffle};
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
    mut stream: Stream,
    workspace: &mut Workspace,
) -> Result<Progress, TrainError> {
    let share = recipe.config().validation_split;
    if share > 0.0 {
        // Before they are split, so that an error names a row by its own number.
        check_rows(network, examples)?;
        let (training, validation) = split(examples, share, &mut stream)?;
        let trainer = Trainer::new(network, recipe, stream);
        return watched(network, recipe, trainer, params, [&training, &validation], workspace);
    }
    let budget = u64::from(recipe.epochs()) * examples.len() as u64;
    Trainer::new(network, recipe, stream).advance(params, examples, budget, workspace)
}

/// Some rows of others.
struct Rows<'a> {
    examples: &'a dyn Examples,
    rows: Vec<u32>,
}

impl Examples for Rows<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn width(&self) -> usize {
        self.examples.width()
    }
    fn copy_features(&self, row: usize, out: &mut [f32]) {
        self.examples.copy_features(self.rows[row] as usize, out);
    }
    fn target(&self, row: usize) -> Target {
        self.examples.target(self.rows[row] as usize)
    }
    fn weight(&self, row: usize) -> f32 {
        self.examples.weight(self.rows[row] as usize)
    }
}

/// Rows to train on, and a share to judge by: at least one of each.
fn split<'a>(
    examples: &'a dyn Examples,
    share: f64,
    stream: &mut Stream,
) -> Result<(Rows<'a>, Rows<'a>), TrainError> {
    let rows = examples.len();
    if rows < 2 {
        return Err(TrainError::TooFewRows { rows, share });
    }
    let mut order: Vec<u32> =
        (0..u32::try_from(rows).map_err(|_| TrainError::TooManyRows { rows })?).collect();
    shuffle(&mut order, stream);
    let kept = (libm::round(rows as f64 * share) as usize).clamp(1, rows - 1);
    let validation = order.split_off(rows - kept);
    Ok((Rows { examples, rows: order }, Rows { examples, rows: validation }))
}

/// Epoch by epoch, with a look at the validation rows after each.
fn watched(
    network: &Network,
    recipe: &Recipe,
    mut trainer: Trainer,
    params: &mut Params,
    [training, validation]: [&Rows; 2],
    workspace: &mut Workspace,
) -> Result<Progress, TrainError> {
    let patience = recipe.config().early_stopping.value();
    let mut total = Progress::default();
    let mut best: Option<(f64, Params)> = None;
    let mut waited = 0;
    for _ in 0..recipe.epochs() {
        let epoch = trainer.advance(params, training, training.len() as u64, workspace)?;
        total.mean_loss += epoch.mean_loss * epoch.examples as f64;
        total.examples += epoch.examples;
        total.steps += epoch.steps;
        let loss = mean_loss(network, params, validation, workspace)?;
        total.validation_loss = Some(loss);
        let Some(patience) = patience else { continue };
        if best.as_ref().is_none_or(|(lowest, _)| loss < *lowest) {
            best = Some((loss, params.clone()));
            waited = 0;
            continue;
        }
        waited += 1;
        if waited == patience {
            break;
        }
    }
    total.mean_loss /= total.examples as f64;
    if let Some((loss, model)) = best {
        total.validation_loss = Some(loss);
        *params = model;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::reference::Rows as Table;
    use crate::nn::{ModelConfig, Switch, TrainingConfig, evaluate};
    use crate::random::{Purpose, Seed};

    fn stream() -> Stream {
        Seed(1).stream_for(Purpose::Shuffle, 1, 1)
    }

    fn noise(rows: u32) -> Table {
        Table::new(6, (0..rows).map(|row| Target::Class(row % 2)).collect())
    }

    fn run(change: impl FnOnce(&mut TrainingConfig), rows: &Table) -> (Params, Result<Progress, TrainError>) {
        let mut training = TrainingConfig { learning_rate: 0.2, ..TrainingConfig::default() };
        change(&mut training);
        let recipe = Recipe::new(&training).unwrap();
        let model = ModelConfig { hidden: vec![30], ..ModelConfig::default() };
        let network = Network::new(&model, 6, 2, recipe.loss()).unwrap();
        let mut params = network.initialize(&mut Seed(1).stream(Purpose::Initialization));
        let progress = train(&network, &recipe, &mut params, rows, stream(), &mut Workspace::new(&network));
        (params, progress)
    }

    #[test]
    fn the_rows_are_split_into_two_without_overlap() {
        let table = noise(50);
        let (training, validation) = split(&table, 0.2, &mut stream()).unwrap();
        assert_eq!((training.len(), validation.len()), (40, 10));
        let mut all = [training.rows.clone(), validation.rows.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<u32>>());
        let (training, validation) = split(&table, 0.001, &mut stream()).unwrap();
        assert_eq!((training.len(), validation.len()), (49, 1));
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
    fn the_validation_loss_is_that_of_the_rows_kept_back() {
        let table = noise(30);
        let (params, progress) = run(|training| training.validation_split = 0.3, &table);
        let (_, validation) = split(&table, 0.3, &mut stream()).unwrap();
        let recipe = Recipe::new(&TrainingConfig::default()).unwrap();
        let model = ModelConfig { hidden: vec![30], ..ModelConfig::default() };
        let network = Network::new(&model, 6, 2, recipe.loss()).unwrap();
        let judged = evaluate(&network, &params, &validation).unwrap();
        assert_eq!(progress.unwrap().validation_loss, Some(judged.loss));
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
