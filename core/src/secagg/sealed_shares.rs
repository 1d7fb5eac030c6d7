//! Stage 1: shares travel through the coordinator, sealed for one reader.

use super::codec::{DecodeError, Reader, header, write_len};
use super::derive::Salt;
use super::shamir::Share;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The bytes of two shares.
const PLAIN: usize = 2 * Share::LEN;
/// The bytes of two sealed shares.
pub(crate) const SEALED: usize = PLAIN + 16;

/// The two shares that one client holds of another's secrets. It reveals one of them at most.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct HeldShares {
    /// Of the seed of the self mask.
    pub(crate) of_self_seed: Share,
    /// Of the seed of the mask key.
    pub(crate) of_mask_key: Share,
}

/// Two shares under the key of one sender and one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(pub(crate) [u8; SEALED]);

/// The shares that a client sends to its neighbours, in ascending order of those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharesMessage {
    /// The round.
    pub round: u32,
    /// Who sends them.
    pub from: u32,
    /// To whom, and what.
    pub sealed: Vec<(u32, Sealed)>,
}

/// The shares that a client gets from its neighbours, in ascending order of those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryMessage {
    /// The round.
    pub round: u32,
    /// Who gets them.
    pub to: u32,
    /// From whom, and what.
    pub sealed: Vec<(u32, Sealed)>,
}

impl HeldShares {
    /// Seals the shares for one reader. The key belongs to this one message, so that the nonce may be zero.
    pub(crate) fn seal(&self, key: &[u8; 32], salt: &Salt, from: u32, to: u32) -> Sealed {
        let mut plain = Zeroizing::new([0; PLAIN]);
        let (first, second) = plain.split_at_mut(Share::LEN);
        first.copy_from_slice(&*self.of_self_seed.to_bytes());
        second.copy_from_slice(&*self.of_mask_key.to_bytes());
        let tag = ChaCha20Poly1305::new(key.into())
            .encrypt_inout_detached(&Nonce::default(), &bound_to(salt, from, to), (&mut plain[..]).into())
            .expect("two shares are far below the cipher's limit");
        let mut sealed = [0; SEALED];
        sealed[..PLAIN].copy_from_slice(&*plain);
        sealed[PLAIN..].copy_from_slice(&tag);
        Sealed(sealed)
    }

    /// Opens what [`HeldShares::seal`] sealed. `None` if it was altered, or meant for another place.
    pub(crate) fn open(
        sealed: &Sealed,
        key: &[u8; 32],
        salt: &Salt,
        from: u32,
        to: u32,
    ) -> Option<HeldShares> {
        let (body, tag) = sealed.0.split_at(PLAIN);
        let mut plain = Zeroizing::new([0; PLAIN]);
        plain.copy_from_slice(body);
        let tag = Tag::try_from(tag).expect("a tag has 16 bytes");
        ChaCha20Poly1305::new(key.into())
            .decrypt_inout_detached(
                &Nonce::default(),
                &bound_to(salt, from, to),
                (&mut plain[..]).into(),
                &tag,
            )
            .ok()?;
        let (first, second) = plain.split_at(Share::LEN);
        let share =
            |bytes: &[u8]| Share::from_bytes(bytes.try_into().expect("a half has the length of a share"));
        Some(HeldShares { of_self_seed: share(first)?, of_mask_key: share(second)? })
    }
}

fn bound_to(salt: &Salt, from: u32, to: u32) -> Vec<u8> {
    let mut bytes = b"privet/secagg/v1/shares".to_vec();
    [salt.round, from, to].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend(salt.roster);
    bytes
}

impl SharesMessage {
    const STAGE: u8 = 3;

    /// Writes it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        encode(Self::STAGE, self.round, self.from, &self.sealed)
    }

    /// Reads it from bytes.
    pub fn decode(bytes: &[u8]) -> Result<SharesMessage, DecodeError> {
        decode(bytes, Self::STAGE).map(|(round, from, sealed)| SharesMessage { round, from, sealed })
    }
}

impl DeliveryMessage {
    const STAGE: u8 = 4;

    /// Writes it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        encode(Self::STAGE, self.round, self.to, &self.sealed)
    }

    /// Reads it from bytes.
    pub fn decode(bytes: &[u8]) -> Result<DeliveryMessage, DecodeError> {
        decode(bytes, Self::STAGE).map(|(round, to, sealed)| DeliveryMessage { round, to, sealed })
    }
}

fn encode(stage: u8, round: u32, client: u32, sealed: &[(u32, Sealed)]) -> Vec<u8> {
    let mut bytes = header(stage, round);
    bytes.extend(client.to_le_bytes());
    write_len(&mut bytes, sealed.len());
    for (other, sealed) in sealed {
        bytes.extend(other.to_le_bytes());
        bytes.extend(sealed.0);
    }
    bytes
}

type Parts = (u32, u32, Vec<(u32, Sealed)>);

fn decode(bytes: &[u8], stage: u8) -> Result<Parts, DecodeError> {
    let (mut reader, round) = Reader::new(bytes, stage)?;
    let client = reader.number()?;
    if client == 0 {
        return Err(DecodeError::Order { client });
    }
    let sealed = reader.list(4 + SEALED, |other, item| Ok((other, Sealed(item.array()?))))?;
    reader.finish()?;
    Ok((round, client, sealed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secagg::shamir;
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    #[test]
    fn sealed_shares_open_for_their_place_alone() {
        let shares =
            |secret| shamir::split(&[secret; 32], 2, &[2], &mut ChaCha12Rng::seed_from_u64(1)).pop().unwrap();
        let held = HeldShares { of_self_seed: shares(1), of_mask_key: shares(2) };
        let (key, salt) = ([9; 32], Salt { round: 3, roster: [4; 32] });
        let sealed = held.seal(&key, &salt, 1, 2);
        let opened = HeldShares::open(&sealed, &key, &salt, 1, 2).unwrap();
        assert_eq!(*opened.of_self_seed.to_bytes(), *held.of_self_seed.to_bytes());
        assert_eq!(*opened.of_mask_key.to_bytes(), *held.of_mask_key.to_bytes());

        let elsewhere = [Salt { round: 4, ..salt }, Salt { roster: [5; 32], ..salt }];
        assert!(elsewhere.iter().all(|salt| HeldShares::open(&sealed, &key, salt, 1, 2).is_none()));
        assert!(HeldShares::open(&sealed, &key, &salt, 2, 1).is_none());
        assert!(HeldShares::open(&sealed, &[8; 32], &salt, 1, 2).is_none());
        for at in 0..SEALED {
            let mut altered = sealed.clone();
            altered.0[at] ^= 1;
            assert!(HeldShares::open(&altered, &key, &salt, 1, 2).is_none());
        }
    }
}
