//! The directory a run leaves behind: the plan it followed, a line a round, the summary, the model, the report.
//!
//! A directory is either new, or empty, or an earlier run of privet that is set aside under another name before
//! the new one begins; nothing that is not privet's is ever touched. Whole files are written beside their place and
//! renamed into it, so that a reader never sees half of one. `metrics.jsonl` grows by whole lines.

use crate::document::round::Round;
use crate::records_file::RecordsFile;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use thiserror::Error;

const PLAN: &str = "plan.toml";
const METRICS: &str = "metrics.jsonl";
const SUMMARY: &str = "summary.json";
const MODEL: &str = "model.safetensors";
const REPORT: &str = "report.html";
const RECORDS: &str = "records.json";
const OWN_FILES: [&str; 6] = [PLAN, METRICS, SUMMARY, MODEL, REPORT, RECORDS];
/// Where runs go that were given no directory.
const RUNS: &str = "runs";

/// Why a run's results could not be put where they belong.
#[derive(Debug, Error)]
pub(crate) enum RunDirectoryError {
    /// The path exists and is no directory.
    #[error("{} is not a directory; choose another with --out DIR", .0.display())]
    NotADirectory(PathBuf),
    /// The directory holds something privet did not write.
    #[error(
        "{} holds files of another origin ({entry}); a run goes into a new or empty directory, \
         choose one with --out DIR",
        .directory.display()
    )]
    Foreign {
        /// The directory asked for.
        directory: PathBuf,
        /// The first entry, in order of name, that is not a run's.
        entry: String,
    },
    /// The file system said no.
    #[error("{action} {}: {source}; {}", .path.display(), remedy(.source))]
    Io {
        /// What was tried, as "cannot ...".
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A document could not be turned into JSON.
    #[error("cannot turn {file} into JSON: {source}; please report this")]
    Serialize {
        /// Name of the file it was meant for.
        file: &'static str,
        /// What the serializer answered.
        source: serde_json::Error,
    },
}

impl RunDirectoryError {
    /// What was tried, as "cannot ...", on which path, and what the system answered.
    pub(crate) fn cannot(action: &'static str, path: &Path, source: io::Error) -> RunDirectoryError {
        RunDirectoryError::Io { action, path: path.to_owned(), source }
    }
}

/// An open run directory. Its files appear as they are written.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    path: PathBuf,
    set_aside: Option<PathBuf>,
    metrics: File,
}

impl RunDirectory {
    /// Makes the directory `out`, or a new one under `runs/` named for the plan and the time (UTC).
    ///
    /// # Errors
    /// `out` is a file or holds files of another origin, or the file system refuses.
    pub(crate) fn create(
        out: Option<&Path>,
        plan_name: &str,
        now: SystemTime,
    ) -> Result<RunDirectory, RunDirectoryError> {
        match out {
            Some(out) => RunDirectory::at(out),
            None => RunDirectory::under(Path::new(RUNS), plan_name, now),
        }
    }

    /// Where it is.
    #[cfg(test)]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the earlier run went that stood in the way, if one did.
    pub(crate) fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    /// Where the plan is, once written.
    pub(crate) fn plan_path(&self) -> PathBuf {
        self.path.join(PLAN)
    }

    /// Where the report is, once written.
    pub(crate) fn report_path(&self) -> PathBuf {
        self.path.join(REPORT)
    }

