//! In which masked rounds a client has answered, beside its key: not even a restart makes it answer twice in one.
//!
//! One line for each plan by which it has taken part, `<SHA-256 of the plan> <last round>`. A federation that begins anew
//! by the same plan cannot be told from a coordinator that asks again: the client takes part from the next round on.

use privet_core::protocol::HexDigest;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The record cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum AnswerFileError {
    /// The file cannot be read or written.
    #[error("in which rounds this client has answered cannot be kept in {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} is no record of answers: name another key file, or remove it together with its key", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
    },
}

/// The record of one key.
#[derive(Debug)]
pub(crate) struct AnswerFile {
    path: PathBuf,
    rounds: BTreeMap<HexDigest, u32>,
}

impl AnswerFile {
    /// The record beside a key file; an empty one if there is none yet.
    pub(crate) fn beside(key: &Path) -> Result<AnswerFile, AnswerFileError> {
        let mut path = key.as_os_str().to_owned();
        path.push(".answered");
        let path = PathBuf::from(path);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(AnswerFileError::File { path, source }),
        };
        let line = |line: &str| {
            let (plan, round) = line.split_once(' ')?;
            Some((plan.parse().ok()?, round.parse().ok()?))
        };
        match text.lines().map(line).collect() {
            Some(rounds) => Ok(AnswerFile { path, rounds }),
            None => Err(AnswerFileError::Unreadable { path }),
        }
    }

    /// The last round of a plan that got an answer; 0 if none did.
    pub(crate) fn latest(&self, plan: HexDigest) -> u32 {
        self.rounds.get(&plan).copied().unwrap_or(0)
    }

    /// Records that a round gets an answer. Durable when it returns.
    pub(crate) fn record(&mut self, plan: HexDigest, round: u32) -> Result<(), AnswerFileError> {
        self.rounds.insert(plan, round);
        let text: String = self.rounds.iter().map(|(plan, round)| format!("{plan} {round}\n")).collect();
        write(&self.path, &text).map_err(|source| AnswerFileError::File { path: self.path.clone(), source })
    }
}

/// Beside its place first: a reader never sees half of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let mut file = File::create(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("client.key");
        let (one, other) = (HexDigest([1; 32]), HexDigest([2; 32]));
        let mut record = AnswerFile::beside(&key).unwrap();
        assert_eq!(record.latest(one), 0);
        record.record(one, 3).unwrap();
        record.record(other, 1).unwrap();
        let again = AnswerFile::beside(&key).unwrap();
        assert_eq!((again.latest(one), again.latest(other)), (3, 1));
    }

    #[test]
    fn a_record_that_cannot_be_kept_or_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("no/such/client.key");
        let mut record = AnswerFile::beside(&nowhere).unwrap();
        let error = record.record(HexDigest([1; 32]), 1).unwrap_err();
        assert!(matches!(error, AnswerFileError::File { .. }), "{error}");
        fs::write(folder.path().join("client.key.answered"), "my notes\n").unwrap();
        let error = AnswerFile::beside(&folder.path().join("client.key")).unwrap_err();
        assert!(matches!(error, AnswerFileError::Unreadable { .. }), "{error}");
    }
}
