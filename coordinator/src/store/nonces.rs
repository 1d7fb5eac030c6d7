//! Which nonces have been used, as long as a signature with one of them could be sent again.

use privet_core::protocol::signature::{Claim, Nonce, SIGNATURE_WINDOW};
use std::collections::{BTreeMap, BTreeSet};

/// How many nonces one client may use within the window; an agent uses some a round, of masks a dozen.
const BOUND: u32 = 32_768;

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The key is another than the client enrolled with.
    #[error("the key does not belong to client {client}: sign with the one that it enrolled with")]
    AnotherKey {
        /// The client it names.
        client: u32,
    },
    /// The client has been shut out.
    #[error("client {client} has been shut out of the federation: ask whoever runs it")]
    Revoked {
        /// The client it names.
        client: u32,
    },
    /// The client needs an invitation and has none.
    #[error(
        "the federation takes clients by invitation: ask whoever runs it for a token, or to list the key"
    )]
    NotInvited,
    /// The token is none, or has been used.
    #[error("the token has been used, or is none of this federation's: ask whoever runs it for a new one")]
    TokenSpent,
    /// The nonce has been used.
    #[error("a request with this nonce has been seen: sign again, with a new one")]
    NonceUsed,
    /// Nonces of that time have been forgotten.
    #[error("the request was signed at {created} (seconds since 1970), which is too long ago: sign again")]
    TooOld {
        /// When it says that it was signed.
        created: u64,
    },
    /// The client has used more nonces than can be remembered.
    #[error("client {client} sends too many requests: try again after the time in `Retry-After`")]
    TooMany {
        /// The client.
        client: u32,
    },
}

/// A nonce that a client has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UsedNonce {
    /// When the request was signed, in seconds since the Unix epoch.
    pub(crate) created: u64,
    pub(crate) client: u32,
    pub(crate) nonce: Nonce,
}

/// The nonces that have been used within the window.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    by_age: BTreeSet<UsedNonce>,
    by_client: BTreeMap<u32, BTreeSet<Nonce>>,
    /// Everything signed before has been forgotten, and is refused for that. It never goes back, even if the clock does.
    horizon: u64,
}

impl Nonces {
    /// The nonces that were kept.
    pub(crate) fn resume(kept: Vec<UsedNonce>) -> Nonces {
        let mut nonces = Nonces::default();
        kept.into_iter().for_each(|used| nonces.remember(used));
        nonces
    }

    /// Takes the nonce of a request, once.
    pub(crate) fn take(&mut self, client: u32, claim: &Claim, now: u64) -> Result<UsedNonce, Denial> {
        self.forget(now);
        let Claim { created, nonce, .. } = *claim;
        if created < self.horizon {
            return Err(Denial::TooOld { created });
        }
        let used = self.by_client.get(&client);
        if used.is_some_and(|used| used.contains(&nonce)) {
            return Err(Denial::NonceUsed);
        }
        if used.is_some_and(|used| used.len() >= BOUND as usize) {
            return Err(Denial::TooMany { client });
        }
        let used = UsedNonce { created, client, nonce };
        self.remember(used);
        Ok(used)
    }

    /// Nonces of requests that were signed before have been forgotten; in seconds since the Unix epoch.
    pub(crate) fn horizon(&self) -> u64 {
        self.horizon
    }

    fn remember(&mut self, used: UsedNonce) {
        self.by_age.insert(used);
        self.by_client.entry(used.client).or_default().insert(used.nonce);
    }

    fn forget(&mut self, now: u64) {
        self.horizon = self.horizon.max(now.saturating_sub(SIGNATURE_WINDOW.as_secs()));
        while let Some(oldest) = self.by_age.first().copied().filter(|used| used.created < self.horizon) {
            self.by_age.remove(&oldest);
            if let Some(nonces) = self.by_client.get_mut(&oldest.client) {
                nonces.remove(&oldest.nonce);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_core::identity::Identity;
    use privet_core::protocol::HexDigest;

    fn claim(created: u64, nonce: u32) -> Claim {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&nonce.to_le_bytes());
        let key = Identity::from_random(&[1; 32]).key();
        Claim { key, created, nonce: Nonce(bytes), content: HexDigest::of(b"") }
    }

    #[test]
    fn a_nonce_is_taken_once_and_forgotten_when_its_signature_is_stale() {
        let window = SIGNATURE_WINDOW.as_secs();
        let mut nonces = Nonces::default();
        nonces.take(1, &claim(1_000, 1), 1_000).unwrap();
        assert_eq!(nonces.take(1, &claim(1_001, 1), 1_001), Err(Denial::NonceUsed));
        nonces.take(2, &claim(1_000, 1), 1_000).unwrap();
        assert_eq!(nonces.take(1, &claim(1_000, 1), 1_000 + window), Err(Denial::NonceUsed));
        nonces.take(1, &claim(2_000, 2), 2_000).unwrap();
        assert_eq!(nonces.by_age.len(), 1);
        // The clock is set back: what was forgotten stays refused.
        assert_eq!(nonces.take(1, &claim(1_000, 1), 1_000), Err(Denial::TooOld { created: 1_000 }));
    }

    #[test]
    fn a_client_cannot_fill_the_memory() {
        let mut nonces = Nonces::default();
        for nonce in 0..BOUND {
            nonces.take(1, &claim(1_000, nonce), 1_000).unwrap();
        }
        assert_eq!(nonces.take(1, &claim(1_000, BOUND), 1_000), Err(Denial::TooMany { client: 1 }));
        nonces.take(2, &claim(1_000, BOUND), 1_000).unwrap();
        nonces.take(1, &claim(1_200, BOUND), 1_200).unwrap();
    }

    #[test]
    fn what_was_kept_is_remembered() {
        let mut nonces = Nonces::default();
        let used = nonces.take(1, &claim(1_000, 1), 1_000).unwrap();
        let mut resumed = Nonces::resume(vec![used]);
        assert_eq!(resumed.take(1, &claim(1_000, 1), 1_000), Err(Denial::NonceUsed));
    }
}
