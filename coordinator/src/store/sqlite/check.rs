//! Whether a state folder is sound: every digest, every record, and whether all of it fits together.

use super::ModelDecoder;
use super::error::SqliteError;
use super::folder::Folder;
use super::{records, rows};
use privet_core::plan::Plan;
use privet_core::protocol::HexDigest;
use std::path::Path;

/// What a sound folder holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checked {
    /// The plan that its federation works by.
    pub plan_sha256: HexDigest,
    /// How many clients have enrolled.
    pub enrolled: u32,
    /// How many rounds are over.
    pub rounds: u32,
    /// How many updates the open round has counted; `None` if none is open.
    pub counted: Option<u32>,
    /// The current model.
    pub model_sha256: HexDigest,
    /// The digest of the last record, or the plan's: to be written down where nobody can change it.
    pub head: HexDigest,
    /// How many files nothing points at; the next start removes them.
    pub orphans: u32,
    /// The epsilon that was spent by every round that was opened; `None` if the plan promises no privacy.
    pub epsilon: Option<f64>,
}

/// What is wrong with a folder.
#[derive(Debug, thiserror::Error)]
pub enum Finding {
    /// The database is damaged.
    #[error("the database is damaged: {0}: restore a backup")]
    Database(String),
    /// The contributions of a round are not those of its record.
    #[error("the contributions of round {round} are not those of its record: restore a backup")]
    Contributions {
        /// The round.
        round: u32,
    },
}

/// Why a folder is not sound.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It cannot be read, or does not fit together.
    #[error(transparent)]
    State(#[from] SqliteError),
    /// Something else is wrong with it.
    #[error(transparent)]
    Finding(#[from] Finding),
}

/// Checks a folder that no coordinator has. Models are read with `decode`.
pub fn check(folder: &Path, decode: &ModelDecoder) -> Result<Checked, CheckError> {
    let no_federation = || SqliteError::NoFederation { path: folder.into() };
    let folder = Folder::open_existing(folder)?;
    let integrity: String = folder
        .connection
        .query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))
        .map_err(SqliteError::from)?;
    if integrity != "ok" {
        return Err(Finding::Database(integrity).into());
    }
    let rows = rows::read(&folder.connection)?.ok_or_else(no_federation)?;
    let whole = folder.whole(&rows, decode)?;
    let plan = Plan::parse(&rows.plan).ok();
    let protection = plan.as_ref().and_then(Plan::protection);
    let epsilon = whole.saved.check_ledger(protection).map_err(SqliteError::from)?;
    check_contributions(&folder)?;
    let pointers = rows::read_pointers(&folder.connection)?.unwrap_or_default();
    Ok(Checked {
        plan_sha256: HexDigest::of(rows.plan.as_bytes()),
        enrolled: rows.members.keys.len() as u32,
        rounds: whole.chain.rounds(),
        counted: rows.open.as_ref().map(|open| (open.contributions.len() + open.hidden.len()) as u32),
        model_sha256: rows.model,
        head: whole.chain.head(),
        orphans: folder.blobs.orphans(&pointers)? as u32,
        epsilon,
    })
}

fn check_contributions(folder: &Folder) -> Result<(), CheckError> {
    let mut found = None;
    records::all(&folder.connection, |sealed| {
        let round = sealed.record.round;
        if found.is_none() && rows::contributions(&folder.connection, round)? != sealed.record.contributions {
            found = Some(Finding::Contributions { round });
        }
        Ok(())
    })?;
    found.map_or(Ok(()), |finding| Err(finding.into()))
}
