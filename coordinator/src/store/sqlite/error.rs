//! Why state cannot be kept in a folder, or read from it.

use privet_core::aggregation::SumCodecError;
use privet_core::protocol::HexDigest;
use privet_core::round::{ChainError, ResumeError};
use std::io;
use std::path::PathBuf;

/// Why state cannot be kept in a folder, or read from it.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// The file system says no.
    #[error("{path}: {source}; free some space, or mend its rights")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has the folder.
    #[error("{path} is in use by another coordinator: stop it, or choose another folder")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// There is no federation in the folder.
    #[error("{path} holds no federation: give the folder that a coordinator was started with")]
    NoFederation {
        /// The folder.
        path: PathBuf,
    },
    /// The database says no.
    #[error("the database of the state folder fails: {0}")]
    Database(#[from] rusqlite::Error),
    /// A later version of privet wrote the folder.
    #[error(
        "the state has version {found}, this privet knows {known}: use the version of privet that wrote it"
    )]
    TooNew {
        /// The version of the tables.
        found: u32,
        /// The latest version that is known.
        known: u32,
    },
    /// The tables were made by other statements than this privet's.
    #[error(
        "the tables of version {version} were made otherwise than by a release of privet: restore a backup"
    )]
    AnotherMigration {
        /// The version.
        version: u32,
    },
    /// The folder is that of another plan.
    #[error(
        "the federation in the state folder works by another plan; start with that plan, or with another folder:\n\
         {difference}"
    )]
    AnotherPlan {
        /// What is different, line by line.
        difference: String,
    },
    /// The folder's federation keeps its promise of privacy, and this process would break it.
    #[error(
        "the federation in the state folder promises privacy, and noise from a given seed protects nobody: leave out \
         --noise-seed"
    )]
    GivenNoise,
    /// The folder's federation began with noise from a given seed, and promises nothing.
    #[error(
        "the federation in the state folder began with --noise-seed and promises nothing: start with --noise-seed \
         again, or with another folder"
    )]
    SecretNoise,
    /// An entry of the privacy ledger cannot be read.
    #[error("what the privacy ledger has for round {round} cannot be read: {source}")]
    NoEvent {
        /// The round.
        round: u32,
        /// Why not.
        source: serde_json::Error,
    },
    /// A digest is none.
    #[error("\"{0}\" stands in the state where a SHA-256 belongs: restore a backup")]
    NoDigest(String),
    /// A key is none.
    #[error("\"{0}\" stands in the state where a client's key belongs: restore a backup")]
    NoKey(String),
    /// A number is out of its range.
    #[error("{0} stands in the state where a number from 0 to 4294967295 belongs: restore a backup")]
    NoNumber(i64),
    /// A file is not there.
    #[error("the file {0} is missing from the state folder: restore a backup")]
    Missing(HexDigest),
    /// A file has other contents than it was written with.
    #[error("the file {0} of the state folder is damaged: restore a backup")]
    Damaged(HexDigest),
    /// A file is no sum.
    #[error("the file {digest} is no sum: {source}")]
    NoSum {
        /// The file.
        digest: HexDigest,
        /// Why not.
        source: SumCodecError,
    },
    /// A file is no model of the plan.
    #[error("the file {digest} is no model of the plan: {source}")]
    NoModel {
        /// The file.
        digest: HexDigest,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A record cannot be read.
    #[error("the record of round {round} cannot be read: {source}")]
    NoRecord {
        /// The round.
        round: u32,
        /// Why not.
        source: serde_json::Error,
    },
    /// A record is not there.
    #[error("the record of round {round} is missing from the state: restore a backup")]
    RecordMissing {
        /// The round.
        round: u32,
    },
    /// A record is not the one that was written.
    #[error("the record of round {round} has another digest than it was written with")]
    RecordChanged {
        /// The round.
        round: u32,
    },
    /// The records are no chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The current model is not the one of the last record.
    #[error("the current model is {current}, the last record says {recorded}")]
    AnotherModel {
        /// The current model.
        current: HexDigest,
        /// The model after the last round, by its record.
        recorded: HexDigest,
    },
    /// The parts of the state do not fit together.
    #[error("the state does not fit together: {0}")]
    Resume(#[from] ResumeError),
}
