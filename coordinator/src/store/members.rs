//! Who has enrolled with which key, who has been shut out, and which invitations are open.

use super::nonces::Denial;
use crate::enrolment::Invitation;
use privet_core::identity::IdentityKey;
use privet_core::protocol::{EnrolledClient, HexDigest};
use std::collections::{BTreeMap, BTreeSet};

/// The clients of a federation and the tokens by which others may become one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) keys: BTreeMap<u32, IdentityKey>,
    pub(crate) revoked: BTreeSet<u32>,
    /// The digests of one-time tokens that nobody has used.
    pub(crate) tokens: BTreeSet<HexDigest>,
}

impl Members {
    /// The number of the client with this key, if it has enrolled.
    pub(crate) fn number(&self, key: IdentityKey) -> Result<Option<u32>, Denial> {
        let found = self.keys.iter().find(|(_, known)| **known == key).map(|(client, _)| *client);
        match found {
            Some(client) if self.revoked.contains(&client) => Err(Denial::Revoked { client }),
            found => Ok(found),
        }
    }

    /// Checks that a newcomer is invited. A token is not spent by that: whoever it lets in may still be refused a place.
    pub(crate) fn check(&self, invitation: Invitation) -> Result<(), Denial> {
        match invitation {
            Invitation::NotNeeded => Ok(()),
            Invitation::Token(token) if self.tokens.contains(&token) => Ok(()),
            Invitation::Token(_) => Err(Denial::TokenSpent),
            Invitation::Missing => Err(Denial::NotInvited),
        }
    }

    /// Checks that a client that signs with this key may act.
    pub(crate) fn authorize(&self, client: u32, key: IdentityKey) -> Result<(), Denial> {
        match self.keys.get(&client) {
            Some(known) if *known != key => Err(Denial::AnotherKey { client }),
            _ if self.revoked.contains(&client) => Err(Denial::Revoked { client }),
            _ => Ok(()),
        }
    }

    /// All of them, by number.
    pub(crate) fn list(&self) -> Vec<EnrolledClient> {
        let client =
            |(&client, &key)| EnrolledClient { client, key, revoked: self.revoked.contains(&client) };
        self.keys.iter().map(client).collect()
    }
}
