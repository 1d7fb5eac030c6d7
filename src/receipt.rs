//! `privet receipt verify`: whether a client's updates are in the rounds that say so.

use crate::cli::VerifyReceipts;
use crate::error::CommandError;
use crate::output;
use crate::runtime;
use privet_client::{Connection, HttpTransport, KeptReceipt, Patience, Trust, read_key, read_receipts};
use privet_core::protocol::HexDigest;
use privet_core::round::{SealedRecord, check_inclusion};
use std::fs;
use std::time::Duration;

/// Verifies all receipts of a file against the records of their federation.
pub(crate) fn verify(args: &VerifyReceipts) -> Result<(), CommandError> {
    let receipts = read_receipts(&args.receipts)?;
    let plan = one_plan(&receipts)?;
    let records = match &args.records {
        Some(path) => {
            let bytes =
                fs::read(path).map_err(|source| CommandError::ReadRecords { path: path.clone(), source })?;
            serde_json::from_slice(&bytes)
                .map_err(|source| CommandError::NoRecords { path: path.clone(), source })?
        }
        None => asked(args, receipts[0].receipt.client)?,
    };
    let head = check_inclusion(&records, plan, receipts.iter().map(|kept| &kept.receipt))?;
    output::print(&format!(
        "{} updates are in the {} rounds that are over\nlast record  {head}",
        receipts.len(),
        records.len()
    ))
}

/// The plan that all receipts are of.
fn one_plan(receipts: &[KeptReceipt]) -> Result<HexDigest, CommandError> {
    let first = receipts.first().ok_or(CommandError::NoReceipts)?;
    match receipts.iter().all(|kept| kept.plan_sha256 == first.plan_sha256) {
        true => Ok(first.plan_sha256),
        false => Err(CommandError::ReceiptsOfSeveral),
    }
}

/// The records, as the coordinator tells them to this client.
fn asked(args: &VerifyReceipts, client: u32) -> Result<Vec<SealedRecord>, CommandError> {
    let (Some(url), Some(key)) = (&args.coordinator, &args.key) else {
        return Err(CommandError::WhereAreRecords);
    };
    let trust = Trust { ca: args.ca.clone(), certificate: None, insecure: args.insecure };
    let patience = Patience { give_up_after: Some(Duration::ZERO), ..Patience::default() };
    let connection = Connection::new(HttpTransport::with_trust(url, &trust)?, patience, 0);
    let identity = read_key(key)?;
    Ok(runtime::new(1)?.block_on(connection.records(client, &identity))?)
}