    /// Writes `plan.toml`: the plan with every default spelt out.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn write_plan(&self, plan: &str) -> Result<(), RunDirectoryError> {
        self.replace(PLAN, plan.as_bytes())
    }

    /// Appends one line to `metrics.jsonl`; when this returns, the line is with the operating system.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn append_round(&mut self, round: &Round) -> Result<(), RunDirectoryError> {
        let mut line = serde_json::to_vec(round)
            .map_err(|source| RunDirectoryError::Serialize { file: METRICS, source })?;
        line.push(b'\n');
        let path = || self.path.join(METRICS);
        self.metrics.write_all(&line).map_err(|source| failed("cannot append to", &path(), source))
    }

    /// Writes `summary.json`: the document of the subcommand.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn write_summary(&self, document: &impl Serialize) -> Result<(), RunDirectoryError> {
        let mut json = serde_json::to_vec_pretty(document)
            .map_err(|source| RunDirectoryError::Serialize { file: SUMMARY, source })?;
        json.push(b'\n');
        self.replace(SUMMARY, &json)
    }

    /// Reads `metrics.jsonl`: what was appended, in its order.
    ///
    /// # Errors
    /// The file system refuses, or somebody else has written into the file.
    pub(crate) fn rounds(&self) -> Result<Vec<Round>, RunDirectoryError> {
        let path = self.path.join(METRICS);
        let read = || -> io::Result<Vec<Round>> {
            let lines = BufReader::new(File::open(&path)?).lines();
            lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
        };
        read().map_err(|source| failed("cannot read", &path, source))
    }

    /// Begins `records.json`: the sealed records of the rounds, by which clients verify their receipts.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn begin_records(&self) -> Result<RecordsFile, RunDirectoryError> {
        RecordsFile::begin(self.path.join(format!(".{RECORDS}.partial")), self.path.join(RECORDS))
    }

    /// Writes `model.safetensors`.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn write_model(&self, safetensors: &[u8]) -> Result<(), RunDirectoryError> {
        self.replace(MODEL, safetensors)
    }

    /// Writes `report.html`.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn write_report(&self, html: &str) -> Result<(), RunDirectoryError> {
        self.replace(REPORT, html.as_bytes())
    }

    fn at(out: &Path) -> Result<RunDirectory, RunDirectoryError> {
        let (path, set_aside) = match contents(out)? {
            Contents::Nothing => (out.to_owned(), None),
            Contents::EarlierRun => {
                // The real path: `.` would follow the directory to its new name, and has no name to add to.
                let path = fs::canonicalize(out).map_err(|source| failed("cannot resolve", out, source))?;
                let set_aside = move_away(&path)?;
                (path, Some(set_aside))
            }
        };
        fs::create_dir_all(&path).map_err(|source| failed("cannot create", &path, source))?;
        RunDirectory::open(path, set_aside)
    }

    fn under(runs: &Path, plan_name: &str, now: SystemTime) -> Result<RunDirectory, RunDirectoryError> {
        fs::create_dir_all(runs).map_err(|source| failed("cannot create", runs, source))?;
        let stem = format!("{}-{}", file_name(plan_name), timestamp(now));
        let mut path = runs.join(&stem);
        let mut copies = 1u64;
        // Two runs of one second get names of their own: a directory is either created by us or taken.
        loop {
            match fs::create_dir(&path) {
                Ok(()) => return RunDirectory::open(path, None),
                Err(taken) if taken.kind() == ErrorKind::AlreadyExists => {
                    copies += 1;
                    path = runs.join(format!("{stem}-{copies}"));
                }
                Err(source) => return Err(failed("cannot create", &path, source)),
            }
        }
    }

    fn open(path: PathBuf, set_aside: Option<PathBuf>) -> Result<RunDirectory, RunDirectoryError> {
        let file = path.join(METRICS);
        let metrics = File::create_new(&file).map_err(|source| failed("cannot create", &file, source))?;
        Ok(RunDirectory { path, set_aside, metrics })
    }

    fn replace(&self, name: &'static str, bytes: &[u8]) -> Result<(), RunDirectoryError> {
        let partial = self.path.join(format!(".{name}.partial"));
        let place = self.path.join(name);
        let written =
            write_durably(&partial, bytes).map_err(|source| failed("cannot write", &place, source)).and_then(
                |()| fs::rename(&partial, &place).map_err(|source| failed("cannot replace", &place, source)),
            );
        if written.is_err() {
            // The first error is the one to tell; a leftover partial file harms nobody.
            let _ = fs::remove_file(&partial);
        }
        written
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

enum Contents {
    Nothing,
    EarlierRun,
}

/// What stands at `path`; an error when a run must not go there.
fn contents(path: &Path) -> Result<Contents, RunDirectoryError> {
    let unreadable = |source| failed("cannot read", path, source);
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Contents::Nothing),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(RunDirectoryError::NotADirectory(path.to_owned()));
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<String>>>()
        .map_err(unreadable)?;
    names.sort_unstable();
    match names.iter().find(|name| !is_own(name)) {
        Some(entry) => Err(RunDirectoryError::Foreign { directory: path.to_owned(), entry: entry.clone() }),
        None if names.is_empty() => Ok(Contents::Nothing),
        // Every run has its metrics from the start; without them, a lone `plan.toml` is its author's.
        None if names.iter().any(|name| name == METRICS) => Ok(Contents::EarlierRun),
        None => Err(RunDirectoryError::Foreign { directory: path.to_owned(), entry: names.swap_remove(0) }),
    }
}

