//! The state as rows, but for the records of rounds that are over.

use super::error::SqliteError;
use crate::store::members::Members;
use crate::store::nonces::UsedNonce;
use crate::store::state::{Change, State};
use privet_core::protocol::HexDigest;
use privet_core::protocol::signature::Nonce;
use privet_core::round::{Contribution, LeaseKey, Phase, Recorded, Releases};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::collections::{BTreeMap, BTreeSet};

/// What the tables hold of a federation, but for the records of rounds that are over.
pub(super) struct Rows {
    pub(super) plan: String,
    pub(super) model: HexDigest,
    pub(super) previous: Option<HexDigest>,
    pub(super) members: Members,
    pub(super) nonces: Vec<UsedNonce>,
    pub(super) open: Option<OpenRow>,
    /// The privacy ledger.
    pub(super) recorded: Releases,
    /// Whether noise is drawn from a seed that was given.
    pub(super) given_noise: bool,
    /// The memory of correlated noise.
    pub(super) noise: Option<HexDigest>,
    /// The key of the leases; a folder of an earlier version has none yet.
    pub(super) lease_key: Option<LeaseKey>,
}

/// What the tables hold of the open round.
pub(super) struct OpenRow {
    pub(super) round: u32,
    pub(super) as_opened: String,
    pub(super) sum: Option<HexDigest>,
    pub(super) contributions: BTreeMap<u32, Contribution>,
    pub(super) declined: BTreeSet<u32>,
    /// Whose masked update was acknowledged.
    pub(super) hidden: BTreeSet<u32>,
}

/// Writes the federation's first row.
pub(super) fn found(
    connection: &Connection,
    plan: &str,
    model: HexDigest,
    given_noise: bool,
    lease_key: &LeaseKey,
) -> Result<(), SqliteError> {
    let row = params![plan, model.to_string(), given_noise, lease_key.expose()];
    let sql = "INSERT INTO federation (only, plan, model, given_noise, lease_key) VALUES (1, ?1, ?2, ?3, ?4)";
    connection.execute(sql, row)?;
    Ok(())
}

/// Writes the key of the leases, if there is none.
pub(super) fn complete(connection: &Connection, lease_key: &LeaseKey) -> Result<(), SqliteError> {
    let sql = "UPDATE federation SET lease_key = ?1 WHERE lease_key IS NULL";
    connection.execute(sql, params![lease_key.expose()])?;
    Ok(())
}

/// The files that were written for some changes.
#[derive(Default)]
pub(super) struct Written {
    /// The open round's sum, if anything has been counted.
    pub(super) sum: Option<HexDigest>,
    /// The memory of correlated noise.
    pub(super) noise: Option<HexDigest>,
}

/// Writes what some transactions changed.
pub(super) fn write(
    transaction: &Transaction<'_>,
    changes: &[Change],
    state: &State,
    written: Written,
) -> Result<(), SqliteError> {
    for change in changes {
        write_change(transaction, change)?;
    }
    if changes.iter().any(|change| matches!(change, Change::NonceUsed(_))) {
        let horizon = state.nonces().horizon() as i64;
        transaction.prepare_cached("DELETE FROM nonces WHERE created < ?1")?.execute([horizon])?;
    }
    if changes.iter().any(|change| matches!(change, Change::Closed(_))) {
        let previous = state.previous().map(|file| file.sha256.to_string());
        let noise = written.noise.map(|digest| digest.to_string());
        let row = params![state.current().sha256.to_string(), previous, noise];
        let sql = "UPDATE federation SET model = ?1, previous_model = ?2, noise = ?3";
        transaction.execute(sql, row)?;
    }
    if let (Some(sum), Phase::Collecting(open)) = (written.sum, state.federation().phase()) {
        let row = params![open.round(), sum.to_string()];
        transaction.execute("UPDATE open_round SET sum = ?2 WHERE round = ?1", row)?;
    }
    Ok(())
}

