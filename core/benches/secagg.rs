//! Secure aggregation: masks, a client's round, and the coordinator's unmasking, on one thread and on two.
//!
//! `cargo bench -p privet-core --bench secagg`. Prints one line for each figure; the client's is the median over
//! several clients of everything that one of them computes in a round, and the parts of it.

use privet_core::secagg::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Clients whose messages are all computed for the coordinator to add; of these a tenth drop out before stage 2.
struct Case {
    clients: u32,
    words: usize,
}

fn main() {
    for case in [Case { clients: 100, words: 100_000 }, Case { clients: 1_000, words: 1_000_000 }] {
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
            pool.install(|| case.run(threads));
        }
    }
}

/// The generator of a client; a benchmark has no secrets.
fn rng(client: u32) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(u64::from(client))
}

impl Case {
    fn run(&self, threads: usize) {
        let assumptions = Assumptions::new(0.1, 0.1, Adversary::Curious).expect("fractions");
        let parameters = assumptions.parameters(self.clients).expect("there is a graph");
        let identity = |client| Identity::generate(&mut rng(client));
        let identities = (1..=self.clients).map(|client| (client, identity(client).key())).collect();
        let setup = Arc::new(Setup { identities, assumptions, minimum: 3, ring: Ring::BITS_32 });
        let members: Vec<Member> = (1..=self.clients)
            .map(|client| Member::new(client, identity(client), Arc::clone(&setup)))
            .collect();
        let context = RoundContext { federation: [1; 32], round: 1, plan: [2; 32], model: [3; 32] };
        let mut spent: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();

        let mut advertising = Advertising::open(Arc::clone(&setup), context, (1..=self.clients).collect());
        let mut advertised = Vec::new();
        for (member, client) in members.iter().zip(1..) {
            let (state, message) =
                timed(&mut spent, "1 advertise", || member.advertise(context, &mut rng(client)));
            advertising.accept(message).expect("it is sound");
            advertised.push(state);
        }
        let mut sharing = advertising.close().expect("all are there");
        let roster = sharing.roster().clone();
        let mut shared = Vec::new();
        for (state, client) in advertised.into_iter().zip(1..) {
            let roster = roster.clone();
            let (state, message) =
                timed(&mut spent, "2 check the roster and share", || state.share(roster, &mut rng(client)))
                    .expect("it is sound");
            sharing.accept(message).expect("it is sound");
            shared.push(state);
        }
        let mut collecting = sharing.close::<u32>(self.words).expect("all are there");
        let mut masked = Vec::new();
        for (state, client) in shared.into_iter().zip(1_u32..).filter(|(_, client)| client % 10 != 0) {
            let delivery = collecting.delivery(client).expect("it shared");
            let input = vec![client; self.words];
            let state =
                timed(&mut spent, "3 open the shares", || state.receive(&delivery)).expect("it is sound");
            let (state, message) = timed(&mut spent, "4 mask", || state.mask(input));
            collecting.accept(&message).expect("it is sound");
            masked.push(state);
        }
        let mut confirming = collecting.close().expect("enough are there");
        let set = confirming.survivor_set().clone();
        let mut confirmed = Vec::new();
        for state in masked {
            let set = set.clone();
            let (state, message) = timed(&mut spent, "5 confirm", || state.confirm(set)).expect("it is true");
            confirming.accept(&message).expect("it is sound");
            confirmed.push(state);
        }
        let mut unmasking = confirming.close().expect("enough are there");
        for (state, client) in confirmed.into_iter().zip(set.survivors.iter()) {
            let confirmations = unmasking.confirmations(*client).expect("it confirmed");
            let answer =
                timed(&mut spent, "6 answer", || state.answer(&confirmations, &mut LatestAnswer::default()));
            unmasking.accept(answer.expect("it is sound")).expect("it is sound");
        }
        let began = Instant::now();
        let unmasked = unmasking.close().expect("enough answered");
        let unmasking = began.elapsed();
        let sum: u32 = set.survivors.iter().sum();
        assert!(unmasked.sum.iter().all(|word| *word == sum), "the sum is exact");

        println!(
            "n = {}, d = {}, 10 % dropouts, {parameters:?}, {threads} threads",
            self.clients, self.words
        );
        let medians: BTreeMap<&str, f64> =
            spent.into_iter().map(|(name, times)| (name, median(times))).collect();
        medians.iter().for_each(|(name, milliseconds)| println!("  client, {name}: {milliseconds:.2} ms"));
        println!("  client, all: {:.2} ms", medians.values().sum::<f64>());
        let masks = f64::from(parameters.degree + 1) * 4.0 * self.words as f64;
        println!("  mask and add: {:.2} GB/s", masks / medians["4 mask"] / 1e6);
        println!("  coordinator, unmasking: {:.3} s", unmasking.as_secs_f64());
        let bytes = MaskedInput::<u32>::encoded_len(Ring::BITS_32, self.words);
        println!("  upload: {:.6} x 4 bytes x d", bytes as f64 / (4 * self.words) as f64);
        black_box(unmasked);
    }
}

fn timed<'a, T>(spent: &mut BTreeMap<&'a str, Vec<Duration>>, name: &'a str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let made = black_box(work());
    spent.entry(name).or_default().push(began.elapsed());
    made
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}
