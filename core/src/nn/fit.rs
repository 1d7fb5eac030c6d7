//! A training run over some rows, with a look at those of them that are kept back.

use super::evaluate::mean_loss;
use super::examples::{Examples, Target};
use super::network::Network;
use super::recipe::Recipe;
use super::train::{Progress, TrainError};
use super::trainer::{Trainer, check_rows, shuffle};
use super::workspace::Workspace;
use crate::params::Params;
use crate::random::Stream;

/// Training that can be interrupted and resumed, and does what `validation-split` and `early-stopping` say over the whole of it.
#[derive(Debug, Clone)]
pub struct Fit {
    trainer: Trainer,
    watch: Option<Watch>,
}

/// The look at the rows that are kept back, after each epoch.
#[derive(Debug, Clone)]
struct Watch {
    training: Vec<u32>,
    validation: Vec<u32>,
    /// How many epochs may go by without a better loss; none if training goes on whatever happens.
    patience: Option<u32>,
    waited: u32,
    /// The last loss of the rows kept back.
    loss: Option<f64>,
    /// The best one, and the model that had it; only where training may stop.
    best: Option<(f64, Params)>,
}

impl Fit {
    /// Training from its beginning. `stream` draws the rows that are kept back, if any are, then the order of the
    /// others and the units that dropout silences.
    ///
    /// # Errors
    /// Rows that are too few to keep some of them back.
    pub fn new(
        network: &Network,
        recipe: &Recipe,
        examples: &dyn Examples,
        mut stream: Stream,
    ) -> Result<Fit, TrainError> {
        let watch = match recipe.config().validation_split {
            0.0 => None,
            share => {
                // Before they are split, so that an error names a row by its own number.
                check_rows(network, examples)?;
                let [training, validation] = split(recipe, examples.len(), share, &mut stream)?;
                let patience = recipe.config().early_stopping.value();
                Some(Watch { training, validation, patience, waited: 0, loss: None, best: None })
            }
        };
        Ok(Fit { trainer: Trainer::new(network, recipe, stream), watch })
    }

    /// The model of the best epoch so far, where training may stop early: it is that one which training ends with.
    pub fn best(&self) -> Option<&Params> {
        self.watch.as_ref()?.best.as_ref().map(|(_, params)| params)
    }

    /// [`best`](Fit::best), and the end.
    pub fn into_best(self) -> Option<Params> {
        self.watch?.best.map(|(_, params)| params)
    }

    /// Trains on `budget` example-gradients more, or less if it stops. Every call has to bring the same rows, and the parameters as
    /// the last one left them. After an error these are to be thrown away.
    pub fn advance(
        &mut self,
        params: &mut Params,
        examples: &dyn Examples,
        budget: u64,
        workspace: &mut Workspace,
    ) -> Result<Progress, TrainError> {
        let Some(watch) = &mut self.watch else {
            return self.trainer.advance(params, examples, budget, workspace);
        };
        let mut total = Progress::default();
        while total.examples < budget && !watch.is_over() {
            let training = Rows { examples, rows: &watch.training };
            let epoch = match self.trainer.left_of_epoch() {
                0 => training.len(),
                left => left,
            };
            let piece = (epoch as u64).min(budget - total.examples);
            let done = self.trainer.advance(params, &training, piece, workspace)?;
            total.mean_loss += done.mean_loss * done.examples as f64;
            total.examples += done.examples;
            total.steps += done.steps;
            if self.trainer.left_of_epoch() == 0 {
                let validation = Rows { examples, rows: &watch.validation };
                let loss = mean_loss(self.trainer.network(), params, &validation, workspace)?;
                watch.look(loss, params);
            }
        }
        if total.examples > 0 {
            total.mean_loss /= total.examples as f64;
        }
        total.validation_loss = watch.best.as_ref().map(|(loss, _)| *loss).or(watch.loss);
        Ok(total)
    }
}

impl Watch {
    /// Takes in the loss after an epoch. One that is no number is no better than any.
    fn look(&mut self, loss: f64, params: &Params) {
        self.loss = Some(loss);
        if self.patience.is_none() {
            return;
        }
        let better = match &self.best {
            None => !loss.is_nan(),
            Some((lowest, _)) => loss < *lowest,
        };
        if better {
            self.best = Some((loss, params.clone()));
            self.waited = 0;
        } else {
            self.waited += 1;
        }
    }

    fn is_over(&self) -> bool {
        self.patience.is_some_and(|patience| self.waited >= patience)
    }
}

/// Some rows of others.
struct Rows<'a> {
    examples: &'a dyn Examples,
    rows: &'a [u32],
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

/// Rows to train on, and a share of them to judge by: at least one of each.
fn split(recipe: &Recipe, rows: usize, share: f64, stream: &mut Stream) -> Result<[Vec<u32>; 2], TrainError> {
    if rows < 2 {
        return Err(TrainError::TooFewRows { rows, share });
    }
    let mut order: Vec<u32> =
        (0..u32::try_from(rows).map_err(|_| TrainError::TooManyRows { rows })?).collect();
    shuffle(&mut order, stream);
    let validation = order.split_off(recipe.training_rows(rows));
    Ok([order, validation])
}

