//! Local training: mini-batches in a seeded shuffle, a step each.

use rand::RngExt;

use super::config::BatchSize;
use super::examples::{Examples, Target};
use super::network::Network;
use super::optimizer::Optimizer;
use super::recipe::Recipe;
use super::workspace::{CHUNK, Update, Workspace};
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
}

/// Why training stopped.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum TrainError {
    /// There is nothing to learn from.
    #[error("there are no rows to train on")]
    NoRows,
    /// The rows have another number of features than the network has inputs.
    #[error("the rows have {found} features, but the network takes {expected}: it was made for other data")]
    WrongWidth {
        /// Inputs of the network.
        expected: usize,
        /// Features of the rows.
        found: usize,
    },
    /// The parameters are those of another network.
    #[error(
        "the model has {found} parameters, but the network has {expected}: it is of another architecture"
    )]
    WrongModel {
        /// Parameters of the network.
        expected: usize,
        /// Parameters of the model.
        found: usize,
    },
    /// A target that the network cannot be compared with.
    #[error(
        "row {row} has the target {target:?}, which does not fit a network for {outputs} classes (1: a number)"
    )]
    TargetDoesNotFit {
        /// Which row, from 0.
        row: usize,
        /// Its target.
        target: Target,
        /// Classes of the network, or 1.
        outputs: usize,
    },
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

/// Training that can be interrupted and resumed: it keeps the optimizer's state and its place in the shuffled epoch.
#[derive(Debug, Clone)]
pub struct Trainer {
    network: Network,
    recipe: Recipe,
    shuffle: Stream,
    optimizer: Optimizer,
    /// The rows in the order of this epoch.
    order: Vec<u32>,
    /// How many of them are done.
    position: usize,
    steps: u64,
}

impl Trainer {
    /// Training from its beginning; `shuffle` decides the order of the rows.
    pub fn new(network: &Network, recipe: &Recipe, shuffle: Stream) -> Trainer {
        let optimizer = Optimizer::new(recipe, network.layout().len());
        let (network, recipe) = (network.clone(), recipe.clone());
        Trainer { network, recipe, shuffle, optimizer, order: Vec::new(), position: 0, steps: 0 }
    }

    /// Trains on exactly `budget` example-gradients more; the last mini-batch of an epoch, or of the budget, may be
    /// smaller than the others. After an error the parameters are to be thrown away.
    ///
    /// Every call of one trainer has to bring the same rows.
    pub fn advance(
        &mut self,
        params: &mut Params,
        examples: &dyn Examples,
        budget: u64,
        workspace: &mut Workspace,
    ) -> Result<Progress, TrainError> {
        check_shapes(&self.network, params, examples)?;
        let batch = match self.recipe.batch_size() {
            BatchSize::Rows(rows) => rows as usize,
            BatchSize::Full => examples.len(),
        };
        workspace.reserve(&self.network, batch.min(CHUNK).min(examples.len()));
        workspace.transpose_weights(&self.network, params.values());
        let mut progress = Progress::default();
        while progress.examples < budget {
            if self.position == self.order.len() || self.order.len() != examples.len() {
                self.next_epoch(examples.len());
            }
            let left = budget - progress.examples;
            let rows = batch.min(self.order.len() - self.position);
            let rows = usize::try_from(left).map_or(rows, |left| rows.min(left));
            let loss = self.step(params.values_mut(), examples, rows, workspace)?;
            self.position += rows;
            progress.examples += rows as u64;
            progress.steps += 1;
            progress.mean_loss += loss * rows as f64;
        }
        if progress.examples > 0 {
            progress.mean_loss /= progress.examples as f64;
        }
        // A last step may have gone astray without a loss to show it.
        if params.values().iter().all(|value| value.is_finite()) {
            Ok(progress)
        } else {
            Err(self.diverged())
        }
    }

    /// Fisher and Yates; the full batch keeps its order, since it is one sum whatever the order.
    fn next_epoch(&mut self, rows: usize) {
        self.position = 0;
        self.order.clear();
        self.order.extend(0..u32::try_from(rows).expect("a data set has fewer than 2^32 rows"));
        if self.recipe.batch_size() != BatchSize::Full {
            for last in (1..rows).rev() {
                let other = below(last as u32 + 1, &mut self.shuffle);
                self.order.swap(last, other as usize);
            }
        }
    }

