//! Who may enrol.

use privet_core::identity::{IdentityKey, IdentityKeyError};
use privet_core::protocol::{Enrol, HexDigest};
use std::collections::BTreeSet;

/// The rule by which clients are let into a federation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enrolment {
    /// Whoever reaches the coordinator, as long as there is a place.
    Open,
    /// Whoever is on the list, or brings a one-time token.
    Invited {
        /// The public keys of those who need no token.
        listed: BTreeSet<[u8; 32]>,
    },
}

/// What lets a client in that is not enrolled yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invitation {
    /// It needs none.
    NotNeeded,
    /// The one-time token with this digest, if nobody has used it.
    Token(HexDigest),
    /// It has none.
    Missing,
}

/// A line of an allow-list is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {source}: write one public key a line, and anything behind a #")]
pub struct AllowListError {
    /// Which line, from 1.
    line: usize,
    source: IdentityKeyError,
}

impl Enrolment {
    /// Reads an allow-list: a public key a line; empty lines and whatever follows a `#` are left out.
    pub fn of_list(text: &str) -> Result<Enrolment, AllowListError> {
        let mut listed = BTreeSet::new();
        for (line, content) in (1..).zip(text.lines()) {
            let key = content.split('#').next().unwrap_or_default().trim();
            if !key.is_empty() {
                let key: IdentityKey = key.parse().map_err(|source| AllowListError { line, source })?;
                listed.insert(key.to_bytes());
            }
        }
        Ok(Enrolment::Invited { listed })
    }

    /// What a client brings.
    pub(crate) fn invitation(&self, request: &Enrol) -> Invitation {
        match self {
            Enrolment::Open => Invitation::NotNeeded,
            Enrolment::Invited { listed } if listed.contains(&request.key.to_bytes()) => {
                Invitation::NotNeeded
            }
            Enrolment::Invited { .. } => match &request.token {
                Some(token) => Invitation::Token(token.digest()),
                None => Invitation::Missing,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_core::identity::Identity;
    use privet_core::protocol::Token;

    #[test]
    fn who_is_on_the_list_needs_no_token() {
        let key = |secret| Identity::from_random(&[secret; 32]).key();
        let list = format!("# hospitals\n\n{} # north\n  {}\n", key(1), key(2));
        let rule = Enrolment::of_list(&list).unwrap();
        let ask = |secret, token| Enrol { key: key(secret), place: None, token };
        assert_eq!(rule.invitation(&ask(1, None)), Invitation::NotNeeded);
        assert_eq!(rule.invitation(&ask(2, None)), Invitation::NotNeeded);
        assert_eq!(rule.invitation(&ask(3, None)), Invitation::Missing);
        let token = Token::from_random([5; 32]);
        assert_eq!(rule.invitation(&ask(3, Some(token.clone()))), Invitation::Token(token.digest()));
        assert_eq!(Enrolment::Open.invitation(&ask(3, None)), Invitation::NotNeeded);
        let wrong = Enrolment::of_list("# a comment\nnorth\n").unwrap_err();
        assert!(wrong.to_string().starts_with("line 2: "), "{wrong}");
    }
}
