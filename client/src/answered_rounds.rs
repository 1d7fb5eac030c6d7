//! Which rounds a client has answered, so that it answers none twice: not even a restart makes it.
//!
//! Where a client noises its own update, an answer spends its privacy, and a second answer to the same round would spend it again
//! without anybody's ledger knowing: a coordinator that nobody trusts could ask until the noise averages out. In a
//! masked round a second answer could reveal what the first one hides. Rounds are numbered upwards, so the last number
//! says it all.
//!
//! The file has one line for each plan by which the client has taken part: `<SHA-256 of the plan> <last round> <number of
//! rounds> <last masked round that got an answer>`. The first two numbers are of rounds for which it drew noise, and where it has a
//! limit of its own of all rounds: such a round is noted before the training in it begins, and one that is never sent counts as well. A federation that begins anew by
//! the same plan cannot be told from a coordinator that asks again.

use privet_core::participant::TrainedRounds;
use privet_core::protocol::HexDigest;
use privet_core::secagg::{AnswerRecord, AnswerRecordError};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The rounds of every plan that were answered, in memory or in a file beside the client's key.
#[derive(Debug, Default)]
pub struct AnsweredRounds {
    rounds: BTreeMap<HexDigest, Rounds>,
    file: Option<PathBuf>,
    /// Held as long as this lives: of two processes with one key, neither would know what the other answers.
    _lock: Option<File>,
}

/// Those of one plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Rounds {
    /// For which it drew noise.
    noised: TrainedRounds,
    /// The last masked round in which it gave shares.
    unmasked: u32,
}

/// The record of masked rounds by one plan.
pub(crate) struct OfPlan<'a> {
    answered: &'a mut AnsweredRounds,
    plan: HexDigest,
    failure: Option<AnsweredRoundsError>,
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
    /// Another process has them.
    #[error(
        "another client takes part with the key {}: stop it, or give this one a key of its own. Two with one key could \
         answer a round twice",
        key.display()
    )]
    InUse {
        /// The file with the key.
        key: PathBuf,
    },
}

impl AnsweredRounds {
    /// Those of an earlier process with this key file, kept in a file of that name and `.answered`; without a
    /// key file none, and none are kept: such a key does not outlive its process either.
    ///
    /// # Errors
    /// While others of this key file live, in this process or another: the file `.answered.lock` says so.
    pub fn beside(key: Option<&Path>) -> Result<AnsweredRounds, AnsweredRoundsError> {
        let Some(key) = key else { return Ok(AnsweredRounds::default()) };
        let lock = Some(lock(key)?);
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
            let mut words = line.split(' ');
            let plan = words.next()?.parse().ok()?;
            let mut number = || words.next()?.parse().ok();
            let noised = TrainedRounds { last: number()?, count: number()? };
            let unmasked = number()?;
            words.next().is_none().then_some((plan, Rounds { noised, unmasked }))
        };
        match text.lines().map(line).collect() {
            Some(rounds) => Ok(AnsweredRounds { rounds, file: Some(path), _lock: lock }),
            None => Err(AnsweredRoundsError::Unreadable { path }),
        }
    }

    /// The last round of any plan for which noise was drawn; 0 before the first.
    pub fn last(&self) -> u32 {
        self.rounds.values().map(|rounds| rounds.noised.last).max().unwrap_or(0)
    }

    /// The rounds of this plan for which noise was drawn.
    pub fn noised(&self, plan: HexDigest) -> TrainedRounds {
        self.by(plan).noised
    }

    /// How many rounds of all other plans are noted.
    pub fn by_other_plans(&self, plan: HexDigest) -> u32 {
        let others = self.rounds.iter().filter(|(other, _)| **other != plan);
        others.fold(0, |sum, (_, rounds)| rounds.noised.count.saturating_add(sum))
    }

    /// The last masked round of this plan in which the client gave shares; 0 before the first.
    pub fn unmasked(&self, plan: HexDigest) -> u32 {
        self.by(plan).unmasked
    }

    /// Notes that noise is about to be drawn for a round: when this returns, it is on the disk. A round that is no later than all
    /// others changes nothing.
    pub fn note(&mut self, plan: HexDigest, round: u32) -> Result<(), AnsweredRoundsError> {
        let before = self.by(plan);
        match before.noised.with(round) {
            Some(noised) => self.write(plan, Rounds { noised, ..before }),
            None => Ok(()),
        }
    }

    /// The record of masked rounds by this plan.
    pub(crate) fn of_plan(&mut self, plan: HexDigest) -> OfPlan<'_> {
        OfPlan { answered: self, plan, failure: None }
    }

    fn by(&self, plan: HexDigest) -> Rounds {
        self.rounds.get(&plan).copied().unwrap_or_default()
    }

    /// On the disk first: what cannot be written has not happened.
    fn write(&mut self, plan: HexDigest, after: Rounds) -> Result<(), AnsweredRoundsError> {
        let mut rounds = self.rounds.clone();
        rounds.insert(plan, after);
        if let Some(path) = &self.file {
            let line = |(plan, rounds): (&HexDigest, &Rounds)| {
                let Rounds { noised: TrainedRounds { last, count }, unmasked } = rounds;
                format!("{plan} {last} {count} {unmasked}\n")
            };
            let text: String = rounds.iter().map(line).collect();
            write(path, &text).map_err(|source| AnsweredRoundsError::File { path: path.clone(), source })?;
        }
        self.rounds = rounds;
        Ok(())
    }
}

