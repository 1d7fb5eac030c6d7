//! The client's half: typed states, each consumed by the next.
//!
//! ```text
//! Member --advertise--> Advertised --roster--> Shared --delivery--> Masking --input--> Masked
//!                                       --survivor set--> Confirmed --confirmations--> the answer
//! ```
//!
//! A refusal consumes the state too: a client that was lied to says nothing more in that round.

use super::advert::{Advert, AdvertMessage, Roster, RoundContext, check_round};
use super::agreement::{AgreementKey, Secret};
use super::answer::{Answer, AnswerRecord};
use super::mask::{self, Mask};
use super::masked_input::MaskedInput;
use super::sealed_shares::{DeliveryMessage, HeldShares, SharesMessage};
use super::setup::{Session, Setup, adds_mask};
use super::survivors::{Confirmation, Confirmations, SurvivorSet};
use super::{ClientError, Identity, Word, derive, shamir};
use crate::identity::{Signed, first_forged};
use rand::CryptoRng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A client that takes part in rounds of secure aggregation.
pub struct Member {
    client: u32,
    identity: Arc<Identity>,
    setup: Arc<Setup>,
}

/// Has sent its keys, and awaits everybody's.
pub struct Advertised<'a> {
    member: &'a Member,
    context: RoundContext,
    advert: Advert,
    channel: AgreementKey,
    mask_seed: Secret,
    self_seed: Secret,
}

/// Has sent shares to its neighbours, and awaits theirs.
pub struct Shared<'a> {
    member: &'a Member,
    session: Arc<Session>,
    self_seed: Secret,
    neighbours: BTreeMap<u32, Neighbour>,
}

/// Holds shares of its neighbours, and can mask an input.
pub struct Masking<'a> {
    member: &'a Member,
    session: Arc<Session>,
    masks: Vec<Mask>,
    held: BTreeMap<u32, HeldShares>,
}

/// Has sent its masked input, and awaits who else did.
pub struct Masked<'a> {
    member: &'a Member,
    session: Arc<Session>,
    held: BTreeMap<u32, HeldShares>,
}

/// Has signed who survived, and awaits its neighbours' signatures.
pub struct Confirmed<'a> {
    member: &'a Member,
    session: Arc<Session>,
    held: BTreeMap<u32, HeldShares>,
    set: SurvivorSet,
}

/// What two neighbours agree on.
struct Neighbour {
    /// Opens what the neighbour seals.
    opening_key: Secret,
    /// The seed of the mask that they share.
    mask_seed: Secret,
}

/// The values that an advert draws.
struct AdvertRandom {
    channel: Secret,
    mask_seed: Secret,
    self_seed: Secret,
    nonce: [u8; 16],
}

impl Member {
    /// A client, its identity, and what it knows of the federation.
    pub fn new(client: u32, identity: impl Into<Arc<Identity>>, setup: Arc<Setup>) -> Member {
        Member { client, identity: identity.into(), setup }
    }

    /// Makes the keys for a round and signs them. The generator must be a cryptographic one with an unknown seed.
    pub fn advertise(
        &self,
        context: RoundContext,
        rng: &mut impl CryptoRng,
    ) -> (Advertised<'_>, AdvertMessage) {
        let [channel, mask_seed, self_seed] = std::array::from_fn(|_| Secret::random(rng));
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        self.advertise_with_random(context, AdvertRandom { channel, mask_seed, self_seed, nonce })
    }

    fn advertise_with_random(
        &self,
        context: RoundContext,
        random: AdvertRandom,
    ) -> (Advertised<'_>, AdvertMessage) {
        let AdvertRandom { channel, mask_seed, self_seed, nonce } = random;
        let channel = AgreementKey::new(channel.expose());
        let mask_key = AgreementKey::new(&derive::mask_key(mask_seed.expose(), context.round, self.client));
        let advert = Advert {
            client: self.client,
            channel_key: channel.public(),
            mask_key: mask_key.public(),
            commitment: derive::self_commitment(self_seed.expose(), context.round, self.client),
            nonce,
            signature: [0; 64],
        };
        let advert = advert.sign(&context, &self.identity);
        let message = AdvertMessage { context, advert: advert.clone() };
        (Advertised { member: self, context, advert, channel, mask_seed, self_seed }, message)
    }

