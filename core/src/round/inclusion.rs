//! Whether an update that was acknowledged is in the record of its round.

use super::{ChainError, Contribution, SealedRecord, check_chain};
use crate::protocol::{HexDigest, ReceiptMessage};

/// What is wrong with the records of a federation, for someone who holds receipts.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum InclusionError {
    /// The records are no chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The records do not reach the receipt's round.
    #[error("round {round} is not over, or its record is missing: the last record is of round {last}")]
    NoRecord {
        /// The round of the receipt.
        round: u32,
        /// The last round that has a record.
        last: u32,
    },
    /// The record does not have the client among those whose update counts.
    #[error("client {client} has a receipt for round {round}, whose record does not count its update")]
    NotCounted {
        /// The round of the receipt.
        round: u32,
        /// The client.
        client: u32,
    },
    /// The record counts another update, or another weight.
    #[error("the record of round {round} counts another update of client {client} than the receipt says")]
    AnotherUpdate {
        /// The round of the receipt.
        round: u32,
        /// The client.
        client: u32,
    },
}

/// Checks that the records are the chain of a federation that works by this plan and that all receipts are in it, and
/// gives the digest of the last record: whoever gets the same one sees the same history.
pub fn check_inclusion<'a>(
    records: &[SealedRecord],
    plan_sha256: HexDigest,
    receipts: impl IntoIterator<Item = &'a ReceiptMessage>,
) -> Result<HexDigest, InclusionError> {
    let head = check_chain(records, plan_sha256)?;
    for receipt in receipts {
        let ReceiptMessage { round, client, weight, update_sha256 } = *receipt;
        let record = (round as usize).checked_sub(1).and_then(|at| records.get(at));
        let record = record.ok_or(InclusionError::NoRecord { round, last: records.len() as u32 })?;
        let expected = Contribution { weight, digest: Some(update_sha256) };
        match record.record.contributions.get(&client) {
            Some(counted) if *counted == expected => {}
            Some(_) => return Err(InclusionError::AnotherUpdate { round, client }),
            None => return Err(InclusionError::NotCounted { round, client }),
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::{Chain, Outcome, RoundRecord, Timestamp};
    use std::collections::{BTreeMap, BTreeSet};

    const PLAN: HexDigest = HexDigest([1; 32]);

    fn receipt(round: u32, client: u32) -> ReceiptMessage {
        ReceiptMessage { round, client, weight: 5, update_sha256: HexDigest([client as u8; 32]) }
    }

    fn records() -> Vec<SealedRecord> {
        let counted = |client: u32| {
            let ReceiptMessage { weight, update_sha256, .. } = receipt(1, client);
            (client, Contribution { weight, digest: Some(update_sha256) })
        };
        let (mut records, mut chain) = (Vec::new(), Chain::new(PLAN));
        for round in 1..=2 {
            let record = RoundRecord {
                round,
                opened: Timestamp(0),
                closed: Timestamp(1),
                cohort: BTreeSet::from([1, 2]),
                contributions: BTreeMap::from([counted(1), counted(2)]),
                declined: BTreeSet::new(),
                late: BTreeSet::new(),
                outcome: Outcome::Released { weight: 10, train_loss: None },
                epsilon: None,
                diagnostics: None,
                masked: None,
            };
            let models = (HexDigest([round as u8; 32]), HexDigest([round as u8 + 1; 32]));
            records.push(chain.seal(&record, models));
        }
        records
    }

    #[test]
    fn an_update_that_counts_is_found_in_its_record() {
        let records = records();
        let receipts = [receipt(1, 1), receipt(2, 1)];
        assert_eq!(check_inclusion(&records, PLAN, &receipts), Ok(records[1].digest()));
    }

    #[test]
    fn an_update_that_was_left_out_or_exchanged_is_noticed() {
        let records = records();
        let found = |receipt: ReceiptMessage| check_inclusion(&records, PLAN, &[receipt]).unwrap_err();
        assert_eq!(found(receipt(1, 3)), InclusionError::NotCounted { round: 1, client: 3 });
        assert_eq!(found(receipt(3, 1)), InclusionError::NoRecord { round: 3, last: 2 });
        assert_eq!(found(receipt(0, 1)), InclusionError::NoRecord { round: 0, last: 2 });
        let another = InclusionError::AnotherUpdate { round: 1, client: 1 };
        assert_eq!(found(ReceiptMessage { weight: 6, ..receipt(1, 1) }), another);
        let exchanged = ReceiptMessage { update_sha256: HexDigest([9; 32]), ..receipt(1, 1) };
        assert_eq!(found(exchanged), another);
        let mut changed = records.clone();
        changed[0].record.contributions.remove(&2);
        let broken = check_inclusion(&changed, PLAN, &[receipt(1, 1)]);
        assert_eq!(broken, Err(InclusionError::Chain(ChainError::Broken { round: 2 })));
    }
}