    /// One step on the next `rows` rows; the mean of their losses before it.
    fn step(
        &mut self,
        params: &mut [f32],
        examples: &dyn Examples,
        rows: usize,
        workspace: &mut Workspace,
    ) -> Result<f64, TrainError> {
        self.steps += 1;
        let network = &self.network;
        let batch = &self.order[self.position..][..rows];
        let fused = matches!(self.optimizer, Optimizer::Descent) && rows <= CHUNK;
        if !fused {
            workspace.gradient.resize(params.len(), 0.0);
        }
        let rate = self.recipe.learning_rate();
        let total = total_weight(examples, batch)?;
        let mut loss = 0.0;
        for (index, chunk) in batch.chunks(CHUNK).enumerate() {
            for (slot, &row) in chunk.iter().enumerate() {
                let row = row as usize;
                workspace.targets[slot] = fitting_target(network, examples, row)?;
                workspace.scales[slot] = scale(examples.weight(row), total);
            }
            workspace.gather(examples, chunk.iter().map(|&row| row as usize));
            workspace.forward(network, params, chunk.len());
            loss += workspace.judge(network, chunk.len(), true);
            let update = if fused {
                let beta = (1.0 - rate * self.recipe.config().weight_decay) as f32;
                Update::Descend { rate: rate as f32, beta }
            } else {
                Update::Collect { accumulate: index > 0 }
            };
            if !loss.is_finite() {
                return Err(self.diverged());
            }
            workspace.backward(network, params, chunk.len(), &update);
        }
        if !fused {
            let path = workspace.path();
            self.optimizer.step(path, &self.recipe, self.steps, params, &workspace.gradient);
            workspace.transpose_weights(network, params);
        }
        Ok(loss)
    }

    fn diverged(&self) -> TrainError {
        TrainError::Diverged { step: self.steps, learning_rate: self.recipe.learning_rate() }
    }
}

/// All epochs of a recipe with a fresh optimizer: what a participant does in a round.
pub fn train(
    network: &Network,
    recipe: &Recipe,
    params: &mut Params,
    examples: &dyn Examples,
    shuffle: Stream,
    workspace: &mut Workspace,
) -> Result<Progress, TrainError> {
    let budget = u64::from(recipe.epochs()) * examples.len() as u64;
    Trainer::new(network, recipe, shuffle).advance(params, examples, budget, workspace)
}

fn check_shapes(network: &Network, params: &Params, examples: &dyn Examples) -> Result<(), TrainError> {
    if examples.is_empty() {
        return Err(TrainError::NoRows);
    }
    if examples.width() != network.inputs() {
        return Err(TrainError::WrongWidth { expected: network.inputs(), found: examples.width() });
    }
    if params.len() != network.layout().len() {
        return Err(TrainError::WrongModel { expected: network.layout().len(), found: params.len() });
    }
    Ok(())
}

pub(in crate::nn) fn fits(network: &Network, target: Target) -> bool {
    match target {
        Target::Class(class) => network.classifies() && (class as usize) < network.outputs(),
        Target::Value(value) => !network.classifies() && value.is_finite(),
    }
}

fn fitting_target(network: &Network, examples: &dyn Examples, row: usize) -> Result<Target, TrainError> {
    let target = examples.target(row);
    let outputs = network.outputs();
    if fits(network, target) {
        Ok(target)
    } else {
        Err(TrainError::TargetDoesNotFit { row, target, outputs })
    }
}

fn total_weight(examples: &dyn Examples, batch: &[u32]) -> Result<f64, TrainError> {
    let mut total = 0.0;
    for &row in batch {
        let weight = examples.weight(row as usize);
        if !(weight >= 0.0 && weight.is_finite()) {
            return Err(TrainError::BadWeight { row: row as usize, weight });
        }
        total += f64::from(weight);
    }
    Ok(total)
}

/// The share of a row in the weighted mean of its batch; 0 where nothing in it counts.
fn scale(weight: f32, total: f64) -> f32 {
    if total > 0.0 { (f64::from(weight) / total) as f32 } else { 0.0 }
}