    fn check_cohort(&self, found: u32) -> Result<(), ClientError> {
        let minimum = self.setup.minimum;
        match found < minimum {
            true => Err(ClientError::CohortTooSmall { client: self.client, minimum, found }),
            false => Ok(()),
        }
    }
}

impl<'a> Advertised<'a> {
    /// Takes the published list; shares both secrets among the neighbours that it gives this client.
    pub fn share(
        self,
        roster: Roster,
        rng: &mut impl CryptoRng,
    ) -> Result<(Shared<'a>, SharesMessage), ClientError> {
        self.context.check(&roster.context)?;
        self.member.check_cohort(u32::try_from(roster.adverts.len()).unwrap_or(u32::MAX))?;
        let session = Arc::new(self.member.setup.verify(roster)?);
        self.share_in(session, rng)
    }

    /// [`Advertised::share`] with a roster that this client's setup has verified: clients of one process need not
    /// verify it each.
    pub(crate) fn share_in(
        self,
        session: Arc<Session>,
        rng: &mut impl CryptoRng,
    ) -> Result<(Shared<'a>, SharesMessage), ClientError> {
        let Advertised { member, context, advert, channel, mask_seed, self_seed } = self;
        let client = member.client;
        if session.roster.advert(client) != Some(&advert) {
            return Err(ClientError::NotListed { client });
        }
        let around: Vec<u32> = session.graph.neighbours(client).into_iter().collect();
        let of_self_seed = shamir::split(self_seed.expose(), session.threshold(), &around, rng);
        let of_mask_key = shamir::split(mask_seed.expose(), session.threshold(), &around, rng);
        let mask_key = AgreementKey::new(&derive::mask_key(mask_seed.expose(), context.round, client));

        let mut neighbours = BTreeMap::new();
        let mut sealed = Vec::with_capacity(around.len());
        for ((other, of_self_seed), of_mask_key) in around.into_iter().zip(of_self_seed).zip(of_mask_key) {
            let theirs = session.roster.advert(other).expect("neighbours are on the roster");
            let small_order = |_| ClientError::ZeroAgreement { client: other };
            let agreed = channel.agree(&theirs.channel_key).map_err(small_order)?;
            let agreed_mask = mask_key.agree(&theirs.mask_key).map_err(small_order)?;
            let [key, opening_key] = session.salt.channels(agreed.expose(), client, other);
            sealed.push((
                other,
                HeldShares { of_self_seed, of_mask_key }.seal(&key, &session.salt, client, other),
            ));
            let mask_seed = session.salt.pairwise_mask(agreed_mask.expose(), client, other).into();
            neighbours.insert(other, Neighbour { opening_key: opening_key.into(), mask_seed });
        }
        let message = SharesMessage { round: context.round, from: client, sealed };
        Ok((Shared { member, session, self_seed, neighbours }, message))
    }
}

impl<'a> Shared<'a> {
    /// Takes the neighbours' shares. A neighbour that sent none takes no part: no mask is shared with it.
    pub fn receive(self, delivery: &DeliveryMessage) -> Result<Masking<'a>, ClientError> {
        let Shared { member, session, self_seed, neighbours } = self;
        let client = member.client;
        check_round(session.round(), delivery.round)?;
        if delivery.to != client {
            return Err(ClientError::OtherClient { client, found: delivery.to });
        }
        let mut held = BTreeMap::new();
        let mut masks = vec![Mask::added(&session.salt.self_mask(self_seed.expose(), client))];
        for (from, sealed) in &delivery.sealed {
            let from = *from;
            let neighbour = neighbours.get(&from).ok_or(ClientError::UnexpectedShare { from })?;
            let shares =
                HeldShares::open(sealed, neighbour.opening_key.expose(), &session.salt, from, client)
                    .ok_or(ClientError::AlteredShare { from })?;
            if held.insert(from, shares).is_some() {
                return Err(ClientError::UnexpectedShare { from });
            }
            let seed = neighbour.mask_seed.expose();
            masks.push(if adds_mask(client, from) { Mask::added(seed) } else { Mask::subtracted(seed) });
        }
        let (found, threshold) = (held.len(), session.threshold());
        if found < threshold {
            return Err(ClientError::TooFewNeighbours { found, threshold });
        }
        Ok(Masking { member, session, masks, held })
    }
}

