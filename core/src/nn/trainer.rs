//! Training in stretches: mini-batches in a seeded shuffle, a step each.

use rand::RngExt;

use super::examples::{Examples, Target};
use super::misfit::{check_model, check_width, fitting_target};
use super::network::Network;
use super::optimizer::{Optimizer, Pace};
use super::passes::Update;
use super::recipe::Recipe;
use super::regularization::{add_penalties, clip, limit_norms};
use super::train::{Progress, TrainError};
use super::values::{BatchSize, ClassWeights, Switch};
use super::workspace::{CHUNK, Workspace};
use crate::params::Params;
use crate::random::Stream;

/// Training that can be interrupted and resumed: it keeps the optimizer's state and its place in the shuffled epoch.
///
/// It trains on all rows that it is given: what `validation-split` keeps back is the business of [`Fit`](super::Fit).
#[derive(Debug, Clone)]
pub struct Trainer {
    network: Network,
    recipe: Recipe,
    shuffle: Stream,
    /// The draws of dropout: the same key as the shuffle, and a stream of its own.
    dropout: Stream,
    optimizer: Optimizer,
    /// One weight a class; empty if all count alike.
    class_weights: Vec<f32>,
    /// The rows in the order of this epoch.
    order: Vec<u32>,
    /// How many of them are done.
    position: usize,
    /// Epochs that are done.
    epochs: u64,
    steps: u64,
    /// The learning rate of the last step.
    rate: f64,
}

impl Trainer {
    /// Training from its beginning; `shuffle` decides the order of the rows, and the units that dropout silences.
    pub fn new(network: &Network, recipe: &Recipe, shuffle: Stream) -> Trainer {
        let mut dropout = shuffle.clone();
        dropout.set_stream(shuffle.get_stream() + 1);
        Trainer {
            network: network.clone(),
            recipe: recipe.clone(),
            shuffle,
            dropout,
            optimizer: Optimizer::new(recipe, network.layout().len()),
            class_weights: Vec::new(),
            order: Vec::new(),
            position: 0,
            epochs: 0,
            steps: 0,
            rate: 0.0,
        }
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
        self.recipe.fits(&self.network)?;
        let batch = match self.recipe.batch_size() {
            BatchSize::Rows(rows) => rows as usize,
            BatchSize::Full => examples.len(),
        };
        workspace.reserve(&self.network, batch.min(CHUNK).min(examples.len()));
        let mut progress = Progress::default();
        while progress.examples < budget {
            if self.position == self.order.len() {
                self.next_epoch(examples)?;
            }
            let left = budget - progress.examples;
            let rows = batch.min(self.order.len() - self.position);
            let rows = usize::try_from(left).map_or(rows, |left| rows.min(left));
            let loss = self.step(params.values_mut(), examples, rows, workspace)?;
            progress.examples += rows as u64;
            progress.steps += 1;
            progress.mean_loss += loss * rows as f64;
        }
        if progress.examples > 0 {
            progress.mean_loss /= progress.examples as f64;
        }
        // A last step may have gone astray without a loss to show it.
        if params.are_finite() { Ok(progress) } else { Err(self.diverged()) }
    }

    /// The network.
    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// How many rows of the epoch are still to come: none before the first and between two.
    pub(super) fn left_of_epoch(&self) -> usize {
        self.order.len() - self.position
    }

    /// Begins an epoch: Fisher and Yates; the full batch keeps its order, since it is one sum whatever the order.
    fn next_epoch(&mut self, examples: &dyn Examples) -> Result<(), TrainError> {
        let rows = examples.len();
        if self.order.is_empty() {
            self.class_weights = class_weights(&self.recipe, &self.network, examples)?;
        } else {
            self.epochs += 1;
        }
        self.position = 0;
        self.order.clear();
        self.order.extend(0..u32::try_from(rows).map_err(|_| TrainError::TooManyRows { rows })?);
        if self.recipe.batch_size() != BatchSize::Full {
            shuffle(&mut self.order, &mut self.shuffle);
        }
        Ok(())
    }