impl OfPlan<'_> {
    /// Why the last answer could not be recorded, if it was for want of a file.
    pub(crate) fn failure(self) -> Option<AnsweredRoundsError> {
        self.failure
    }
}

impl AnswerRecord for OfPlan<'_> {
    fn record(&mut self, round: u32) -> Result<(), AnswerRecordError> {
        let before = self.answered.by(self.plan);
        if round <= before.unmasked {
            return Err(AnswerRecordError::AlreadyAnswered { round, latest: before.unmasked });
        }
        self.answered.write(self.plan, Rounds { unmasked: round, ..before }).map_err(|failure| {
            self.failure = Some(failure);
            AnswerRecordError::NotWritten { round }
        })
    }
}

fn lock(key: &Path) -> Result<File, AnsweredRoundsError> {
    let path = with_suffix(key, ".answered.lock");
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let locked = opened.map_err(TryLockError::Error).and_then(|file| file.try_lock().map(|()| file));
    locked.map_err(|error| match error {
        TryLockError::WouldBlock => AnsweredRoundsError::InUse { key: key.into() },
        TryLockError::Error(source) => AnsweredRoundsError::File { path, source },
    })
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
        assert_eq!((answered.last(), answered.noised(ONE)), (0, TrainedRounds::default()));
        for (plan, round) in [(ONE, 3), (OTHER, 1), (ONE, 7), (ONE, 5)] {
            answered.note(plan, round).unwrap();
        }
        drop(answered);
        let again = AnsweredRounds::beside(Some(&key)).unwrap();
        assert_eq!(again.noised(ONE), TrainedRounds { last: 7, count: 2 });
        assert_eq!((again.by_other_plans(ONE), again.by_other_plans(OTHER)), (1, 2));
        assert_eq!((again.noised(OTHER).last, again.last()), (1, 7));
        assert_eq!(AnsweredRounds::beside(None).unwrap().last(), 0);
    }

    #[test]
    fn a_masked_round_gets_one_answer_by_each_plan_also_of_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let mut answered = AnsweredRounds::beside(Some(&key)).unwrap();
        answered.note(ONE, 4).unwrap();
        // That noise was drawn for a round is no answer in it.
        answered.of_plan(ONE).record(4).unwrap();
        let refused = AnswerRecordError::AlreadyAnswered { round: 4, latest: 4 };
        assert_eq!(answered.of_plan(ONE).record(4), Err(refused));
        drop(answered);
        let mut again = AnsweredRounds::beside(Some(&key)).unwrap();
        assert_eq!((again.unmasked(ONE), again.unmasked(OTHER)), (4, 0));
        assert_eq!(again.of_plan(ONE).record(4), Err(refused));
        again.of_plan(OTHER).record(1).unwrap();
        again.of_plan(ONE).record(5).unwrap();
        // What cannot be written gets no answer, and can get one later.
        fs::create_dir(folder.path().join("key.answered.partial")).unwrap();
        let mut record = again.of_plan(ONE);
        assert_eq!(record.record(6), Err(AnswerRecordError::NotWritten { round: 6 }));
        assert!(matches!(record.failure(), Some(AnsweredRoundsError::File { .. })));
        fs::remove_dir(folder.path().join("key.answered.partial")).unwrap();
        again.of_plan(ONE).record(6).unwrap();
    }

    #[test]
    fn of_two_with_one_key_the_second_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let first = AnsweredRounds::beside(Some(&key)).unwrap();
        let error = AnsweredRounds::beside(Some(&key)).unwrap_err();
        assert!(matches!(&error, AnsweredRoundsError::InUse { key: named } if *named == key), "{error}");
        AnsweredRounds::beside(Some(&folder.path().join("other"))).unwrap();
        drop(first);
        AnsweredRounds::beside(Some(&key)).unwrap();
    }

    #[test]
    fn a_record_that_cannot_be_kept_or_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("no/such/key");
        let error = AnsweredRounds::beside(Some(&nowhere)).unwrap_err();
        assert!(matches!(error, AnsweredRoundsError::File { .. }), "{error}");
        let short = format!("{ONE} 1 1\n");
        for text in [&b"my notes\n"[..], b"\xff\xfe", short.as_bytes()] {
            fs::write(folder.path().join("key.answered"), text).unwrap();
            let error = AnsweredRounds::beside(Some(&folder.path().join("key"))).unwrap_err();
            assert!(matches!(error, AnsweredRoundsError::Unreadable { .. }), "{error}");
        }
    }
}
