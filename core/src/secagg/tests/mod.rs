//! Proofs of the whole protocol, run between its two halves.

mod attacks;
mod decoding;
mod exactness;
mod known_answer;
mod secrecy;
mod sparse;

use super::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Clients 1 to n, and what they know of one another.
struct World {
    setup: Arc<Setup>,
    members: BTreeMap<u32, Member>,
    seed: u64,
}

/// Everything that is sent in a round, as bytes, in order of stages.
type Transcript = Vec<Vec<u8>>;

fn context() -> RoundContext {
    RoundContext { federation: [1; 32], round: 7, plan: [2; 32], model: [3; 32] }
}

fn assumptions(adversary: Adversary) -> Assumptions {
    Assumptions::new(0.1, 0.1, adversary).unwrap()
}

impl World {
    fn new(clients: u32, assumptions: Assumptions, seed: u64) -> World {
        World::in_ring(clients, assumptions, Ring::BITS_32, seed)
    }

    fn in_ring(clients: u32, assumptions: Assumptions, ring: Ring, seed: u64) -> World {
        let identity = |client: u32| Identity::generate(&mut rng(seed, client, 0));
        let identities = (1..=clients).map(|client| (client, identity(client).key())).collect();
        let setup = Arc::new(Setup { identities, assumptions, minimum: 3, ring });
        let members = (1..=clients)
            .map(|client| (client, Member::new(client, identity(client), Arc::clone(&setup))))
            .collect();
        World { setup, members, seed }
    }

    fn cohort(&self) -> BTreeSet<u32> {
        self.members.keys().copied().collect()
    }

    fn rng(&self, client: u32, stage: u32) -> ChaCha20Rng {
        rng(self.seed, client, stage)
    }

    /// Any words: they fill the whole width.
    fn input<W: Word>(&self, client: u32, words: usize) -> Vec<W> {
        use rand::RngExt;
        let mut rng = self.rng(client, 99);
        let mut word = || if W::BITS == u32::BITS { i64::from(rng.random::<u32>()) } else { rng.random() };
        (0..words).map(|_| W::from_signed(word())).collect()
    }

    /// The sum modulo `2^64`, and then in the ring: not as the protocol adds.
    fn sum<W: Word>(&self, clients: &BTreeSet<u32>, words: usize) -> Vec<W> {
        let add = |sum: Vec<u64>, client: &u32| {
            let input = self.input::<W>(*client, words);
            let added = |(sum, word): (&u64, &W)| sum.wrapping_add(word.to_unsigned(self.setup.ring));
            sum.iter().zip(&input).map(added).collect()
        };
        let sum = clients.iter().fold(vec![0; words], add);
        sum.into_iter().map(|word| W::from_signed(word as i64)).collect()
    }

    /// Runs a round in which clients vanish before the stages that `vanishes` says. A client that refuses what it
    /// is sent vanishes too.
    fn run<W: Word>(
        &self,
        words: usize,
        vanishes: &BTreeMap<u32, Stage>,
    ) -> (Result<Unmasked<W>, Failed>, Transcript) {
        let mut transcript = Transcript::new();
        let result = self.run_into(words, vanishes, &mut transcript);
        (result, transcript)
    }

    fn run_into<W: Word>(
        &self,
        words: usize,
        vanishes: &BTreeMap<u32, Stage>,
        transcript: &mut Transcript,
    ) -> Result<Unmasked<W>, Failed> {
        let is_there = |client: u32, stage: Stage| vanishes.get(&client).is_none_or(|last| stage < *last);

        let mut advertising = Advertising::open(Arc::clone(&self.setup), context(), self.cohort());
        let mut advertised = Vec::new();
        for (&client, member) in
            self.members.iter().filter(|(client, _)| is_there(**client, Stage::Advertise))
        {
            let (state, message) = member.advertise(context(), &mut self.rng(client, 1));
            transcript.push(message.encode());
            advertising.accept(AdvertMessage::decode(&message.encode()).unwrap()).unwrap();
            advertised.push((client, state));
        }
        let mut sharing = advertising.close()?;
        let roster = Roster::decode(&sharing.roster().encode()).unwrap();
        transcript.push(roster.encode());

        advertised.retain(|(client, _)| is_there(*client, Stage::Share));
        let session = Arc::new(self.setup.verify(roster).unwrap());
        let shared: Vec<_> = advertised
            .into_par_iter()
            .map(|(client, state)| {
                (client, state.share_in(Arc::clone(&session), &mut self.rng(client, 2)).unwrap())
            })
            .collect();
        let mut states = Vec::new();
        for (client, (state, message)) in shared {
            transcript.push(message.encode());
            sharing.accept(SharesMessage::decode(&message.encode()).unwrap()).unwrap();
            states.push((client, state));
        }
        let mut collecting = sharing.close::<W>(words)?;

        states.retain(|(client, _)| is_there(*client, Stage::Input));
        let masking: Vec<_> = states
            .into_par_iter()
            .filter_map(|(client, state)| {
                let delivery = DeliveryMessage::decode(&collecting.delivery(client)?.encode()).unwrap();
                let (state, message) = state.receive(&delivery).ok()?.mask(self.input::<W>(client, words));
                Some((client, delivery, state, message))
            })
            .collect();
        let mut masked = Vec::new();
        for (client, delivery, state, message) in masking {
            transcript.extend([delivery.encode(), message.encode()]);
            collecting.accept(&MaskedInput::decode(&message.encode()).unwrap()).unwrap();
            masked.push((client, state));
        }
        let mut confirming = collecting.close()?;
        let set = SurvivorSet::decode(&confirming.survivor_set().encode()).unwrap();
        transcript.push(set.encode());

        let mut confirmed = Vec::new();
        for (client, state) in masked.into_iter().filter(|(client, _)| is_there(*client, Stage::Confirm)) {
            let Ok((state, message)) = state.confirm(set.clone()) else { continue };
            transcript.push(message.encode());
            confirming.accept(&Confirmation::decode(&message.encode()).unwrap()).unwrap();
            confirmed.push((client, state));
        }
        let mut unmasking = confirming.close()?;

        for (client, state) in confirmed.into_iter().filter(|(client, _)| is_there(*client, Stage::Answer)) {
            let confirmations = unmasking.confirmations(client).unwrap();
            let confirmations = Confirmations::decode(&confirmations.encode()).unwrap();
            let Ok(answer) = state.answer(&confirmations, &mut LatestAnswer::default()) else { continue };
            transcript.extend([confirmations.encode(), answer.encode().to_vec()]);
            unmasking.accept(Answer::decode(&answer.encode()).unwrap()).unwrap();
        }
        unmasking.close()
    }
}

fn rng(seed: u64, client: u32, stage: u32) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed ^ (u64::from(client) << 32) ^ (u64::from(stage) << 20))
}