/// A number below `bound`, every one equally likely (Lemire 2019).
fn below(bound: u32, stream: &mut Stream) -> u32 {
    loop {
        let product = u64::from(stream.random::<u32>()) * u64::from(bound);
        if product as u32 >= bound.wrapping_neg() % bound {
            return (product >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::config::{ModelConfig, OptimizerKind, TrainingConfig};
    use crate::nn::reference::Rows;
    use crate::nn::{evaluate, kernel::Path};
    use crate::random::{Purpose, Seed};

    /// Three classes that a line or two can tell apart.
    fn rows(count: u32) -> Rows {
        let targets = (0..count).map(|row| Target::Class(row % 3)).collect();
        let mut rows = Rows::new(8, targets);
        for row in 0..count as usize {
            rows.features[row * 8 + row % 3] += 2.0;
        }
        rows
    }

    fn setting(change: impl FnOnce(&mut TrainingConfig)) -> (Network, Recipe) {
        let mut training = TrainingConfig::default();
        change(&mut training);
        let recipe = Recipe::new(&training).unwrap();
        let model = ModelConfig { hidden: vec![20, 12], ..ModelConfig::default() };
        (Network::new(&model, 8, 3, recipe.loss()).unwrap(), recipe)
    }

    fn shuffle() -> Stream {
        Seed(1).stream_for(Purpose::Shuffle, 1, 1)
    }

    fn first(network: &Network) -> Params {
        network.initialize(&mut Seed(1).stream(Purpose::Initialization))
    }

    fn trained(network: &Network, recipe: &Recipe, rows: &Rows) -> (Params, Progress) {
        let (mut params, mut workspace) = (first(network), Workspace::new(network));
        let progress = train(network, recipe, &mut params, rows, shuffle(), &mut workspace).unwrap();
        (params, progress)
    }

    #[test]
    fn every_optimizer_learns() {
        let changes: [fn(&mut TrainingConfig); 4] = [
            |_| (),
            |training| training.momentum = 0.9,
            |training| (training.optimizer, training.learning_rate) = (OptimizerKind::Adam, 0.005),
            |training| (training.batch_size, training.learning_rate) = (BatchSize::Full, 0.5),
        ];
        for change in changes {
            let (network, recipe) = setting(|training| {
                training.epochs = 30;
                change(training);
            });
            let (params, progress) = trained(&network, &recipe, &rows(90));
            assert_eq!(progress.examples, 30 * 90);
            let accuracy = evaluate(&network, &params, &rows(90)).unwrap().accuracy.unwrap();
            assert!(accuracy > 0.95, "{:?}: {accuracy}", recipe.config());
        }
    }

    #[test]
    fn a_fused_step_gives_the_bits_of_gradient_and_step() {
        let (network, recipe) = setting(|training| training.weight_decay = 0.01);
        let rows = rows(40);
        let (fused, _) = trained(&network, &recipe, &rows);
        let mut trainer = Trainer::new(&network, &recipe, shuffle());
        trainer.next_epoch(40);
        let (mut params, mut workspace) = (first(&network), Workspace::new(&network));
        workspace.reserve(&network, 10);
        workspace.gradient.resize(params.len(), 0.0);
        for batch in trainer.order.chunks(10) {
            for (slot, &row) in batch.iter().enumerate() {
                (workspace.targets[slot], workspace.scales[slot]) = (rows.target(row as usize), 0.1);
            }
            workspace.transpose_weights(&network, params.values());
            workspace.gather(&rows, batch.iter().map(|&row| row as usize));
            workspace.forward(&network, params.values(), 10);
            workspace.judge(&network, 10, true);
            workspace.backward(&network, params.values_mut(), 10, &Update::Collect { accumulate: false });
            trainer.optimizer.step(Path::detect(), &recipe, 1, params.values_mut(), &workspace.gradient);
        }
        assert_eq!(fused, params);
    }

    #[test]
    fn every_path_trains_to_the_same_bits() {
        for optimizer in [OptimizerKind::Sgd, OptimizerKind::Adam] {
            let (network, recipe) = setting(|training| training.optimizer = optimizer);
            let models: Vec<Params> = Path::available()
                .map(|path| {
                    let (mut params, mut workspace) = (first(&network), Workspace::on(path, &network));
                    train(&network, &recipe, &mut params, &rows(33), shuffle(), &mut workspace).unwrap();
                    params
                })
                .collect();
            assert!(models.iter().all(|model| *model == models[0]));
        }
    }

    #[test]
    fn training_in_stretches_is_training_at_once_when_the_cuts_fall_between_batches() {
        let (network, recipe) = setting(|training| {
            training.epochs = 3;
            training.momentum = 0.5;
        });
        let rows = rows(45);
        let (whole, _) = trained(&network, &recipe, &rows);
        let mut trainer = Trainer::new(&network, &recipe, shuffle());
        let mut params = first(&network);
        for budget in [20, 25, 45, 10, 35] {
            // A fresh workspace each time: nothing of the training's state is in it.
            let mut workspace = Workspace::new(&network);
            let progress = trainer.advance(&mut params, &rows, budget, &mut workspace).unwrap();
            assert_eq!(progress.examples, budget);
        }
        assert_eq!(params, whole);
    }

    #[test]
    fn a_budget_is_met_exactly() {
        let (network, recipe) = setting(|_| ());
        let (mut params, mut workspace) = (first(&network), Workspace::new(&network));
        let mut trainer = Trainer::new(&network, &recipe, shuffle());
        let progress = trainer.advance(&mut params, &rows(33), 47, &mut workspace).unwrap();
        // 10, 10, 10 and 3 of the first epoch, 10 and 4 of the second one.
        assert_eq!((progress.examples, progress.steps), (47, 6));
    }

    #[test]
    fn a_full_batch_larger_than_a_chunk_is_one_step_on_the_mean() {
        let (network, recipe) = setting(|training| {
            training.batch_size = BatchSize::Full;
            training.learning_rate = 0.1;
        });
        let (one, many) = (rows(3), rows(1200));
        let repeated = Rows {
            width: 8,
            features: one.features.repeat(400),
            targets: many.targets,
            weights: vec![1.0; 1200],
        };
        let (small, progress) = trained(&network, &recipe, &one);
        let (large, large_progress) = trained(&network, &recipe, &repeated);
        assert_eq!((progress.steps, large_progress.steps), (1, 1));
        assert!((progress.mean_loss - large_progress.mean_loss).abs() < 1e-6);
        for (a, b) in small.values().iter().zip(large.values()) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn an_epoch_visits_every_row_once_in_an_order_of_its_own() {
        let (network, recipe) = setting(|_| ());
        let mut trainer = Trainer::new(&network, &recipe, shuffle());
        trainer.next_epoch(50);
        let first = trainer.order.clone();
        trainer.next_epoch(50);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<u32>>());
        assert_ne!(first, trainer.order);
    }

    #[test]
    fn rows_without_weight_change_nothing() {
        let (network, recipe) = setting(|training| training.batch_size = BatchSize::Full);
        let (few, mut more) = (rows(30), rows(40));
        more.weights[30..].fill(0.0);
        let (wanted, _) = trained(&network, &recipe, &few);
        let (found, _) = trained(&network, &recipe, &more);
        assert_eq!(wanted, found);
    }

    #[test]
    fn bad_input_is_told_apart() {
        let (network, recipe) = setting(|_| ());
        let attempt = |rows: &Rows| {
            let (mut params, mut workspace) = (first(&network), Workspace::new(&network));
            train(&network, &recipe, &mut params, rows, shuffle(), &mut workspace)
        };
        assert_eq!(attempt(&rows(0)), Err(TrainError::NoRows));
        let narrow = Rows::new(7, vec![Target::Class(0)]);
        assert_eq!(attempt(&narrow), Err(TrainError::WrongWidth { expected: 8, found: 7 }));
        let mut absent = rows(5);
        absent.targets[3] = Target::Class(3);
        let (row, target, outputs) = (3, Target::Class(3), 3);
        assert_eq!(attempt(&absent), Err(TrainError::TargetDoesNotFit { row, target, outputs }));
        let mut weighted = rows(5);
        weighted.weights[2] = -1.0;
        assert_eq!(attempt(&weighted), Err(TrainError::BadWeight { row: 2, weight: -1.0 }));
    }

    #[test]
    fn divergence_stops_with_the_step_and_the_learning_rate() {
        let (network, recipe) = setting(|training| training.learning_rate = 1e30);
        // Ten rows make a single step: its loss is finite, and only the parameters show what happened.
        let mut single = rows(10);
        single.features.iter_mut().for_each(|x| *x *= 1e10);
        for (rows, steps) in [(rows(60), 6), (single, 1)] {
            let (mut params, mut workspace) = (first(&network), Workspace::new(&network));
            let stopped = train(&network, &recipe, &mut params, &rows, shuffle(), &mut workspace);
            let Err(TrainError::Diverged { step, learning_rate }) = stopped else { panic!("{stopped:?}") };
            assert!(step <= steps && learning_rate == 1e30);
        }
    }
}
