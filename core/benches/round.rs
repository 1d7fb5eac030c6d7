//! Rounds of the 2NN of McMahan et al. 2017 (784-200-200-10, ReLU; E = 1, B = 10) over 60,000 made-up images: training,
//! encoding, adding and judging on 10,000 test images.
//!
//! `cargo bench -p privet-core --bench round`. A sample is a whole run of five rounds, its set-up left out.

use divan::Bencher;
use privet_core::data::{Dataset, Features, Holdings, Split, Targets};
use privet_core::plan::Plan;
use privet_core::random::Purpose;
use privet_core::simulation::Simulation;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    divan::main();
}

/// 100 clients of 600 rows, 10 of them in a round.
#[divan::bench(args = [1, 2], sample_count = 5)]
fn hundred_clients(bencher: Bencher, threads: usize) {
    five_rounds(bencher, 100, threads);
}

/// 1,000 clients of 60 rows, 100 of them in a round.
#[divan::bench(args = [1, 2], sample_count = 5)]
fn thousand_clients(bencher: Bencher, threads: usize) {
    five_rounds(bencher, 1000, threads);
}

fn five_rounds(bencher: Bencher, clients: u32, threads: usize) {
    let text = format!(
        "[federation]\nrounds = 5\n[data]\nsource = \"mnist\"\n[partition]\nclients = {clients}\n\
         [model]\nhidden = [200, 200]\n[training]\nbatch-size = 10\nlearning-rate = 0.05\n[cohort]\nfraction = 0.1\n"
    );
    let plan = Plan::parse(&text).expect("the plan is sound");
    let split =
        Split::given(Arc::new(images(60_000)), Arc::new(images(10_000))).expect("both sets are alike");
    let stream = plan.seed().stream(Purpose::Partition);
    let holdings = Holdings::new(&split, plan.partition(), plan.data().standardization(), stream)
        .expect("there are more rows than clients");
    let network = Arc::new(plan.network(784, 10).expect("the network fits the images"));
    let simulation = Simulation {
        plan: &plan,
        network,
        shards: &holdings.clients,
        test: &holdings.test,
        threads,
        noise_seed: None,
        dropout: 0.0,
    };
    let began = Instant::now();
    bencher.bench_local(|| {
        let run = simulation.run(&|| began.elapsed(), &mut |_| ControlFlow::Continue(()));
        run.expect("the learning rate is small")
    });
}

/// Images of noise, a fifth of whose pixels are dark, as in handwriting; the class shows in the first pixels.
fn images(rows: usize) -> Dataset {
    let noise = |at: usize| ((at as u32).wrapping_mul(2_654_435_761) >> 24) as u8;
    let class = |row: usize| row as u32 % 10;
    let pixel = |at: usize| match (at / 784, at % 784) {
        (row, column) if column < 10 => u8::from(class(row) == column as u32) * 255,
        _ if at.is_multiple_of(5) => noise(at),
        _ => 0,
    };
    let features = Features::Bytes { values: (0..rows * 784).map(pixel).collect(), largest: 255 };
    let labels = (0..rows).map(class).collect();
    let names = (0..10).map(|class| class.to_string()).collect();
    Dataset::new("noise", 784, features, Targets::Classes { labels, names }).expect("the shapes agree")
}
