//! Training allocates what it needs when it begins, and nothing from step to step.

use allocation_counter::measure;

use super::reference::Rows;
use super::{
    Activation, GradientMechanism, Loss, ModelConfig, Network, Normalization, OptimizerKind, PerLayer,
    PrivateTrainer, Recipe, Target, Trainer, TrainingConfig, Workspace,
};
use crate::instructions::InstructionSet;
use crate::params::Params;
use crate::random::{Purpose, Seed, Stream};

const ROWS: u32 = 95;

fn rows() -> Rows {
    Rows::new(70, (0..ROWS).map(|row| Target::Class(row % 3)).collect())
}

/// Every kind of part that a network can have, and widths that leave strips that are not full.
fn network() -> Network {
    let config = ModelConfig {
        hidden: vec![67, 12],
        activation: PerLayer::Each(vec![Activation::Gelu, Activation::Relu]),
        normalization: Normalization::Layer,
        dropout: PerLayer::Same(0.2),
        ..ModelConfig::default()
    };
    Network::new(&config, 70, 3, Loss::CrossEntropy { label_smoothing: 0.0 }).unwrap()
}

fn stream() -> Stream {
    Seed(1).stream_for(Purpose::Shuffle, 1, 1)
}

fn first(network: &Network) -> Params {
    network.initialize(&mut Seed(1).stream(Purpose::Initialization))
}

#[test]
fn after_its_first_epoch_training_allocates_nothing() {
    let (network, rows) = (network(), rows());
    let optimizers = [OptimizerKind::Sgd, OptimizerKind::Rmsprop, OptimizerKind::Adam];
    for set in InstructionSet::available() {
        for (optimizer, momentum) in
            optimizers.map(|optimizer| (optimizer, 0.0)).into_iter().chain([(OptimizerKind::Sgd, 0.9)])
        {
            let config = TrainingConfig { optimizer, momentum, l2: 1e-4, ..TrainingConfig::default() };
            let recipe = Recipe::new(&config).unwrap();
            let (mut params, mut workspace) = (first(&network), Workspace::on(set, &network));
            let mut trainer = Trainer::new(&network, &recipe, stream());
            let mut epochs = |count| {
                trainer.advance(&mut params, &rows, count * u64::from(ROWS), &mut workspace).unwrap();
            };
            assert!(measure(|| epochs(1)).count_total > 0, "the first one makes room");
            // The last batch of an epoch is smaller than the others.
            assert_eq!(measure(|| epochs(2)).count_total, 0, "{} {optimizer:?} {momentum}", set.name());
        }
    }
}

/// Takes the rows in turns, so that batches differ in their size, and releases what it is given.
struct Turns(u32);

impl GradientMechanism for Turns {
    fn draw(&mut self, rows: u32, batch: &mut Vec<u32>) {
        self.0 += 1;
        batch.clear();
        batch.extend((0..rows).filter(|row| row % 5 <= self.0 % 5));
    }
    fn add(&mut self, _: &[f32]) {}
    fn release(&mut self, _: usize, _: &mut [f32]) {}
}

#[test]
fn after_its_first_steps_private_training_allocates_nothing() {
    let (network, rows) = (network(), rows());
    let recipe = Recipe::new(&TrainingConfig::default()).unwrap();
    for set in InstructionSet::available() {
        let (mut params, mut workspace) = (first(&network), Workspace::on(set, &network));
        let mut trainer = PrivateTrainer::new(&network, &recipe, 1.0, 1.0, stream()).unwrap();
        let mut turns = Turns(0);
        let mut steps = || trainer.advance(&mut params, &rows, 10, &mut turns, &mut workspace).unwrap();
        assert!(measure(&mut steps).count_total > 0, "the first ones make room");
        assert_eq!(measure(&mut steps).count_total, 0, "{}", set.name());
    }
}
