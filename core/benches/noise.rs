//! Draws per second of every sampler, on one core: the best of five runs.

use std::hint::black_box;
use std::time::Instant;

use privet_core::privacy::sampling::{DiscreteGaussian, DiscreteLaplace, Skellam, TableSampler, Variance};
use privet_core::privacy::{NoisePurpose, NoiseSeed, NoiseStream};

const DRAWS: usize = 2_000_000;

fn main() {
    let mut wide = vec![0i64; DRAWS];
    let mut narrow = vec![0i32; DRAWS];
    for deviation in [1.0, 50.0, 1000.0, 30_000.0] {
        let variance = Variance::at_least(deviation).expect("a deviation in range");
        let laplace = DiscreteLaplace::new(deviation as u64, 1).expect("a scale in range");
        let gaussian = DiscreteGaussian::new(variance);
        let skellam = Skellam::new(variance).expect("a deviation in range");
        report("discrete Laplace", deviation, |stream| laplace.fill(&mut wide, stream));
        report("discrete Gaussian", deviation, |stream| gaussian.fill(&mut wide, stream));
        report("Skellam", deviation, |stream| skellam.fill(&mut wide, stream));
        let begun = Instant::now();
        let table = TableSampler::discrete_gaussian(variance).expect("a deviation in range");
        let built = begun.elapsed();
        report("table", deviation, |stream| table.fill(&mut narrow, stream));
        println!("{:>18} of deviation {deviation}: built in {built:?}", "table");
        black_box((&wide, &narrow));
    }
}

fn report(name: &str, deviation: f64, mut fill: impl FnMut(&mut NoiseStream)) {
    let best = (0..5).map(|run| {
        let mut stream = NoiseSeed::from_bytes(&mut [run; 32]).stream_for(NoisePurpose::Update, 1, 0);
        let begun = Instant::now();
        fill(&mut stream);
        begun.elapsed().as_secs_f64()
    });
    let seconds = best.fold(f64::INFINITY, f64::min);
    println!("{name:>18} of deviation {deviation}: {:.1} million a second", DRAWS as f64 / seconds / 1e6);
}