    /// One step on the next `rows` rows; the mean of their losses before it.
    fn step(
        &mut self,
        params: &mut [f32],
        examples: &dyn Examples,
        rows: usize,
        workspace: &mut Workspace,
    ) -> Result<f64, TrainError> {
        let (start, end) = (self.position, self.position + rows);
        self.position = end;
        self.steps += 1;
        self.rate = self.recipe.learning_rate(self.epochs_to(start), self.epochs_to(end));
        let rate = self.rate;
        let config = self.recipe.config();
        let whole_gradient = !matches!(self.optimizer, Optimizer::Descent)
            || rows > CHUNK
            || config.l1 > 0.0
            || config.clip_norm != Switch::Off
            || config.clip_value != Switch::Off;
        let shrink = |penalty: f64| (1.0 - rate * penalty) as f32;
        let beta = shrink(config.weight_decay);
        let weight_beta = shrink(config.weight_decay + 2.0 * config.l2);
        let descend = Update::Descend { rate: rate as f32, beta, weight_beta };
        if whole_gradient {
            workspace.gradient.resize(params.len(), 0.0);
        }
        let total = self.total_weight(examples, start..end)?;
        let mut loss = 0.0;
        for from in (start..end).step_by(CHUNK) {
            let chunk = from..end.min(from + CHUNK);
            self.fill(examples, chunk.clone(), total, workspace)?;
            workspace.forward(&self.network, params, chunk.len(), Some(&mut self.dropout));
            loss += workspace.judge(&self.network, chunk.len(), true);
            if !loss.is_finite() {
                return Err(self.diverged());
            }
            let update = if whole_gradient { Update::Collect { accumulate: from > start } } else { descend };
            workspace.backward(&self.network, params, chunk.len(), update);
        }
        let (set, config) = (workspace.set, self.recipe.config());
        if whole_gradient {
            add_penalties(set, config, &self.network, params, &mut workspace.gradient);
            clip(set, config, &mut workspace.gradient);
            let pace = Pace { step: self.steps, rate };
            self.optimizer.step(set, &self.recipe, pace, 0, params, &workspace.gradient);
        }
        if let Some(limit) = config.max_norm.value() {
            limit_norms(set, limit, &self.network, params, &mut workspace.squares);
        }
        Ok(loss)
    }

    /// How many epochs are done at a place of this one.
    fn epochs_to(&self, place: usize) -> f64 {
        self.epochs as f64 + place as f64 / self.order.len() as f64
    }

    /// Copies rows of this epoch into the workspace, with their targets and their share in a weighted mean.
    fn fill(
        &self,
        examples: &dyn Examples,
        places: std::ops::Range<usize>,
        total: f64,
        workspace: &mut Workspace,
    ) -> Result<(), TrainError> {
        let rows = &self.order[places];
        for (slot, &row) in rows.iter().enumerate() {
            let row = row as usize;
            let target = fitting_target(&self.network, examples, row)?;
            let weight = self.weight(examples, row, target)?;
            workspace.targets[slot] = target;
            // Where nothing in a batch counts, nothing is learned from it.
            workspace.scales[slot] = if total > 0.0 { (f64::from(weight) / total) as f32 } else { 0.0 };
        }
        workspace.gather(examples, rows.iter().map(|&row| row as usize));
        Ok(())
    }

    /// How much a row counts: its own weight times that of its class.
    fn weight(&self, examples: &dyn Examples, row: usize, target: Target) -> Result<f32, TrainError> {
        let weight = fitting_weight(examples, row)?;
        Ok(match target {
            Target::Class(class) if !self.class_weights.is_empty() => {
                weight * self.class_weights[class as usize]
            }
            _ => weight,
        })
    }

    fn total_weight(
        &self,
        examples: &dyn Examples,
        places: std::ops::Range<usize>,
    ) -> Result<f64, TrainError> {
        self.order[places].iter().try_fold(0.0, |total, &row| {
            let row = row as usize;
            let target = fitting_target(&self.network, examples, row)?;
            Ok(total + f64::from(self.weight(examples, row, target)?))
        })
    }

    fn diverged(&self) -> TrainError {
        TrainError::Diverged { step: self.steps, learning_rate: self.rate }
    }
}

/// The weights that a recipe gives the classes of these rows; none if all count alike.
fn class_weights(
    recipe: &Recipe,
    network: &Network,
    examples: &dyn Examples,
) -> Result<Vec<f32>, TrainError> {
    match &recipe.config().class_weights {
        ClassWeights::None => Ok(Vec::new()),
        ClassWeights::Given(weights) => Ok(weights.iter().map(|&weight| weight as f32).collect()),
        ClassWeights::Balanced => {
            let mut counts = vec![0u64; network.outputs()];
            for row in 0..examples.len() {
                if let Target::Class(class) = fitting_target(network, examples, row)? {
                    counts[class as usize] += 1;
                }
            }
            let present = counts.iter().filter(|&&count| count > 0).count() as f64;
            let even = examples.len() as f64 / present;
            Ok(counts
                .iter()
                .map(|&count| if count > 0 { (even / count as f64) as f32 } else { 0.0 })
                .collect())
        }
    }
}

