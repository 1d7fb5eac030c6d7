//! Secure aggregation: masks, a client's round, and the coordinator's unmasking, on one thread and on two.
//!
//! `cargo bench -p privet-core --bench secagg`. Prints one line for each figure. The client's are of several clients, one
//! after the other on one thread: the best, and the median, of everything that one of them computes in a round and of the
//! parts of it. The limit is what the primitives alone take: the roster's signatures and the confirmations in one batch each,
//! two agreements for each neighbour, and the block cipher on as many bytes, without counters and with nothing added.
//! `-- 100` runs the cases of 100 clients alone.

use aes::Aes128Enc;
use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use curve25519_dalek::montgomery::MontgomeryPoint;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey, verify_batch};
use privet_core::secagg::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Of so many clients the time is taken; the others compute on all threads, for the coordinator to have something to add.
const TIMED: usize = 20;
/// So many clients hold a vector at a time.
const AT_ONCE: usize = 16;

/// A tenth of the clients drop out before stage 2.
struct Case {
    clients: u32,
    words: usize,
    adversary: Adversary,
}

/// Milliseconds, by the part of a client's round.
type Spent = BTreeMap<&'static str, Vec<f64>>;

fn main() {
    let wanted: Vec<u32> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let limits = Limits { cipher: cipher_alone(), agreement: agreement_alone() };
    println!("limits: AES-128 {:.2} GB/s, X25519 {:.1} us", limits.cipher, limits.agreement * 1e3);
    for (clients, words) in [(100, 100_000), (1_000, 1_000_000)] {
        for adversary in [Adversary::Curious, Adversary::Lying] {
            if wanted.is_empty() || wanted.contains(&clients) {
                Case { clients, words, adversary }.run(&limits);
            }
        }
    }
}

/// What single primitives do.
struct Limits {
    /// Gigabytes a second.
    cipher: f64,
    /// Milliseconds.
    agreement: f64,
}

/// Gigabytes a second, the best of several.
fn cipher_alone() -> f64 {
    const BYTES: usize = 64 << 10;
    let cipher = Aes128Enc::new(&[7; 16].into());
    let mut blocks = vec![Block::<Aes128Enc>::default(); BYTES / 16];
    let took = fastest(1_000, || cipher.encrypt_blocks(black_box(&mut blocks)));
    BYTES as f64 / took / 1e6
}

/// Milliseconds of one agreement.
fn agreement_alone() -> f64 {
    let other = MontgomeryPoint::mul_base_clamped([9; 32]);
    let agree = || black_box(other).to_edwards(0).map(|point| point.mul_clamped([7; 32]).to_montgomery());
    fastest(1_000, agree)
}

/// Milliseconds of the verification of so many signatures in one batch.
fn signatures_alone(count: u32) -> f64 {
    let message: &[u8] = &[5; 240];
    let key =
        |client: u32| SigningKey::from_bytes(&std::array::from_fn(|at| (client >> (8 * (at % 4))) as u8));
    let keys: Vec<SigningKey> = (1..=count).map(key).collect();
    let signatures: Vec<Signature> = keys.iter().map(|key| key.sign(message)).collect();
    let keys: Vec<VerifyingKey> = keys.iter().map(SigningKey::verifying_key).collect();
    let messages = vec![message; keys.len()];
    fastest(50, || verify_batch(&messages, &signatures, &keys).expect("they are signed"))
}

/// Milliseconds, the best of so many.
fn fastest<R>(times: usize, work: impl FnMut() -> R) -> f64 {
    let mut work = work;
    let once = |_| {
        let began = Instant::now();
        black_box(work());
        began.elapsed().as_secs_f64() * 1e3
    };
    (0..times).map(once).fold(f64::INFINITY, f64::min)
}

/// The generator of a client; a benchmark has no secrets.
fn rng(client: u32) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(u64::from(client))
}

/// Does the work of the first clients one by one and takes the time, and that of the others on all threads.
fn each<T: Send, R: Send>(
    spent: &mut Spent,
    name: &'static str,
    clients: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let mut clients = clients;
    let others = clients.split_off(TIMED.min(clients.len()));
    let mut made = Vec::new();
    for client in clients {
        let began = Instant::now();
        made.push(black_box(work(client)));
        spent.entry(name).or_default().push(began.elapsed().as_secs_f64() * 1e3);
    }
    made.extend(others.into_par_iter().map(&work).collect::<Vec<R>>());
    made
}