fn write_change(transaction: &Transaction<'_>, change: &Change) -> Result<(), SqliteError> {
    let execute = |sql: &str, row: &[&dyn rusqlite::ToSql]| {
        transaction.prepare_cached(sql).and_then(|mut statement| statement.execute(row))
    };
    match change {
        Change::Enrolled { client, key, token } => {
            if let Some(token) = token {
                execute("DELETE FROM tokens WHERE sha256 = ?1", params![token.to_string()])?;
            }
            execute("INSERT INTO clients (client, key) VALUES (?1, ?2)", params![client, key.to_string()])?
        }
        Change::Invited { token } => execute("INSERT INTO tokens VALUES (?1)", params![token.to_string()])?,
        Change::Revoked { client } => {
            execute("UPDATE clients SET revoked = 1 WHERE client = ?1", params![client])?
        }
        Change::NonceUsed(UsedNonce { created, client, nonce }) => {
            let row = params![*created as i64, client, nonce.0];
            execute("INSERT INTO nonces VALUES (?1, ?2, ?3)", row)?
        }
        Change::Opened { round, as_opened: Some(as_opened) } => {
            let row = params![round, as_opened];
            execute("INSERT INTO open_round (only, round, as_opened) VALUES (1, ?1, ?2)", row)?
        }
        Change::Recorded(Recorded { round, event, distance }) => {
            let event = serde_json::to_string(event).expect("an event is numbers and names");
            execute("INSERT INTO ledger VALUES (?1, ?2, ?3)", params![round, event, distance])?
        }
        Change::Counted(receipt) => {
            let Contribution { weight, digest } = receipt.contribution;
            let digest = digest.map(|digest| digest.to_string());
            let row = params![receipt.round, receipt.client, weight, digest];
            execute("INSERT INTO contributions VALUES (?1, ?2, ?3, ?4)", row)?
        }
        Change::Hidden { round, client } => {
            execute("INSERT OR IGNORE INTO hidden_updates VALUES (?1, ?2)", params![round, client])?
        }
        Change::Declined { round, client } => {
            execute("INSERT OR IGNORE INTO declines VALUES (?1, ?2)", params![round, client])?
        }
        Change::Late { round, client } => {
            execute("INSERT OR IGNORE INTO latecomers VALUES (?1, ?2)", params![round, client])?
        }
        Change::Closed(closed) => {
            let json = String::from_utf8(closed.sealed.to_json()).expect("JSON is text");
            execute("DELETE FROM open_round", params![])?;
            let row = params![closed.sealed.record.round, json, closed.sealed.digest().to_string()];
            execute("INSERT INTO rounds VALUES (?1, ?2, ?3)", row)?
        }
        Change::Opened { as_opened: None, .. } | Change::Finished { .. } => 0,
    };
    Ok(())
}

/// Reads everything but records; `None` if no federation has been founded.
pub(super) fn read(connection: &Connection) -> Result<Option<Rows>, SqliteError> {
    let federation = connection
        .query_row(
            "SELECT plan, model, previous_model, given_noise, noise, lease_key FROM federation",
            (),
            |row| {
                let (previous, noise) = (row.get::<_, Option<String>>(2)?, row.get::<_, Option<String>>(4)?);
                let pointers = (row.get::<_, String>(1)?, previous, noise);
                let lease_key =
                    row.get::<_, Option<[u8; 32]>>(5)?.map(|mut key| LeaseKey::from_bytes(&mut key));
                Ok((row.get::<_, String>(0)?, pointers, row.get::<_, bool>(3)?, lease_key))
            },
        )
        .optional()?;
    let Some((plan, (model, previous, noise), given_noise, lease_key)) = federation else {
        return Ok(None);
    };
    Ok(Some(Rows {
        plan,
        given_noise,
        lease_key,
        noise: noise.map(digest).transpose()?,
        model: digest(model)?,
        previous: previous.map(digest).transpose()?,
        members: members(connection)?,
        nonces: nonces(connection)?,
        open: open(connection)?,
        recorded: recorded(connection)?,
    }))
}

