//! Which rounds a client has answered, so that it answers none twice.
//!
//! Where a client noises its own update, an answer spends its privacy, and a second answer to the same round would spend it again without
//! anybody's ledger knowing: a coordinator that nobody trusts could ask until the noise averages out. Rounds are numbered
//! upwards, so the last number says it all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The last round that was answered, in memory or in a file beside the client's key.
#[derive(Debug, Default)]
pub struct AnsweredRounds {
    last: u32,
    file: Option<PathBuf>,
}

/// Why it is not known which rounds were answered.
#[derive(Debug, thiserror::Error)]
pub enum AnsweredRoundsError {
    /// The file cannot be read or written.
    #[error("which rounds were answered cannot be kept in {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} does not hold the number of a round: restore it, or begin with another key file")]
    NoRound {
        /// Which file.
        path: PathBuf,
    },
}

impl AnsweredRounds {
    /// Those of an earlier process with this key file, kept in a file of that name and `.answered`; without a
    /// key file none, and none are kept.
    pub fn beside(key: Option<&Path>) -> Result<AnsweredRounds, AnsweredRoundsError> {
        let Some(key) = key else { return Ok(AnsweredRounds::default()) };
        let mut name = key.as_os_str().to_owned();
        name.push(".answered");
        let path = PathBuf::from(name);
        let last = match fs::read_to_string(&path) {
            Ok(text) => {
                text.trim().parse().map_err(|_| AnsweredRoundsError::NoRound { path: path.clone() })?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(source) => return Err(AnsweredRoundsError::File { path, source }),
        };
        Ok(AnsweredRounds { last, file: Some(path) })
    }

    /// The last round that was answered; 0 before the first.
    pub fn last(&self) -> u32 {
        self.last
    }

    /// Notes that a round is about to be answered: when this returns, it is on the disk.
    pub fn note(&mut self, round: u32) -> Result<(), AnsweredRoundsError> {
        if let Some(path) = &self.file {
            keep(path, round).map_err(|source| AnsweredRoundsError::File { path: path.clone(), source })?;
        }
        self.last = round;
        Ok(())
    }
}

fn keep(path: &Path, round: u32) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut file = File::create(&new)?;
    writeln!(file, "{round}")?;
    file.sync_all()?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_is_known_to_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let mut answered = AnsweredRounds::beside(Some(&key)).unwrap();
        assert_eq!(answered.last(), 0);
        answered.note(3).unwrap();
        answered.note(7).unwrap();
        assert_eq!(AnsweredRounds::beside(Some(&key)).unwrap().last(), 7);
        assert_eq!(AnsweredRounds::beside(None).unwrap().last(), 0);
        fs::write(folder.path().join("key.answered"), "seven").unwrap();
        let refused = AnsweredRounds::beside(Some(&key)).unwrap_err();
        assert!(matches!(refused, AnsweredRoundsError::NoRound { .. }), "{refused}");
    }
}
