//! The keys of other clients that this one has seen, so that none is exchanged for another unnoticed.
//!
//! A client that was given no roster believes the keys that the coordinator publishes, each at first sight. They are kept beside
//! its own key, by the plan: not even between two of its processes does the coordinator get to exchange one.

use privet_core::identity::IdentityKey;
use privet_core::protocol::{EnrolledClient, HexDigest};
use privet_core::secagg::Identities;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The keys at first sight, in memory or in a file beside the client's key.
#[derive(Debug, Clone, Default)]
pub struct SeenKeys {
    by_plan: BTreeMap<HexDigest, BTreeMap<u32, IdentityKey>>,
    file: Option<PathBuf>,
}

/// Why the keys cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum SeenKeysError {
    /// The file cannot be read or written.
    #[error("the keys of other clients cannot be kept in {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} does not hold the keys of other clients ({source}): restore it, or begin with another key file", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Another key stands for a client than before: it could be somebody else's.
    #[error(
        "the coordinator publishes another key of client {client} than before: somebody may listen in its place; ask that \
         client, and if it has a new key give this client a roster"
    )]
    Changed {
        /// Whose key.
        client: u32,
    },
    /// One key stands for two clients: only one of them can be real.
    #[error(
        "the coordinator publishes one key for the clients {one} and {other}: at most one of them is real"
    )]
    Doubled {
        /// A client with the key.
        one: u32,
        /// Another.
        other: u32,
    },
}

impl SeenKeys {
    /// Those that an earlier process with this key file has seen, kept in a file of that name and `.seen`; without a key
    /// file none, and none are kept.
    pub fn beside(key: Option<&Path>) -> Result<SeenKeys, SeenKeysError> {
        let Some(key) = key else { return Ok(SeenKeys::default()) };
        let mut path = key.as_os_str().to_owned();
        path.push(".seen");
        let path = PathBuf::from(path);
        let by_plan = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| SeenKeysError::Unreadable { path: path.clone(), source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(SeenKeysError::File { path, source }),
        };
        Ok(SeenKeys { by_plan, file: Some(path) })
    }

    /// Takes up what the coordinator publishes, and gives all keys that were ever seen by this plan.
    pub(crate) fn learn(
        &mut self,
        plan: HexDigest,
        published: &[EnrolledClient],
    ) -> Result<Identities, SeenKeysError> {
        let mut keys = self.by_plan.get(&plan).cloned().unwrap_or_default();
        let before = keys.len();
        for listed in published {
            if *keys.entry(listed.client).or_insert(listed.key) != listed.key {
                return Err(SeenKeysError::Changed { client: listed.client });
            }
        }
        if let Some((one, other)) = doubled(&keys) {
            return Err(SeenKeysError::Doubled { one, other });
        }
        if keys.len() > before {
            let mut by_plan = self.by_plan.clone();
            by_plan.insert(plan, keys.clone());
            if let Some(path) = &self.file {
                write(path, &by_plan).map_err(|source| SeenKeysError::File { path: path.clone(), source })?;
            }
            self.by_plan = by_plan;
        }
        Ok(keys)
    }
}

/// Two clients with one key, if there are any.
pub fn doubled(keys: &Identities) -> Option<(u32, u32)> {
    let mut owners: BTreeMap<[u8; 32], u32> = BTreeMap::new();
    keys.iter().find_map(|(client, key)| Some((owners.insert(key.to_bytes(), *client)?, *client)))
}

/// Beside its place first: a reader never sees half of it.
fn write(path: &Path, by_plan: &BTreeMap<HexDigest, BTreeMap<u32, IdentityKey>>) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let mut file = File::create(&partial)?;
    file.write_all(&serde_json::to_vec(by_plan)?)?;
    file.sync_all()?;
    fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_core::identity::Identity;

    const PLAN: HexDigest = HexDigest([1; 32]);

    fn listed(client: u32, key: u8) -> EnrolledClient {
        EnrolledClient { client, key: Identity::from_random(&[key; 32]).key(), revoked: false }
    }

    #[test]
    fn a_key_that_changes_is_noticed_also_by_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let mut seen = SeenKeys::beside(Some(&key)).unwrap();
        assert_eq!(seen.learn(PLAN, &[listed(1, 1), listed(2, 2)]).unwrap().len(), 2);
        let mut again = SeenKeys::beside(Some(&key)).unwrap();
        assert_eq!(again.learn(PLAN, &[listed(3, 3)]).unwrap().len(), 3);
        let changed = again.learn(PLAN, &[listed(2, 9)]).unwrap_err();
        assert!(matches!(changed, SeenKeysError::Changed { client: 2 }), "{changed}");
        // In another federation number 2 is somebody else.
        again.learn(HexDigest([2; 32]), &[listed(2, 9)]).unwrap();
    }

    #[test]
    fn one_key_for_two_clients_is_refused() {
        let refused = SeenKeys::default().learn(PLAN, &[listed(1, 1), listed(2, 1)]).unwrap_err();
        assert!(matches!(refused, SeenKeysError::Doubled { one: 1, other: 2 }), "{refused}");
    }

    #[test]
    fn a_file_that_holds_something_else_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key.seen"), "[1]").unwrap();
        let error = SeenKeys::beside(Some(&folder.path().join("key"))).unwrap_err();
        assert!(error.to_string().contains("key.seen"), "{error}");
    }
}