impl Case {
    fn run(&self, limits: &Limits) {
        let assumptions = Assumptions::new(0.1, 0.1, self.adversary).expect("fractions");
        let parameters = assumptions.parameters(self.clients).expect("there is a graph");
        println!(
            "n = {}, d = {}, 10 % dropouts, {:?}, {parameters:?}",
            self.clients, self.words, self.adversary
        );
        let identity = |client| Identity::generate(&mut rng(client));
        let identities = (1..=self.clients).map(|client| (client, identity(client).key())).collect();
        let setup = Arc::new(Setup { identities, assumptions, minimum: 3, ring: Ring::BITS_32 });
        let members: Vec<Member> = (1..=self.clients)
            .map(|client| Member::new(client, identity(client), Arc::clone(&setup)))
            .collect();
        let mut spent = Spent::new();
        let unmasking = self.until_unmasking(setup, &members, &mut spent);

        let all = |pick: fn(&[f64]) -> f64| spent.values().map(|times| pick(times)).sum::<f64>();
        println!("  client, all: {:.2} ms (median {:.2})", all(best), all(median));
        let masks = f64::from(parameters.degree + 1) * 4.0 * self.words as f64;
        let [roster, confirmations] = [self.clients, parameters.degree].map(signatures_alone);
        let agreements = 2.0 * f64::from(parameters.degree) * limits.agreement;
        let cipher = masks / limits.cipher / 1e6;
        println!(
            "  limit, all: {:.2} ms (roster {roster:.2}, agreements {agreements:.2}, cipher {cipher:.2}, confirmations {confirmations:.2})",
            roster + agreements + cipher + confirmations
        );
        for (name, times) in &spent {
            println!("    {name}: {:.2} ms (median {:.2})", best(times), median(times));
        }
        println!("  mask and add: {:.2} GB/s", masks / best(&spent["4 mask"]) / 1e6);
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
            let seconds = (0..2).map(|_| pool.install(|| self.unmask(unmasking.clone())));
            let seconds = seconds.fold(f64::INFINITY, f64::min);
            println!("  coordinator, unmasking on {threads} threads: {seconds:.3} s");
        }
        let bytes = MaskedInput::<u32>::encoded_len(Ring::BITS_32, self.words);
        println!("  upload: {:.6} x 4 bytes x d", bytes as f64 / (4 * self.words) as f64);
    }

    fn until_unmasking(&self, setup: Arc<Setup>, members: &[Member], spent: &mut Spent) -> Unmasking<u32> {
        let context = RoundContext { federation: [1; 32], round: 1, plan: [2; 32], model: [3; 32] };
        let mut advertising = Advertising::open(setup, context, (1..=self.clients).collect());
        let clients: Vec<(u32, &Member)> = (1..).zip(members).collect();
        let made = each(spent, "1 advertise", clients, |(client, member)| {
            (client, member.advertise(context, &mut rng(client)))
        });
        let mut advertised = Vec::new();
        for (client, (state, message)) in made {
            advertising.accept(message).expect("it is sound");
            advertised.push((client, state));
        }
        let mut sharing = advertising.close().expect("all are there");
        let roster = sharing.roster().clone();
        let made = each(spent, "2 check the roster and share", advertised, |(client, state)| {
            (client, state.share(roster.clone(), &mut rng(client)).expect("it is sound"))
        });
        let mut shared = Vec::new();
        for (client, (state, message)) in made {
            sharing.accept(message).expect("it is sound");
            shared.push((client, state));
        }
        let mut collecting = sharing.close::<u32>(self.words).expect("all are there");
        let deliver = |(client, state)| (client, state, collecting.delivery(client).expect("it shared"));
        let delivered = shared.into_iter().filter(|(client, _)| client % 10 != 0).map(deliver).collect();
        let mut received = each(spent, "3 open the shares", delivered, |(client, state, delivery)| {
            (client, state.receive(&delivery).expect("it is sound"))
        });
        let mut masked = Vec::new();
        let mut batch = TIMED;
        while !received.is_empty() {
            let rest = received.split_off(batch.min(received.len()));
            let made: Vec<_> = match batch {
                TIMED => each(spent, "4 mask", received, |client| self.mask(client)),
                _ => received.into_par_iter().map(|client| self.mask(client)).collect(),
            };
            for (state, message) in made {
                collecting.accept(&message).expect("it is sound");
                masked.push(state);
            }
            (received, batch) = (rest, AT_ONCE);
        }
        let mut confirming = collecting.close().expect("enough are there");
        let set = confirming.survivor_set().clone();
        let made = each(spent, "5 confirm", masked, |state| state.confirm(set.clone()).expect("it is true"));
        let mut confirmed = Vec::new();
        for ((state, message), client) in made.into_iter().zip(&set.survivors) {
            confirming.accept(&message).expect("it is sound");
            confirmed.push((*client, state));
        }
        let mut unmasking = confirming.close().expect("enough are there");
        let heard = |(client, state)| (state, unmasking.confirmations(client).expect("it confirmed"));
        let heard = confirmed.into_iter().map(heard).collect();
        let answers = each(spent, "6 answer", heard, |(state, confirmations): (Confirmed, Confirmations)| {
            state.answer(&confirmations, &mut LatestAnswer::default()).expect("it is sound")
        });
        answers.into_iter().for_each(|answer| unmasking.accept(answer).expect("it is sound"));
        unmasking
    }

    fn mask<'a>(&self, (client, state): (u32, Masking<'a>)) -> (Masked<'a>, MaskedInput<u32>) {
        state.mask(vec![client; self.words])
    }

    /// In seconds.
    fn unmask(&self, unmasking: Unmasking<u32>) -> f64 {
        let began = Instant::now();
        let unmasked = unmasking.close().expect("enough answered");
        let seconds = began.elapsed().as_secs_f64();
        let sum: u32 = unmasked.survivors.iter().sum();
        assert!(unmasked.sum.iter().all(|word| *word == sum), "the sum is exact");
        seconds
    }
}

fn best(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
