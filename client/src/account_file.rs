//! In which rounds a client has trained, kept beside its key: what it has spent of its rows' privacy must not be
//! forgotten when it is ended and started again.
//!
//! Invariant: a round is on the disk before the training in it begins. A round that is never sent counts as well.

use privet_core::participant::TrainedRounds;
use privet_core::protocol::HexDigest;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The account of a client in one federation.
#[derive(Debug)]
pub struct AccountFile {
    path: PathBuf,
    plan: String,
    /// Of every plan that the client has worked by.
    trained: BTreeMap<String, TrainedRounds>,
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum AccountFileError {
    /// The file cannot be read or written.
    #[error("the account of privacy cannot be kept in {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{path} does not hold an account of privacy ({source}): put it right, or name another file for the key"
    )]
    NoAccount {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl AccountFile {
    /// The account beside a key file, for the federation that works by this plan.
    pub fn beside(key: &Path, plan: HexDigest) -> Result<AccountFile, AccountFileError> {
        let path = with_suffix(key, ".account");
        let trained = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| AccountFileError::NoAccount { path: path.clone(), source })?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(AccountFileError::File { path, source }),
        };
        Ok(AccountFile { path, plan: plan.to_string(), trained })
    }

    /// In which rounds the client has trained.
    pub fn trained(&self) -> TrainedRounds {
        self.trained.get(&self.plan).copied().unwrap_or_default()
    }

    /// Writes a round down before the client trains in it.
    pub(crate) fn note(&mut self, round: u32) -> Result<(), AccountFileError> {
        // A round that is no new one is refused by the training.
        let Some(after) = self.trained().with(round) else { return Ok(()) };
        self.trained.insert(self.plan.clone(), after);
        self.write().map_err(|source| AccountFileError::File { path: self.path.clone(), source })
    }

    /// Whole or not at all: written beside its place, and renamed into it.
    fn write(&self) -> io::Result<()> {
        let beside = with_suffix(&self.path, ".new");
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec(&self.trained)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        // The new name lasts when the folder does.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_kept_by_plan() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("hospital.key");
        let plan = HexDigest::of(b"plan");
        let open = |plan| AccountFile::beside(&key, plan).unwrap();
        let mut account = open(plan);
        assert_eq!(account.trained(), TrainedRounds::default());
        for round in [2, 5, 5, 3] {
            account.note(round).unwrap();
        }
        assert_eq!(open(plan).trained(), TrainedRounds { last: 5, count: 2 });
        assert_eq!(open(HexDigest::of(b"another")).trained(), TrainedRounds::default());
        fs::write(folder.path().join("hospital.key.account"), "{\"a\": 1}").unwrap();
        let refused = AccountFile::beside(&key, plan).unwrap_err();
        assert!(matches!(refused, AccountFileError::NoAccount { .. }), "{refused}");
    }
}
