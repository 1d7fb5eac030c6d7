//! The tables, and how those of an earlier version become those of this one.

use super::error::SqliteError;
use privet_core::protocol::HexDigest;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

/// Version 1, 2, ... of the tables, each as what is to be done to the one before. What has been released never changes:
/// a folder remembers the digest of what was done to it.
const MIGRATIONS: [&str; 6] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
];

/// Makes the tables those of this version. Each version is one transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), SqliteError> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, sha256 TEXT NOT NULL) STRICT",
    )?;
    let newest: u32 =
        connection.query_row("SELECT coalesce(max(version), 0) FROM migrations", (), |row| row.get(0))?;
    let known = MIGRATIONS.len() as u32;
    if newest > known {
        return Err(SqliteError::TooNew { found: newest, known });
    }
    for (version, statements) in (1_u32..).zip(MIGRATIONS) {
        let sha256 = HexDigest::of(statements.as_bytes()).to_string();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done: Option<String> = transaction
            .query_row("SELECT sha256 FROM migrations WHERE version = ?1", [version], |row| row.get(0))
            .optional()?;
        match done {
            Some(done) if done == sha256 => {}
            Some(_) => return Err(SqliteError::AnotherMigration { version }),
            None => {
                transaction.execute_batch(statements)?;
                transaction.execute("INSERT INTO migrations VALUES (?1, ?2)", params![version, sha256])?;
                transaction.commit()?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_made_once_and_recognized_afterwards() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        connection.execute("UPDATE migrations SET sha256 = 'other'", ()).unwrap();
        assert!(matches!(migrate(&mut connection), Err(SqliteError::AnotherMigration { version: 1 })));
        connection.execute("UPDATE migrations SET version = 9 WHERE version = 6", ()).unwrap();
        assert!(matches!(migrate(&mut connection), Err(SqliteError::TooNew { found: 9, known: 6 })));
    }
}
