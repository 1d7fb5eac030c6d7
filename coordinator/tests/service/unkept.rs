//! A disk that fails for a while: what could not be kept has not happened, and what becomes of a masked round.

use crate::conformance::{self, claim, format};
use crate::harness::Remembers;
use crate::masked::{NOW, found, masked_update, masker, rng, send};
use privet_coordinator::{Denial, Store, StoreError, check};
use privet_core::round::Assignment;
use privet_core::secagg::Stage;
use std::collections::BTreeSet;
use std::path::Path;

fn sql(folder: &Path, statements: &str) {
    rusqlite::Connection::open(folder.join("state.sqlite")).unwrap().execute_batch(statements).unwrap();
}

/// From now on no row of this table can be written.
fn break_off(folder: &Path, table: &str) {
    let refuse = "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END";
    sql(folder, &format!("CREATE TRIGGER failing BEFORE INSERT ON {table} {refuse}"));
}

fn mend(folder: &Path) {
    sql(folder, "DROP TRIGGER failing");
}

/// Nothing of the round is in what failed: it goes on with what it has.
#[tokio::test]
async fn a_masked_round_outlives_requests_that_could_not_be_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = found(folder.path()).await;
    let advertise = async |client: u32| {
        let (_, message) = masker(client).advertise(&mut rng(client));
        send(&store, Stage::Advertise, client, &message).await.unwrap();
    };
    advertise(1).await;
    break_off(folder.path(), "nonces");
    for nonce in 1..=3 {
        let refused = store.admit(1, claim(1, nonce), conformance::NOW).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotKept(_)), "{refused}");
    }
    // Messages of stages are in memory alone: they need no disk.
    advertise(2).await;
    mend(folder.path());
    // Nobody gets in with a nonce twice, also if it got nowhere the first time.
    let again = store.admit(1, claim(1, 1), conformance::NOW).await.unwrap_err();
    assert!(matches!(again, StoreError::Denied(Denial::NonceUsed)), "{again}");
    store.admit(1, claim(1, 4), conformance::NOW).await.unwrap();
    advertise(3).await;
    advertise(4).await;
    let orders = store.check_in(1, NOW).await.unwrap();
    assert!(
        matches!(orders.assignment, Assignment::Mask { round: 1, stage: Stage::Share, .. }),
        "{orders:?}"
    );
    drop(store);
    check(folder.path(), &*format().decode).unwrap();
}

/// What is added in memory cannot be taken out again: the round is lost, and says so.
#[tokio::test]
async fn a_masked_round_of_which_something_could_not_be_kept_is_over_and_the_next_one_begins() {
    let folder = tempfile::tempdir().unwrap();
    let store = found(folder.path()).await;
    let message = masked_update(&store, 3).await;
    break_off(folder.path(), "hidden_updates");
    let refused = send(&store, Stage::Input, 3, &message).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotKept(_)), "{refused}");
    mend(folder.path());

    let orders = store.check_in(3, NOW).await.unwrap();
    let begins = matches!(orders.assignment, Assignment::Mask { round: 2, stage: Stage::Advertise, .. });
    assert!(begins, "{orders:?}");
    let records = store.records().await.unwrap();
    let masked = records[0].record.masked.as_ref().unwrap();
    assert_eq!(masked.inputs, BTreeSet::new(), "it was not acknowledged");
    assert!(masked.failure.as_ref().unwrap().contains("could not keep"));
    assert_eq!(records[0].model_in, records[0].model_out);
    drop(store);
    assert_eq!(check(folder.path(), &*format().decode).unwrap().rounds, 1);
}