impl<'a> Masking<'a> {
    /// Masks the input. Noise of the client's own is added to the input before this.
    ///
    /// # Panics
    /// If the words are not those of the setup's ring.
    pub fn mask<W: Word>(self, mut input: Vec<W>) -> (Masked<'a>, MaskedInput<W>) {
        let Masking { member, session, masks, held } = self;
        let ring = member.setup.ring;
        assert_eq!(ring.is_wide(), W::BITS > u32::BITS, "the setup says which words are masked");
        mask::apply(&masks, &mut input);
        let message = MaskedInput { round: session.round(), client: member.client, ring, words: input };
        (Masked { member, session, held }, message)
    }
}

impl<'a> Masked<'a> {
    /// Takes the survivor set, and signs it.
    pub fn confirm(self, set: SurvivorSet) -> Result<(Confirmed<'a>, Confirmation), ClientError> {
        let Masked { member, session, held } = self;
        let client = member.client;
        check_round(session.round(), set.round)?;
        set.check(|client| session.roster.advert(client).is_some())?;
        let survivors: BTreeSet<u32> = set.survivors.iter().copied().collect();
        if !survivors.contains(&client) {
            return Err(ClientError::NotASurvivor { client });
        }
        member.check_cohort(survivors.len() as u32)?;
        let sharers: BTreeSet<u32> = set.survivors.iter().chain(&set.dropouts).copied().collect();
        let differs = |neighbour: &u32| sharers.contains(neighbour) != held.contains_key(neighbour);
        if let Some(neighbour) = session.graph.neighbours(client).into_iter().find(differs) {
            return Err(ClientError::OtherSharers { neighbour });
        }
        if !session.graph.connects(&survivors) {
            return Err(ClientError::NotConnected);
        }
        let signature = member.identity.sign(&set.transcript(&session.salt.roster));
        let message = Confirmation { round: session.round(), client, signature };
        Ok((Confirmed { member, session, held, set }, message))
    }
}

impl Confirmed<'_> {
    /// Takes the neighbours' signatures and gives the one answer of this round, which is on record before it is
    /// here: of each neighbour one share, of the one kind or of the other.
    pub fn answer(
        self,
        confirmations: &Confirmations,
        record: &mut dyn AnswerRecord,
    ) -> Result<Answer, ClientError> {
        self.check(confirmations)?;
        let Confirmed { member, session, mut held, set } = self;
        record.record(session.round())?;
        let mut shares_of = |owners: &[u32]| -> Vec<(u32, HeldShares)> {
            owners.iter().filter_map(|owner| Some((*owner, held.remove(owner)?))).collect()
        };
        let of_survivors = shares_of(&set.survivors);
        let of_dropouts = shares_of(&set.dropouts);
        Ok(Answer {
            round: session.round(),
            client: member.client,
            of_survivors: of_survivors
                .iter()
                .map(|(owner, held)| (*owner, held.of_self_seed.clone()))
                .collect(),
            of_dropouts: of_dropouts.iter().map(|(owner, held)| (*owner, held.of_mask_key.clone())).collect(),
        })
    }

    /// Counts the neighbours that signed the same set.
    fn check(&self, confirmations: &Confirmations) -> Result<(), ClientError> {
        check_round(self.session.round(), confirmations.round)?;
        let message = &self.set.transcript(&self.session.salt.roster);
        let survivors: BTreeSet<u32> = self.set.survivors.iter().copied().collect();
        let (mut seen, mut neighbours, mut signed) = (BTreeSet::new(), Vec::new(), Vec::new());
        for (client, signature) in &confirmations.signatures {
            let client = *client;
            if !survivors.contains(&client) || !seen.insert(client) {
                return Err(ClientError::UnexpectedConfirmation { client });
            }
            if !self.held.contains_key(&client) {
                continue; // no neighbour: it counts for others
            }
            let key =
                *self.member.setup.identities.get(&client).ok_or(ClientError::UnknownClient { client })?;
            neighbours.push(client);
            signed.push(Signed { key, message, signature: *signature });
        }
        if let Some(at) = first_forged(&signed) {
            return Err(ClientError::ForgedConfirmation { client: neighbours[at] });
        }
        let (found, threshold) = (neighbours.len(), self.session.threshold());
        if found < threshold {
            return Err(ClientError::TooFewConfirmations { found, threshold });
        }
        Ok(())
    }
}
