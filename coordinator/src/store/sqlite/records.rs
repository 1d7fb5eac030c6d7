//! The records of rounds that are over, read one after the other: however many there are, few are in memory.

use super::error::SqliteError;
use super::rows::{digest, number, rows};
use crate::store::PastRound;
use privet_core::round::SealedRecord;
use rusqlite::{Connection, Row};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// About how many bytes of records, as JSON, are handed out at once. One record can have more.
const PAGE: usize = 64 << 10;

/// The record of a round that is over.
pub(super) fn record(connection: &Connection, round: u32) -> Result<SealedRecord, SqliteError> {
    let sql = "SELECT round, sealed, sha256 FROM rounds WHERE round = ?1";
    let found = rows(connection, sql, &[&round], columns)?.pop();
    sealed(found.ok_or(SqliteError::RecordMissing { round })?)
}

/// Who came after the end of a round.
pub(super) fn late(connection: &Connection, round: u32) -> Result<BTreeSet<u32>, SqliteError> {
    let sql = "SELECT client FROM latecomers WHERE round = ?1";
    rows(connection, sql, &[&round], |row| row.get::<_, i64>(0))?.into_iter().map(number).collect()
}

/// The rounds after one, as many as are handed out at once: none if there are no more.
pub(super) fn after(connection: &Connection, round: u32) -> Result<Vec<PastRound>, SqliteError> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    each(connection, round, |sealed, length| {
        page.push(PastRound { late: late(connection, sealed.record.round)?, sealed });
        bytes += length;
        Ok(if bytes < PAGE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(page)
}

/// Reads all records in their order.
pub(super) fn all(
    connection: &Connection,
    mut take: impl FnMut(SealedRecord) -> Result<(), SqliteError>,
) -> Result<(), SqliteError> {
    each(connection, 0, |sealed, _| take(sealed).map(ControlFlow::Continue))
}

/// Reads the records after that of a round, with their lengths, until there are enough.
fn each(
    connection: &Connection,
    after: u32,
    mut take: impl FnMut(SealedRecord, usize) -> Result<ControlFlow<()>, SqliteError>,
) -> Result<(), SqliteError> {
    let sql = "SELECT round, sealed, sha256 FROM rounds WHERE round > ?1 ORDER BY round";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query([after])?;
    while let Some(row) = found.next()? {
        let columns = columns(row)?;
        let length = columns.1.len();
        if take(sealed(columns)?, length)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn columns(row: &Row<'_>) -> rusqlite::Result<(i64, String, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

/// The record of a row, if it is the one that was written.
fn sealed((round, json, sha256): (i64, String, String)) -> Result<SealedRecord, SqliteError> {
    let round = number(round)?;
    let sealed: SealedRecord =
        serde_json::from_str(&json).map_err(|source| SqliteError::NoRecord { round, source })?;
    match sealed.digest() == digest(sha256)? && sealed.to_json() == json.as_bytes() {
        true => Ok(sealed),
        false => Err(SqliteError::RecordChanged { round }),
    }
}