/// Whether a run writes a file of that name, for good or for a moment.
fn is_own(name: &str) -> bool {
    let partial = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".partial"));
    OWN_FILES.contains(&partial.unwrap_or(name))
}

/// Renames an earlier run to the first free name `path.1`, `path.2`, ...
fn move_away(path: &Path) -> Result<PathBuf, RunDirectoryError> {
    let mut number = 0u64;
    let free = loop {
        number += 1;
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        if !Path::new(&name).exists() {
            break PathBuf::from(name);
        }
    };
    fs::rename(path, &free).map_err(|source| failed("cannot set aside the earlier run in", path, source))?;
    Ok(free)
}

/// The plan's name as part of a file name: letters, digits, `-` and `_`, at most 60 of them.
fn file_name(plan_name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = plan_name.chars().map(safe).take(60).collect();
    match name.trim_matches('-') {
        "" => "run".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

/// `20261231T235959Z`: sorts by time and needs no escaping anywhere.
fn timestamp(now: SystemTime) -> String {
    humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':'], "")
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> RunDirectoryError {
    RunDirectoryError::cannot(action, path, source)
}

/// What a person can do about it.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "choose a directory you may write to with --out DIR"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free some space, or choose a directory on another disk with --out DIR"
        }
        _ => "check the path, or choose another directory with --out DIR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::round::{Bytes, RoundSeconds};
    use std::time::Duration;

    fn round(number: u32) -> Round {
        Round {
            seed: 1,
            round: number,
            train_loss: Some(0.1 + 0.2),
            test_loss: None,
            test_accuracy: None,
            cohort: vec![1],
            contributed: 1,
            declined: 0,
            late: 0,
            bytes: Bytes::default(),
            seconds: RoundSeconds::default(),
            row: None,
            masked: None,
            epsilon: None,
            noise_deviation: None,
            clip: None,
            signal_to_noise: None,
            within_clip: None,
            unprotected: None,
        }
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_run_leaves_its_own_files_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("deep/er");
        let mut run = RunDirectory::create(Some(&out), "digits", SystemTime::UNIX_EPOCH).unwrap();
        run.write_plan("name = \"digits\"\n").unwrap();
        run.append_round(&round(1)).unwrap();
        run.append_round(&round(2)).unwrap();
        run.write_summary(&round(2)).unwrap();
        run.write_summary(&round(3)).unwrap();
        run.write_model(&[1, 2, 3]).unwrap();
        run.write_report("<!doctype html>").unwrap();
        run.begin_records().unwrap().finish().unwrap();

        let mut expected = OWN_FILES.map(String::from);
        expected.sort();
        assert_eq!(names(&out), expected);
        let metrics = fs::read_to_string(out.join(METRICS)).unwrap();
        let rounds: Vec<Round> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rounds, [round(1), round(2)]);
        assert_eq!(run.rounds().unwrap(), rounds);
        let summary: Round = serde_json::from_slice(&fs::read(out.join(SUMMARY)).unwrap()).unwrap();
        assert_eq!(summary, round(3));
    }

    #[test]
    fn a_line_is_on_disk_as_soon_as_it_is_appended() {
        let home = tempfile::tempdir().unwrap();
        let mut run = RunDirectory::create(Some(home.path()), "digits", SystemTime::UNIX_EPOCH).unwrap();
        run.append_round(&round(1)).unwrap();
        assert!(fs::read_to_string(home.path().join(METRICS)).unwrap().ends_with("}\n"));
    }

    #[test]
    fn an_earlier_run_is_set_aside_whole() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("out");
        for expected in [None, Some("out.1"), Some("out.2")] {
            let run = RunDirectory::create(Some(&out), "digits", SystemTime::UNIX_EPOCH).unwrap();
            let aside = run.set_aside().map(|path| path.file_name().unwrap().to_str().unwrap());
            assert_eq!(aside, expected);
            assert_eq!(names(run.path()), [METRICS]);
            run.write_plan(expected.unwrap_or("first")).unwrap();
        }
        assert_eq!(fs::read_to_string(home.path().join("out.1").join(PLAN)).unwrap(), "first");
        assert_eq!(fs::read_to_string(home.path().join("out.2").join(PLAN)).unwrap(), "out.1");
    }

    #[test]
    fn what_is_not_a_run_is_refused_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("plan.toml"), "mine").unwrap();
        fs::write(home.path().join("thesis.tex"), "mine too").unwrap();
        let error = RunDirectory::create(Some(home.path()), "digits", SystemTime::UNIX_EPOCH).unwrap_err();
        assert!(
            matches!(&error, RunDirectoryError::Foreign { entry, .. } if entry == "thesis.tex"),
            "{error}"
        );
        assert!(error.to_string().contains("--out"), "{error}");
        assert_eq!(names(home.path()), ["plan.toml", "thesis.tex"]);

        let file = home.path().join("thesis.tex");
        let error = RunDirectory::create(Some(&file), "digits", SystemTime::UNIX_EPOCH).unwrap_err();
        assert!(matches!(&error, RunDirectoryError::NotADirectory(path) if *path == file), "{error}");
    }

    #[test]
    fn runs_of_the_same_second_do_not_meet() {
        let home = tempfile::tempdir().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
        let first = RunDirectory::under(home.path(), "heart/../of: all", now).unwrap();
        let second = RunDirectory::under(home.path(), "heart/../of: all", now).unwrap();
        assert_eq!(
            names(home.path()),
            ["heart----of--all-20260102T030405Z", "heart----of--all-20260102T030405Z-2"]
        );
        assert_ne!(first.path(), second.path());
    }

    #[test]
    fn a_failed_replacement_keeps_the_old_file_and_names_the_path() {
        let home = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(Some(home.path()), "digits", SystemTime::UNIX_EPOCH).unwrap();
        run.write_plan("old").unwrap();
        // A directory in the place of the temporary file makes the write fail, for root as well.
        fs::create_dir(home.path().join(".plan.toml.partial")).unwrap();
        let message = run.write_plan("new").unwrap_err().to_string();
        assert!(message.contains(&home.path().join(PLAN).display().to_string()), "{message}");
        assert_eq!(fs::read_to_string(home.path().join(PLAN)).unwrap(), "old");
    }

    #[test]
    fn every_refusal_of_the_system_says_what_to_do() {
        for kind in [ErrorKind::ReadOnlyFilesystem, ErrorKind::StorageFull, ErrorKind::Other] {
            let message = failed("cannot write", Path::new("out/plan.toml"), kind.into()).to_string();
            assert!(message.starts_with("cannot write out/plan.toml: "), "{message}");
            assert!(message.ends_with("with --out DIR"), "{message}");
        }
    }
}
