//! FederatedAveraging by hand: Algorithm 1 of McMahan et al. 2017 as the paper writes it, on the built-in digits.
//!
//! ```text
//! cargo run --release --example federated_averaging
//! ```
//!
//! It does in one readable loop, and in floating point, what `privet_core::simulation` does with exact sums, threads,
//! and rounds that can fail.

use privet_core::data::{Holdings, Split, Standardization, sets};
use privet_core::nn::{Examples, Workspace, evaluate, train};
use privet_core::plan::Plan;
use privet_core::random::Purpose;
use rand::seq::SliceRandom;
use std::error::Error;
use std::sync::Arc;

const PLAN: &str = "\
[data]
source = \"digits\"
[partition]
by = \"dirichlet\"
clients = 10
[model]
hidden = [32]
[training]
epochs = 2          # E
batch-size = 10     # B
learning-rate = 0.1
[cohort]
fraction = 0.5      # C
";

fn main() -> Result<(), Box<dyn Error>> {
    let plan = Plan::parse(PLAN)?;
    let seed = plan.seed();
    let split = Split::hold_back(Arc::new(sets::digits()), 0.2)?;
    let dealt = seed.stream(Purpose::Partition);
    let holdings = Holdings::new(&split, plan.partition(), &Standardization::Scale, dealt)?;
    let network = plan.network(64, 10)?;
    let mut workspace = Workspace::new(&network);

    // Server executes: initialize w_0.
    let mut global = network.initialize(&mut seed.stream(Purpose::Initialization));
    for round in 1..=plan.rounds() {
        // S_t <- a random set of m clients.
        let mut clients: Vec<u32> = (1..=plan.clients()).collect();
        clients.shuffle(&mut seed.stream_for(Purpose::Cohort, round, 0));
        clients.truncate(plan.cohort().wanted(plan.clients()) as usize);
        let rows_of = |client: &u32| holdings.clients[*client as usize - 1].len() as f64;
        let all_rows: f64 = clients.iter().map(rows_of).sum();

        let mut mean = vec![0.0_f64; global.len()];
        for client in &clients {
            // ClientUpdate(k, w_t): E epochs over the client's own rows in batches of B.
            let mut local = global.clone();
            let shard = &holdings.clients[*client as usize - 1];
            let shuffle = seed.stream_for(Purpose::Shuffle, round, *client);
            train(&network, plan.recipe(), &mut local, shard, shuffle, &mut workspace)?;

            // w_{t+1} <- the sum over clients of n_k / n w_{t+1}^k.
            let share = rows_of(client) / all_rows;
            mean.iter_mut().zip(local.values()).for_each(|(sum, own)| *sum += share * f64::from(*own));
        }
        global.values_mut().iter_mut().zip(&mean).for_each(|(value, mean)| *value = *mean as f32);

        let judged = evaluate(&network, &global, &holdings.test)?;
        println!("round {round:2}: accuracy {:.2} %", 100.0 * judged.accuracy.unwrap_or_default());
    }
    Ok(())
}
