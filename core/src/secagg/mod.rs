//! Secure aggregation: the coordinator learns the sum of the inputs and nothing else.
//!
//! SecAgg+ (Bell et al. 2020, "Secure Single-Server Aggregation with (Poly)Logarithmic Overhead") on the protocol of
//! Bonawitz et al. 2017, with consistency signatures against a coordinator that lies about dropouts. Inputs are
//! vectors over `Z_{2^16}` to `Z_{2^32}`, or `Z_{2^64}`; the sum is exact.
//!
//! ```text
//! stage    client                                   coordinator
//! 0        advertises two keys, signed         ->   publishes the roster of all
//! 1        shares two seeds among neighbours   ->   delivers the sealed shares
//! 2        sends input + self mask +- pairwise ->   adds; names survivors and dropouts
//! 3        signs who survived                  ->   passes the signatures on
//!          answers, once                       ->   rebuilds the masks that are left, and removes them
//! ```
//!
//! [`Member`] begins the client's half, [`Advertising`] the coordinator's. Both are pure: randomness is drawn from a
//! generator that the caller seeds with secrets of its own.
//!
//! # A masked sum
//!
//! Four clients; the last one vanishes after it has shared its secrets.
//!
//! ```
//! use privet_core::aggregation::{Sum, WordLayout};
//! use privet_core::encoding::Update;
//! use privet_core::secagg::*;
//! use rand::SeedableRng;
//! use std::sync::Arc;
//!
//! // A client seeds its generator from the operating system, and keeps its identity.
//! let mut rng = rand_chacha::ChaCha20Rng::from_seed([7; 32]);
//! let identities: Vec<Identity> = (0..4).map(|_| Identity::generate(&mut rng)).collect();
//! let setup = Arc::new(Setup {
//!     identities: (1..).zip(identities.iter().map(Identity::key)).collect(),
//!     assumptions: Assumptions::new(0.0, 0.1, Adversary::Lying)?,
//!     minimum: 3,
//!     ring: Ring::BITS_64,
//! });
//! let layout = WordLayout::new(2, setup.ring, 4);
//! let context = RoundContext { federation: [1; 32], round: 1, plan: [2; 32], model: [3; 32] };
//! let members: Vec<Member> = (1..)
//!     .zip(identities)
//!     .map(|(client, identity)| Member::new(client, identity, Arc::clone(&setup)))
//!     .collect();
//!
//! let mut advertising = Advertising::open(Arc::clone(&setup), context, (1..=4).collect());
//! let mut advertised = Vec::new();
//! for member in &members {
//!     let (state, advert) = member.advertise(context, &mut rng);
//!     advertising.accept(advert)?;
//!     advertised.push(state);
//! }
//! let mut sharing = advertising.close()?;
//! let mut shared = Vec::new();
//! for state in advertised {
//!     let (state, shares) = state.share(sharing.roster().clone(), &mut rng)?;
//!     sharing.accept(shares)?;
//!     shared.push(state);
//! }
//! let mut collecting = sharing.close(layout.words())?;
//! let mut masked = Vec::new();
//! for (client, state) in (1..=3).zip(shared) {
//!     let delivery = collecting.delivery(client).expect("it shared");
//!     let update = Update { delta: vec![100, -7], weight: client, loss: 5 };
//!     let (state, input) = state.receive(&delivery)?.mask(update.to_words::<u64>(&layout));
//!     collecting.accept(&input)?;
//!     masked.push(state);
//! }
//! let mut confirming = collecting.close()?;
//! let mut confirmed = Vec::new();
//! for state in masked {
//!     let (state, confirmation) = state.confirm(confirming.survivor_set().clone())?;
//!     confirming.accept(&confirmation)?;
//!     confirmed.push(state);
//! }
//! let mut unmasking = confirming.close()?;
//! for (client, state) in (1..=3).zip(confirmed) {
//!     let confirmations = unmasking.confirmations(client).expect("it confirmed");
//!     unmasking.accept(state.answer(&confirmations, &mut LatestAnswer::default())?)?;
//! }
//! let sum = Sum::from_words(&unmasking.close()?.sum, &layout)?;
//! assert_eq!(sum.weight(), 1 + 2 + 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod advert;
mod agreement;
mod answer;
mod client;
mod client_error;
mod codec;
mod coordinator;
mod coordinator_error;
mod derive;
mod field;
mod graph;
mod hypergeometric;
mod mask;
mod masked_input;
mod packing;
mod parameters;
mod ring;
mod robust;
mod sealed_shares;
mod setup;
mod shamir;
mod survivors;
mod unmasking;

#[cfg(test)]
mod tests;

pub use crate::identity::{Identities, Identity, IdentityKey, IdentityKeyError};
pub use advert::{Advert, AdvertMessage, ContextError, Roster, RoundContext};
pub use answer::{Answer, AnswerRecord, AnswerRecordError, LatestAnswer};
pub use client::{Advertised, Confirmed, Masked, Masking, Member, Shared};
pub use client_error::ClientError;
pub use codec::DecodeError;
pub use coordinator::{
    Advertising, Altered, Collecting, Confirming, Failed, Missing, Sharing, Stage, Unmasked, Unmasking,
};
pub use coordinator_error::CoordinatorError;
pub use masked_input::MaskedInput;
pub use parameters::{Adversary, Assumptions, Parameters, ParametersError};
pub use ring::{Ring, RingTooNarrow, SumBound, Word};
pub use sealed_shares::{DeliveryMessage, Sealed, SharesMessage};
pub(crate) use setup::Session;
pub use setup::Setup;
pub use survivors::{Confirmation, Confirmations, SurvivorSet, SurvivorSetError};