pub(super) fn check_shapes(
    network: &Network,
    params: &Params,
    examples: &dyn Examples,
) -> Result<(), TrainError> {
    if examples.is_empty() {
        return Err(TrainError::NoRows);
    }
    check_width(network, examples.width())?;
    check_model(network, params)?;
    Ok(())
}

fn fitting_weight(examples: &dyn Examples, row: usize) -> Result<f32, TrainError> {
    let weight = examples.weight(row);
    if weight >= 0.0 && weight.is_finite() { Ok(weight) } else { Err(TrainError::BadWeight { row, weight }) }
}

/// Checks the target and the weight of every row, which training otherwise does as it meets them.
pub(super) fn check_rows(network: &Network, examples: &dyn Examples) -> Result<(), TrainError> {
    (0..examples.len()).try_for_each(|row| {
        fitting_target(network, examples, row)?;
        fitting_weight(examples, row)?;
        Ok(())
    })
}

/// Fisher and Yates, from the last place on.
pub(super) fn shuffle(order: &mut [u32], stream: &mut Stream) {
    for last in (1..order.len()).rev() {
        let other = below(last as u32 + 1, stream);
        order.swap(last, other as usize);
    }
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
    use crate::instructions::InstructionSet;
    use crate::nn::config::{ModelConfig, OptimizerKind, TrainingConfig};
    use crate::nn::reference::Rows;
    use crate::nn::{Misfit, PerLayer, evaluate, train};
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
        let with = |optimizer, rate| {
            move |training: &mut TrainingConfig| {
                (training.optimizer, training.learning_rate) = (optimizer, rate);
            }
        };
        let changes: [&dyn Fn(&mut TrainingConfig); 9] = [
            &|_| (),
            &|training| training.momentum = 0.9,
            &|training| (training.momentum, training.nesterov) = (0.9, true),
            &with(OptimizerKind::Rmsprop, 0.005),
            &with(OptimizerKind::Adagrad, 0.05),
            &with(OptimizerKind::Adam, 0.005),
            &with(OptimizerKind::Adamw, 0.005),
            &|training| (training.batch_size, training.learning_rate) = (BatchSize::Full, 0.5),
            &|training| (training.l1, training.l2, training.clip_norm) = (1e-4, 1e-4, Switch::On(1.0)),
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
        trainer.next_epoch(&rows).unwrap();
        let (mut params, mut workspace) = (first(&network), Workspace::new(&network));
        workspace.reserve(&network, 10);
        workspace.gradient.resize(params.len(), 0.0);
        for batch in trainer.order.chunks(10) {
            for (slot, &row) in batch.iter().enumerate() {
                (workspace.targets[slot], workspace.scales[slot]) = (rows.target(row as usize), 0.1);
            }
            workspace.gather(&rows, batch.iter().map(|&row| row as usize));
            workspace.forward(&network, params.values(), 10, None);
            workspace.judge(&network, 10, true);
            workspace.backward(&network, params.values_mut(), 10, Update::Collect { accumulate: false });
            let pace = Pace { step: 1, rate: 0.05 };
            trainer.optimizer.step(workspace.set, &recipe, pace, 0, params.values_mut(), &workspace.gradient);
        }
        assert_eq!(fused, params);
    }

    #[test]
    fn every_instruction_set_trains_to_the_same_bits() {
        for optimizer in [OptimizerKind::Sgd, OptimizerKind::Adam] {
            let (network, recipe) = setting(|training| training.optimizer = optimizer);
            let models: Vec<Params> = InstructionSet::available()
                .map(|set| {
                    let (mut params, mut workspace) = (first(&network), Workspace::on(set, &network));
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
        trainer.next_epoch(&rows(50)).unwrap();
        let first = trainer.order.clone();
        trainer.next_epoch(&rows(50)).unwrap();
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
        assert_eq!(attempt(&narrow), Err(Misfit::WrongWidth { expected: 8, found: 7 }.into()));
        let mut absent = rows(5);
        absent.targets[3] = Target::Class(3);
        let (row, target, outputs) = (3, Target::Class(3), 3);
        assert_eq!(attempt(&absent), Err(Misfit::TargetDoesNotFit { row, target, outputs }.into()));
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

    #[test]
    fn weight_decay_and_l2_shrink_weights_by_the_same_formula_fused_or_not() {
        let rows = rows(40);
        let model = |change: &dyn Fn(&mut TrainingConfig)| {
            let (network, recipe) = setting(|training| {
                (training.weight_decay, training.l2) = (0.01, 0.02);
                change(training);
            });
            trained(&network, &recipe, &rows).0
        };
        let fused = model(&|_| ());
        // A limit that nothing reaches makes every step go by the whole gradient.
        let whole = model(&|training| training.clip_norm = Switch::On(1e9));
        for (a, b) in fused.values().iter().zip(whole.values()) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
        assert_ne!(fused, model(&|training| training.l2 = 0.0));
    }

    #[test]
    fn a_schedule_changes_the_steps_of_later_epochs_only() {
        let rows = rows(30);
        let after = |epochs, schedule| {
            let (network, recipe) = setting(|training| {
                (training.epochs, training.schedule, training.schedule_epochs) = (epochs, schedule, 1.0);
                training.batch_size = BatchSize::Rows(9);
            });
            trained(&network, &recipe, &rows).0
        };
        use crate::nn::Schedule::{Constant, Step};
        assert_eq!(after(1, Constant), after(1, Step));
        assert_ne!(after(2, Constant), after(2, Step));
        let (network, recipe) =
            setting(|training| (training.schedule, training.schedule_epochs) = (Step, 2.0));
        let (constant, plain) = setting(|_| ());
        assert_eq!(trained(&network, &recipe, &rows).0, trained(&constant, &plain, &rows).0);
        assert_ne!(trained(&network, &recipe.from_epoch(2.0), &rows).0, trained(&constant, &plain, &rows).0);
    }

    #[test]
    fn dropout_is_drawn_from_the_seed_and_only_while_training() {
        let recipe = Recipe::new(&TrainingConfig { epochs: 20, ..TrainingConfig::default() }).unwrap();
        let model = |dropout| ModelConfig {
            hidden: vec![20, 12],
            dropout: PerLayer::Same(dropout),
            ..ModelConfig::default()
        };
        let network = Network::new(&model(0.3), 8, 3, recipe.loss()).unwrap();
        let without = Network::new(&model(0.0), 8, 3, recipe.loss()).unwrap();
        let (first, _) = trained(&network, &recipe, &rows(90));
        assert_eq!(trained(&network, &recipe, &rows(90)).0, first);
        assert_ne!(trained(&without, &recipe, &rows(90)).0.values(), first.values());
        let judged = evaluate(&network, &first, &rows(90)).unwrap();
        assert_eq!(judged, evaluate(&network, &first, &rows(90)).unwrap());
        assert!(judged.accuracy.unwrap() > 0.9);
    }

    #[test]
    fn balanced_classes_count_alike_and_given_weights_as_given() {
        let (network, recipe) = setting(|training| training.class_weights = ClassWeights::Balanced);
        let mut few = rows(12);
        few.targets = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1].map(Target::Class).to_vec();
        let weights = class_weights(&recipe, &network, &few).unwrap();
        // 12 rows and the two classes that occur: 12 / (2 * 9), 12 / (2 * 3), and nothing for the third one.
        assert_eq!(weights, [12.0 / 18.0, 2.0, 0.0]);
        let (network, recipe) =
            setting(|training| training.class_weights = ClassWeights::Given(vec![1.0, 0.0, 2.0]));
        let (given, _) = trained(&network, &recipe, &rows(30));
        let mut weighted = rows(30);
        for row in 0..30 {
            weighted.weights[row] = [1.0, 0.0, 2.0][row % 3];
        }
        let (network, recipe) = setting(|_| ());
        assert_eq!(trained(&network, &recipe, &weighted).0, given);
    }

    #[test]
    fn balanced_classes_and_sample_weights_multiply() {
        let (network, balanced) = setting(|training| {
            (training.class_weights, training.batch_size) = (ClassWeights::Balanced, BatchSize::Full);
        });
        let (_, plain) = setting(|training| training.batch_size = BatchSize::Full);
        let mut rows = rows(30);
        rows.targets[..9].fill(Target::Class(0));
        for row in 0..30 {
            rows.weights[row] = [0.5, 1.0, 4.0, 0.0][row % 4];
        }
        let found = trained(&network, &balanced, &rows).0;
        let classes = class_weights(&balanced, &network, &rows).unwrap();
        for row in 0..30 {
            let Target::Class(class) = rows.targets[row] else { unreachable!("all rows have classes") };
            rows.weights[row] *= classes[class as usize];
        }
        assert_eq!(found, trained(&network, &plain, &rows).0);
    }

    #[test]
    fn class_weights_for_other_classes_are_refused() {
        let (network, recipe) =
            setting(|training| training.class_weights = ClassWeights::Given(vec![1.0; 5]));
        let (mut params, mut workspace) = (first(&network), Workspace::new(&network));
        let refused = train(&network, &recipe, &mut params, &rows(5), shuffle(), &mut workspace);
        let count = crate::nn::RecipeError::ClassWeightsCount { classes: 3, found: 5 };
        assert_eq!(refused, Err(TrainError::Recipe(count)));
    }
}