impl Recipe {
    /// How many of so many rows are trained on: all but those that `validation-split` keeps back.
    pub fn training_rows(&self, rows: usize) -> usize {
        match self.config().validation_split {
            0.0 => rows,
            _ if rows < 2 => rows,
            share => rows - (libm::round(rows as f64 * share) as usize).clamp(1, rows - 1),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::nn::reference::Rows as Table;
    use crate::nn::{ModelConfig, Switch, TrainingConfig, evaluate};
    use crate::random::{Purpose, Seed};

    pub(in crate::nn) fn stream() -> Stream {
        Seed(1).stream_for(Purpose::Shuffle, 1, 1)
    }

    /// Rows of two classes of which nothing can be learned.
    pub(in crate::nn) fn noise(rows: u32) -> Table {
        Table::new(6, (0..rows).map(|row| Target::Class(row % 2)).collect())
    }

    fn recipe(validation_split: f64, early_stopping: Switch<u32>) -> Recipe {
        let config = TrainingConfig {
            learning_rate: 0.2,
            validation_split,
            early_stopping,
            ..TrainingConfig::default()
        };
        Recipe::new(&config).unwrap()
    }

    fn split_of(rows: usize, share: f64) -> [Vec<u32>; 2] {
        split(&recipe(share, Switch::Off), rows, share, &mut stream()).unwrap()
    }

    /// A network for them, and its first model.
    pub(in crate::nn) fn network(recipe: &Recipe) -> (Network, Params) {
        let model = ModelConfig { hidden: vec![30], ..ModelConfig::default() };
        let network = Network::new(&model, 6, 2, recipe.loss()).unwrap();
        let params = network.initialize(&mut Seed(1).stream(Purpose::Initialization));
        (network, params)
    }

    fn fit(stopping: Switch<u32>, rows: &Table) -> (Fit, Params, Workspace) {
        let recipe = recipe(0.3, stopping);
        let (network, params) = network(&recipe);
        (Fit::new(&network, &recipe, rows, stream()).unwrap(), params, Workspace::new(&network))
    }

    #[test]
    fn the_rows_are_split_into_two_without_overlap() {
        let [training, validation] = split_of(50, 0.2);
        assert_eq!((training.len(), validation.len()), (40, 10));
        let mut all = [training, validation].concat();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<u32>>());
        let [training, validation] = split_of(50, 0.001);
        assert_eq!((training.len(), validation.len()), (49, 1));
    }

    #[test]
    fn the_validation_loss_is_that_of_the_rows_kept_back() {
        let table = noise(30);
        let (mut fit, mut params, mut workspace) = fit(Switch::Off, &table);
        let begun = fit.advance(&mut params, &table, 20, &mut workspace).unwrap();
        assert_eq!(begun.validation_loss, None, "no epoch is over");
        let progress = fit.advance(&mut params, &table, 1, &mut workspace).unwrap();
        let [_, validation] = split_of(30, 0.3);
        let validation = Rows { examples: &table, rows: &validation };
        let judged = evaluate(fit.trainer.network(), &params, &validation).unwrap();
        assert_eq!(progress.validation_loss, Some(judged.loss));
    }

    #[test]
    fn a_run_in_pieces_stops_where_a_run_at_once_stops_and_computes_nothing_more() {
        // The validation loss soon only rises.
        let table = noise(60);
        let (mut at_once, mut params, mut workspace) = fit(Switch::On(5), &table);
        let (mut in_pieces, mut own) = (at_once.clone(), params.clone());
        let whole = at_once.advance(&mut params, &table, 200 * 42, &mut workspace).unwrap();
        assert!(whole.examples < 200 * 42, "{whole:?}");
        // Batches of ten: epochs of 42 end within a piece of 84, and at its end.
        let pieces =
            (0..100).map(|_| in_pieces.advance(&mut own, &table, 84, &mut workspace).unwrap().examples);
        assert_eq!(pieces.sum::<u64>(), whole.examples);
        assert!(at_once.best().is_some() && in_pieces.best() == at_once.best());
        let more = at_once.advance(&mut params, &table, 1000, &mut workspace).unwrap();
        assert_eq!((more.examples, more.validation_loss), (0, whole.validation_loss));
    }

    #[test]
    fn a_loss_that_is_no_number_is_not_the_best() {
        let table = noise(60);
        let (fit, params, _) = fit(Switch::On(2), &table);
        let mut watch = fit.watch.unwrap();
        watch.look(f64::NAN, &params);
        assert!(watch.best.is_none() && watch.waited == 1);
        watch.look(0.5, &params);
        watch.look(f64::NAN, &params);
        assert_eq!((watch.best.as_ref().map(|best| best.0), watch.waited), (Some(0.5), 1));
        assert!(!watch.is_over());
        watch.look(0.5, &params);
        assert!(watch.is_over());
    }
}
