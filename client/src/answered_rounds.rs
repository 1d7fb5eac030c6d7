//! Which rounds a client has answered, so that it answers none twice: not even a restart makes it.
//!
//! Where a client noises its own update, an answer spends its privacy, and a second answer to the same round would spend it again
//! without anybody's ledger knowing: a coordinator that nobody trusts could ask until the noise averages out. In a
//! masked round a second answer could reveal what the first one hides. Rounds are numbered upwards, so the last number
//! says it all.
//!
//! The file has one line for each plan by which the client has taken part: `<SHA-256 of the plan> <last round> <number of
//! rounds>`. A federation that begins anew by the same plan cannot be told from a coordinator that asks again.
//!
//! Where the client draws noise, a round is noted before the training in it begins; one that is never sent counts as well.

use privet_core::participant::TrainedRounds;
use privet_core::protocol::HexDigest;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The rounds of every plan that were answered, in memory or in a file beside the client's key.
#[derive(Debug, Default)]
pub struct AnsweredRounds {
    rounds: BTreeMap<HexDigest, TrainedRounds>,
    file: Option<PathBuf>,
}

/// Why it is not known which rounds were answered.
#[derive(Debug, thiserror::Error)]
pub enum AnsweredRoundsError {
    /// The file cannot be read or written.
    #[error("which rounds this client has answered cannot be kept in {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} is no record of answered rounds: restore it, or begin with another key file", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
    },
}

impl AnsweredRounds {
    /// Those of an earlier process with this key file, kept in a file of that name and `.answered`; without a
    /// key file none, and none are kept: such a key does not outlive its process either.
    pub fn beside(key: Option<&Path>) -> Result<AnsweredRounds, AnsweredRoundsError> {
        let Some(key) = key else { return Ok(AnsweredRounds::default()) };
        let path = with_suffix(key, ".answered");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(AnsweredRoundsError::Unreadable { path });
            }
            Err(source) => return Err(AnsweredRoundsError::File { path, source }),
        };
        let line = |line: &str| {
            let (plan, rounds) = line.split_once(' ')?;
            let (last, count) = rounds.split_once(' ')?;
            let rounds = TrainedRounds { last: last.parse().ok()?, count: count.parse().ok()? };
            Some((plan.parse().ok()?, rounds))
        };
        match text.lines().map(line).collect() {
            Some(rounds) => Ok(AnsweredRounds { rounds, file: Some(path) }),
            None => Err(AnsweredRoundsError::Unreadable { path }),
        }
    }

    /// The last round that was answered by any plan; 0 before the first.
    pub fn last(&self) -> u32 {
        self.rounds.values().map(|rounds| rounds.last).max().unwrap_or(0)
    }

    /// Those that were answered by this plan.
    pub fn by(&self, plan: HexDigest) -> TrainedRounds {
        self.rounds.get(&plan).copied().unwrap_or_default()
    }

    /// Notes that a round is about to be answered: when this returns, it is on the disk. One that is no later than all
    /// others changes nothing.
    pub fn note(&mut self, plan: HexDigest, round: u32) -> Result<(), AnsweredRoundsError> {
        let Some(after) = self.by(plan).with(round) else { return Ok(()) };
        self.rounds.insert(plan, after);
        let Some(path) = &self.file else { return Ok(()) };
        let line = |(plan, rounds): (&HexDigest, &TrainedRounds)| {
            format!("{plan} {} {}\n", rounds.last, rounds.count)
        };
        let text: String = self.rounds.iter().map(line).collect();
        write(path, &text).map_err(|source| AnsweredRoundsError::File { path: path.clone(), source })
    }
}

/// Beside its place first: a reader never sees half of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let partial = with_suffix(path, ".partial");
    let mut file = File::create(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: HexDigest = HexDigest([1; 32]);
    const OTHER: HexDigest = HexDigest([2; 32]);

    #[test]
    fn what_was_answered_is_known_to_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let mut answered = AnsweredRounds::beside(Some(&key)).unwrap();
        assert_eq!((answered.last(), answered.by(ONE)), (0, TrainedRounds::default()));
        for (plan, round) in [(ONE, 3), (OTHER, 1), (ONE, 7), (ONE, 5)] {
            answered.note(plan, round).unwrap();
        }
        let again = AnsweredRounds::beside(Some(&key)).unwrap();
        assert_eq!(again.by(ONE), TrainedRounds { last: 7, count: 2 });
        assert_eq!((again.by(OTHER).last, again.last()), (1, 7));
        assert_eq!(AnsweredRounds::beside(None).unwrap().last(), 0);
    }

    #[test]
    fn a_record_that_cannot_be_kept_or_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("no/such/key");
        let error = AnsweredRounds::beside(Some(&nowhere)).unwrap().note(ONE, 1).unwrap_err();
        assert!(matches!(error, AnsweredRoundsError::File { .. }), "{error}");
        for text in [&b"my notes\n"[..], b"\xff\xfe"] {
            fs::write(folder.path().join("key.answered"), text).unwrap();
            let error = AnsweredRounds::beside(Some(&folder.path().join("key"))).unwrap_err();
            assert!(matches!(error, AnsweredRoundsError::Unreadable { .. }), "{error}");
        }
    }
}
