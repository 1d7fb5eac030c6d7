//! Steps and evaluations of the 2NN of McMahan et al. 2017 (784-200-200-10, ReLU) on made-up rows.
//!
//! `cargo bench -p privet-core --bench nn`; a filter such as `step` or `avx512` behind `--` picks some of them.

use divan::{AllocProfiler, Bencher};
use privet_core::instructions::InstructionSet;
use privet_core::nn::{
    BatchSize, Examples, ModelConfig, Network, OptimizerKind, Recipe, Target, Trainer, TrainingConfig,
    Workspace, evaluate,
};
use privet_core::params::Params;
use privet_core::random::{Purpose, Seed};

/// Counts allocations: a step makes none.
#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Images that look like nothing: a byte a pixel, a fifth of them dark, as in handwriting.
struct Images {
    pixels: Vec<u8>,
}

impl Images {
    fn new(rows: usize) -> Images {
        let pixel = |index: usize| (index as u32).wrapping_mul(2_654_435_761).wrapping_add(1 << 30) >> 24;
        let pixels =
            (0..rows * 784).map(|index| if index % 5 == 0 { pixel(index) as u8 } else { 0 }).collect();
        Images { pixels }
    }
}

impl Examples for Images {
    fn len(&self) -> usize {
        self.pixels.len() / 784
    }
    fn width(&self) -> usize {
        784
    }
    fn copy_features(&self, row: usize, out: &mut [f32]) {
        for (feature, &pixel) in out.iter_mut().zip(&self.pixels[row * 784..][..784]) {
            *feature = f32::from(pixel) * (1.0 / 255.0);
        }
    }
    fn target(&self, row: usize) -> Target {
        Target::Class(row as u32 % 10)
    }
}

fn network(training: &TrainingConfig) -> (Network, Recipe, Params) {
    let recipe = Recipe::new(training).expect("the defaults are a recipe");
    let network =
        Network::new(&ModelConfig::default(), 784, 10, recipe.loss()).expect("the 2NN is a network");
    let params = network.initialize(&mut Seed(1).stream(Purpose::Initialization));
    (network, recipe, params)
}

/// One step of training at a time, everything included: gathering, both passes, the update, the check of the loss.
fn steps(bencher: Bencher, training: TrainingConfig, batch: u32, set: InstructionSet) {
    let training = TrainingConfig { batch_size: BatchSize::Rows(batch), learning_rate: 1e-4, ..training };
    let (network, recipe, mut params) = network(&training);
    let images = Images::new(10 * batch as usize);
    let mut workspace = Workspace::on(set, &network);
    let mut trainer = Trainer::new(&network, &recipe, Seed(1).stream(Purpose::Shuffle));
    // Ten steps a sample, so that what `advance` does once weighs as little as in a real round.
    bencher.counter(divan::counter::ItemsCount::new(10usize)).bench_local(|| {
        trainer
            .advance(&mut params, &images, 10 * u64::from(batch), &mut workspace)
            .expect("rows of the right width")
    });
}

fn sets() -> Vec<&'static str> {
    InstructionSet::available().map(InstructionSet::name).collect()
}

fn set(name: &str) -> InstructionSet {
    InstructionSet::available().find(|set| set.name() == name).expect("a name from the list")
}

#[divan::bench(args = sets(), consts = [10, 32, 256], sample_count = 300, max_time = 3)]
fn step<const BATCH: u32>(bencher: Bencher, name: &str) {
    steps(bencher, TrainingConfig::default(), BATCH, set(name));
}

#[divan::bench(consts = [10, 32, 256], sample_count = 300, max_time = 3)]
fn momentum_step<const BATCH: u32>(bencher: Bencher) {
    let training = TrainingConfig { momentum: 0.9, ..TrainingConfig::default() };
    steps(bencher, training, BATCH, InstructionSet::detect());
}

#[divan::bench(consts = [10, 32, 256], sample_count = 300, max_time = 3)]
fn adam_step<const BATCH: u32>(bencher: Bencher) {
    let training = TrainingConfig { optimizer: OptimizerKind::Adam, ..TrainingConfig::default() };
    steps(bencher, training, BATCH, InstructionSet::detect());
}

#[divan::bench(sample_count = 30)]
fn evaluate_10_000_rows(bencher: Bencher) {
    let (network, _, params) = network(&TrainingConfig::default());
    let images = Images::new(10_000);
    bencher.bench_local(|| evaluate(&network, &params, &images).expect("rows of the right width"));
}
