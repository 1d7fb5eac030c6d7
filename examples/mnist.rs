//! The first example of many a textbook in ten lines: a small dense network on MNIST, 784-32-64-10, Adam, 10 epochs.
//!
//! ```text
//! scripts/fetch-data.sh mnist
//! cargo run --release --example mnist [SEED]
//! ```
//!
//! `privet simulate examples/plans/mnist-adam.toml` trains the same network the same way.

use privet_core::data::{DataConfig, DataPlan, SourceName};
use privet_core::nn::{
    BatchSize, ModelConfig, Network, OptimizerKind, Recipe, TrainingConfig, Workspace, evaluate, train,
};
use privet_core::random::{Purpose, Seed};
use std::{env, error::Error, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let seed = Seed(env::args().nth(1).map_or(Ok(1), |seed| seed.parse())?);
    let (source, folder) = (SourceName::Mnist, Some("data/mnist".into()));
    let data = DataPlan::new(&DataConfig { source, folder, ..DataConfig::default() })?;
    let split = data.split(&data.load(&mut |path| fs::read(path))?)?;

    let (batch_size, optimizer) = (BatchSize::Rows(32), OptimizerKind::Adam);
    let (epochs, learning_rate) = (10, 0.001);
    let training =
        TrainingConfig { epochs, batch_size, optimizer, learning_rate, ..TrainingConfig::default() };
    let recipe = Recipe::new(&training)?;
    let model = ModelConfig { hidden: vec![32, 64], ..ModelConfig::default() };
    let network = Network::new(&model, 784, 10, recipe.loss())?;

    let mut params = network.initialize(&mut seed.stream(Purpose::Initialization));
    let (shuffle, mut workspace) = (seed.stream(Purpose::Shuffle), Workspace::new(&network));
    train(&network, &recipe, &mut params, &split.train, shuffle, &mut workspace)?;

    let judged = evaluate(&network, &params, &split.test)?;
    println!("accuracy {:.2} %, loss {:.4}", 100.0 * judged.accuracy.unwrap_or_default(), judged.loss);
    Ok(())
}