/// The files that are pointed at; `None` if no federation has been founded.
pub(super) fn read_pointers(connection: &Connection) -> Result<Option<Vec<HexDigest>>, SqliteError> {
    let sql = "SELECT model, previous_model, (SELECT sum FROM open_round), noise FROM federation";
    let found = connection
        .prepare_cached(sql)?
        .query_row((), |row| Ok([row.get::<_, Option<String>>(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
        .optional()?;
    found.map(|pointers| pointers.into_iter().flatten().map(digest).collect()).transpose()
}

/// The contributions of a round, by its rows.
pub(super) fn contributions(
    connection: &Connection,
    round: u32,
) -> Result<BTreeMap<u32, Contribution>, SqliteError> {
    let sql = "SELECT client, weight, update_sha256 FROM contributions WHERE round = ?1";
    let found = rows(connection, sql, &[&round], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
    })?;
    let contribution = |(client, weight, sha256)| {
        let digest = Some(digest(sha256)?);
        Ok((number(client)?, Contribution { weight: number(weight)?, digest }))
    };
    found.into_iter().map(contribution).collect()
}

fn members(connection: &Connection) -> Result<Members, SqliteError> {
    let mut members = Members::default();
    let found = rows(connection, "SELECT client, key, revoked FROM clients", &[], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
    })?;
    for (client, key, revoked) in found {
        let client = number(client)?;
        members.keys.insert(client, key.parse().map_err(|_| SqliteError::NoKey(key))?);
        if revoked {
            members.revoked.insert(client);
        }
    }
    let tokens = rows(connection, "SELECT sha256 FROM tokens", &[], |row| row.get::<_, String>(0))?;
    members.tokens = tokens.into_iter().map(digest).collect::<Result<_, _>>()?;
    Ok(members)
}

fn nonces(connection: &Connection) -> Result<Vec<UsedNonce>, SqliteError> {
    let found = rows(connection, "SELECT created, client, nonce FROM nonces", &[], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, [u8; 16]>(2)?))
    })?;
    let used = |(created, client, nonce)| {
        Ok(UsedNonce { created: created as u64, client: number(client)?, nonce: Nonce(nonce) })
    };
    found.into_iter().map(used).collect()
}

fn open(connection: &Connection) -> Result<Option<OpenRow>, SqliteError> {
    let found = connection
        .query_row("SELECT round, as_opened, sum FROM open_round", (), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    let Some((round, as_opened, sum)) = found else { return Ok(None) };
    let round = number(round)?;
    let clients = |sql| -> Result<BTreeSet<u32>, SqliteError> {
        let found = rows(connection, sql, &[&round], |row| row.get::<_, i64>(0))?;
        found.into_iter().map(number).collect()
    };
    Ok(Some(OpenRow {
        round,
        as_opened,
        sum: sum.map(digest).transpose()?,
        contributions: contributions(connection, round)?,
        declined: clients("SELECT client FROM declines WHERE round = ?1")?,
        hidden: clients("SELECT client FROM hidden_updates WHERE round = ?1")?,
    }))
}

fn recorded(connection: &Connection) -> Result<Releases, SqliteError> {
    let mut statement =
        connection.prepare_cached("SELECT round, event, distance FROM ledger ORDER BY round")?;
    let (mut found, mut recorded) = (statement.query(())?, Releases::default());
    while let Some(row) = found.next()? {
        let (round, event, distance) = (number(row.get(0)?)?, row.get::<_, String>(1)?, row.get(2)?);
        let event = serde_json::from_str(&event).map_err(|source| SqliteError::NoEvent { round, source })?;
        recorded.add(Recorded { round, event, distance });
    }
    Ok(recorded)
}

pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    parameters: &[&dyn rusqlite::ToSql],
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(parameters, read)?.collect()
}

pub(super) fn digest(text: String) -> Result<HexDigest, SqliteError> {
    text.parse().map_err(|_| SqliteError::NoDigest(text))
}

pub(super) fn number(value: i64) -> Result<u32, SqliteError> {
    u32::try_from(value).map_err(|_| SqliteError::NoNumber(value))
}
