//! What it costs to protect single examples: a step of DP-SGD without the draw of its noise against a plain step, in turns,
//! and the draws by themselves: that of the noise, and that of the rows, which the step has in it. The 2NN of McMahan et al.
//! 2017 (784-200-200-10, ReLU) on made-up rows, one thread.
//!
//! `cargo bench -p privet-core --bench private_step`. The two kinds of step take turns, ten steps each, so that whatever else
//! the machine does meets both; the lowest and the median of all turns are told, and the ratio of each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use privet_core::instructions::InstructionSet;
use privet_core::nn::{
    BatchSize, Examples, GradientMechanism, ModelConfig, Network, PrivateTrainer, Recipe, Target, Trainer,
    TrainingConfig, Workspace,
};
use privet_core::params::Params;
use privet_core::privacy::sampling::LayeredSampler;
use privet_core::privacy::{NoisePurpose, NoiseSeed, NoiseStream, PoissonSample, StepGrid};
use privet_core::random::{Purpose, Seed};

const ROWS: usize = 6_000;
const TURNS: usize = 120;
const STEPS: u64 = 10;

/// Images that look like nothing, a fifth of their pixels dark.
struct Images(Vec<u8>);

impl Examples for Images {
    fn len(&self) -> usize {
        self.0.len() / 784
    }
    fn width(&self) -> usize {
        784
    }
    fn copy_features(&self, row: usize, out: &mut [f32]) {
        for (feature, &pixel) in out.iter_mut().zip(&self.0[row * 784..][..784]) {
            *feature = f32::from(pixel) * (1.0 / 255.0);
        }
    }
    fn target(&self, row: usize) -> Target {
        Target::Class(row as u32 % 10)
    }
}

/// All that the mechanism of a step does but draw noise: it draws the rows, goes onto the grid, and comes off it.
struct WithoutNoise {
    sample: PoissonSample,
    stream: NoiseStream,
    grid: StepGrid,
    sum: Vec<i64>,
}

impl GradientMechanism for WithoutNoise {
    fn draw(&mut self, rows: u32, batch: &mut Vec<u32>) {
        self.sample.draw(rows, batch, &mut self.stream);
        self.sum.clear();
    }
    fn add(&mut self, part: &[f32]) {
        self.grid.add(part, &mut self.sum);
    }
    fn release(&mut self, from: usize, last: &mut [f32]) {
        let others = if self.sum.is_empty() { &[] } else { &self.sum[from..][..last.len()] };
        self.grid.release(last, others, &[]);
    }
}

fn main() {
    let pixel = |index: usize| (index as u32).wrapping_mul(2_654_435_761).wrapping_add(1 << 30) >> 24;
    let pixels = (0..ROWS * 784).map(|index| if index % 5 == 0 { pixel(index) as u8 } else { 0 });
    let images = Images(pixels.collect());
    println!("{} instructions, {ROWS} rows, {TURNS} turns of {STEPS} steps", InstructionSet::detect().name());
    for batch in [32, 256] {
        steps(batch, &images);
    }
    draw();
}

fn steps(batch: u32, images: &Images) {
    let training = TrainingConfig {
        batch_size: BatchSize::Rows(batch),
        learning_rate: 1e-4,
        ..TrainingConfig::default()
    };
    let recipe = Recipe::new(&training).expect("it is a recipe");
    let network =
        Network::new(&ModelConfig::default(), 784, 10, recipe.loss()).expect("the 2NN is a network");
    let first = network.initialize(&mut Seed(1).stream(Purpose::Initialization));
    let stream = || Seed(1).stream(Purpose::Shuffle);

    let mut plain = Trainer::new(&network, &recipe, stream());
    let (mut params, mut workspace) = (first.clone(), Workspace::new(&network));
    let mut plain =
        || plain.advance(&mut params, images, STEPS * u64::from(batch), &mut workspace).map(|_| ());

    let mut mechanism = WithoutNoise {
        sample: PoissonSample::new(f64::from(batch) / ROWS as f64),
        stream: NoiseSeed::from_bytes(&mut [1; 32]).stream_for(NoisePurpose::Examples, 1, 1),
        // As many steps to a clip as there are with common noise.
        grid: StepGrid::new(300_000.0, f64::from(batch), 1e9),
        sum: Vec::new(),
    };
    let mut trainer =
        PrivateTrainer::new(&network, &recipe, 1.0, 1.0, stream()).expect("it reads row by row");
    let (mut own, mut own_workspace): (Params, _) = (first, Workspace::new(&network));
    let mut private = || trainer.advance(&mut own, images, STEPS, &mut mechanism, &mut own_workspace);

    let (mut of_plain, mut of_private) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        of_plain.push(timed(|| plain().expect("it trains")));
        of_private.push(timed(|| private().expect("it trains")));
    }
    let (mut drawn, sample) = (Vec::new(), PoissonSample::new(f64::from(batch) / ROWS as f64));
    let mut stream = NoiseSeed::from_bytes(&mut [1; 32]).stream_for(NoisePurpose::Examples, 2, 1);
    let of_rows = (0..TURNS)
        .map(|_| timed(|| (0..STEPS).for_each(|_| sample.draw(ROWS as u32, &mut drawn, &mut stream))));
    let rows = Summary::of(of_rows.collect());
    let (plain, private) = (Summary::of(of_plain), Summary::of(of_private));
    println!(
        "batch {batch}: plain {:.0} us (median {:.0}), private without its draw {:.0} us (median {:.0}), ratio {:.3} (median {:.3})",
        plain.lowest,
        plain.median,
        private.lowest,
        private.median,
        private.lowest / plain.lowest,
        private.median / plain.median
    );
    println!("  of which the draw of the rows: {:.1} us (median {:.1})", rows.lowest, rows.median);
}

fn draw() {
    let sampler = LayeredSampler::new();
    let mut stream = NoiseSeed::from_bytes(&mut [1; 32]).stream_for(NoisePurpose::Gradient, 1, 1);
    let mut noise = vec![0; 199_210];
    let turns = (0..TURNS).map(|_| timed(|| sampler.fill(&mut noise, &mut stream)));
    let Summary { lowest, median } = Summary::of(turns.map(|turn| turn * STEPS as u32).collect());
    black_box(&noise);
    println!("draw of {} numbers: {lowest:.0} us (median {median:.0})", noise.len());
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// Microseconds a step.
struct Summary {
    lowest: f64,
    median: f64,
}

impl Summary {
    fn of(mut turns: Vec<Duration>) -> Summary {
        turns.sort();
        let each = |turn: Duration| turn.as_secs_f64() * 1e6 / STEPS as f64;
        Summary { lowest: each(turns[0]), median: each(turns[turns.len() / 2]) }
    }
}
