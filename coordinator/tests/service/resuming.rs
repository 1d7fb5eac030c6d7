//! A store that is closed and opened again goes on where it was.

use crate::conformance::{NOW, claim, enrol_all, format, holding, open, open_with, submission, submit};
use crate::harness::{Remembers, charter, first_model, identity, noise_seed, rules, store};
use privet_coordinator::{
    CheckError, Denial, Finding, Invitation, Journal, SqliteError, SqliteStore, Store, StoreError, check,
};
use privet_core::plan::{CohortRule, SamplingRule};
use privet_core::protocol::signature::Claim;
use privet_core::protocol::{Enrol, HexDigest};
use privet_core::round::{Assignment, Refusal, Rules, Timestamp};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const START: Timestamp = Timestamp(1_000);

/// A folder in the middle of its second round: client 2 has sent its update, client 3 has declined.
async fn in_the_second_round() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Journal::new().0);
    enrol_all(&store).await;
    for client in 1..=2 {
        submit(&store, submission(1, client), START).await.unwrap();
    }
    let later = START.after(Duration::from_secs(10));
    submit(&store, submission(1, 3), later).await.unwrap_err();
    submit(&store, submission(2, 2), later).await.unwrap();
    store.decline(3, 2, None, later).await.unwrap();
    folder
}

fn reopen(folder: &Path) -> Result<SqliteStore, SqliteError> {
    SqliteStore::open(folder, &charter(rules()), &first_model(), noise_seed(), format(), Journal::new().0)
}

fn blobs(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder.join("blobs")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn sql(folder: &Path, statements: &str) {
    rusqlite::Connection::open(folder.join("state.sqlite")).unwrap().execute_batch(statements).unwrap();
}

#[tokio::test]
async fn a_round_goes_on_where_it_was() {
    let folder = in_the_second_round().await;
    let resumed = reopen(folder.path()).unwrap();
    let undisturbed = store(rules(), Journal::new().0);
    enrol_all(&undisturbed).await;
    let later = START.after(Duration::from_secs(10));
    for (round, client, now) in [(1, 1, START), (1, 2, START), (1, 3, later), (2, 2, later)] {
        let _ = submit(&undisturbed, submission(round, client), now).await;
    }
    undisturbed.decline(3, 2, None, later).await.unwrap();

    let deadline = later.after(Duration::from_secs(10));
    let orders = resumed.check_in(1, later).await.unwrap();
    assert_eq!(orders.assignment, Assignment::Train { round: 2, deadline });
    assert_eq!(resumed.check_in(2, later).await.unwrap().assignment, Assignment::Wait);
    assert_eq!(resumed.standing().await.unwrap(), undisturbed.standing().await.unwrap());
    assert_eq!(resumed.history().await.unwrap(), undisturbed.history().await.unwrap());
    let refused = submit(&resumed, submission(2, 3), later).await.unwrap_err();
    assert_eq!(refused.to_string(), Refusal::HasDeclined { round: 2, client: 3 }.to_string());
    let again = submit(&resumed, submission(2, 2), later).await.unwrap();
    assert_eq!(again, submit(&undisturbed, submission(2, 2), later).await.unwrap());

    submit(&resumed, submission(2, 1), later).await.unwrap();
    submit(&undisturbed, submission(2, 1), later).await.unwrap();
    assert_eq!(resumed.records().await.unwrap(), undisturbed.records().await.unwrap());
}

/// What began before the end of a process counts after it, under the same lease; in a folder that has no key of its leases
/// yet, the client gets another.
#[tokio::test]
async fn a_lease_that_was_given_before_a_restart_is_good_after_it() {
    for earlier_version in [false, true] {
        let folder = in_the_second_round().await;
        let later = START.after(Duration::from_secs(10));
        let store = reopen(folder.path()).unwrap();
        let before = holding(&store, 1, later).await;
        assert!(before.token.is_some());
        drop(store);
        if earlier_version {
            sql(folder.path(), "UPDATE federation SET lease_key = NULL");
        }
        let store = reopen(folder.path()).unwrap();
        let counted = store.submit(submission(2, 1), before, later).await;
        match earlier_version {
            false => drop(counted.unwrap()),
            true => {
                let lapsed = Refusal::LeaseLapsed { round: 2, client: 1 }.to_string();
                assert_eq!(counted.unwrap_err().to_string(), lapsed);
                submit(&store, submission(2, 1), later).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn who_is_shut_out_and_who_is_invited_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let [spent, open] = [HexDigest([1; 32]), HexDigest([2; 32])];
    let enrol = async |store: &SqliteStore, number, token| {
        let request = Enrol { key: identity(number).key(), place: None, token: None };
        store.enrol(request, Invitation::Token(token), START).await
    };
    let store = reopen(folder.path()).unwrap();
    store.invite(spent).await.unwrap();
    store.invite(open).await.unwrap();
    assert_eq!(enrol(&store, 1, spent).await.unwrap(), 1);
    store.revoke(1, START).await.unwrap();
    drop(store);
    let store = reopen(folder.path()).unwrap();
    let again = enrol(&store, 2, spent).await.unwrap_err();
    assert!(matches!(again, StoreError::Denied(Denial::TokenSpent)), "{again}");
    assert_eq!(enrol(&store, 2, open).await.unwrap(), 2);
    let out =
        [enrol(&store, 1, open).await.unwrap_err(), store.admit(1, claim(1, 7), NOW).await.unwrap_err()];
    for out in out {
        assert!(matches!(out, StoreError::Denied(Denial::Revoked { client: 1 })), "{out}");
    }
    let clients = store.clients().await.unwrap();
    assert_eq!(clients.iter().map(|client| client.revoked).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn a_request_cannot_be_sent_again_after_a_restart() {
    let folder = in_the_second_round().await;
    let store = reopen(folder.path()).unwrap();
    store.admit(1, claim(1, 7), NOW).await.unwrap();
    drop(store);
    let store = reopen(folder.path()).unwrap();
    let again = store.admit(1, claim(1, 7), NOW).await.unwrap_err();
    assert!(matches!(again, StoreError::Denied(Denial::NonceUsed)), "{again}");
    // What is forgotten leaves the disk too.
    let later = NOW + 10_000;
    store.admit(1, Claim { created: later, ..claim(1, 8) }, later).await.unwrap();
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("state.sqlite")).unwrap();
    let left: u32 = database.query_row("SELECT count(*) FROM nonces", (), |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn rounds_for_which_nobody_is_drawn_are_over_at_once_and_stay_so() {
    let cohort = CohortRule { sampling: SamplingRule::Poisson, fraction: 1e-12, over_selection: 1.0 };
    let rules = Rules { cohort, ..rules() };
    let folder = tempfile::tempdir().unwrap();
    let store = open_with(folder.path(), rules.clone(), Journal::new().0);
    enrol_all(&store).await;
    let records = store.records().await.unwrap();
    assert!(records.len() == 2 && records.iter().all(|sealed| sealed.record.cohort.is_empty()));
    drop(store);

    let resumed = open_with(folder.path(), rules, Journal::new().0);
    assert_eq!(resumed.records().await.unwrap(), records);
    assert_eq!(resumed.check_in(1, START).await.unwrap().assignment, Assignment::Finished);
}

#[tokio::test]
async fn two_coordinators_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), Journal::new().0);
    assert!(matches!(reopen(folder.path()), Err(SqliteError::InUse { path }) if path == folder.path()));
    drop(first);
    reopen(folder.path()).unwrap();
}

#[tokio::test]
async fn another_plan_is_refused_and_the_difference_is_shown() {
    let folder = in_the_second_round().await;
    let mut other = charter(rules());
    other.plan = other.plan.replace("garden", "meadow");
    let journal = Journal::new().0;
    let refused = SqliteStore::open(folder.path(), &other, &first_model(), noise_seed(), format(), journal);
    let refused = refused.err().unwrap();
    let text = refused.to_string();
    assert!(text.contains("- ") && text.contains("garden") && text.contains("meadow"), "{text}");
}

#[tokio::test]
async fn of_the_updates_no_more_is_kept_than_their_sum() {
    let folder = in_the_second_round().await;
    // The current model, the one before, and one sum.
    assert_eq!(blobs(folder.path()).len(), 3);
}

#[tokio::test]
async fn what_a_killed_process_left_behind_is_removed() {
    let folder = in_the_second_round().await;
    // Of this version, and of one that wrote such files by itself.
    for unfinished in [format!("{}#1", HexDigest::of(b"a model")), "partial".to_owned()] {
        fs::write(folder.path().join("blobs").join(unfinished), b"half a model").unwrap();
    }
    assert_eq!(check(folder.path(), &*format().decode).unwrap().orphans, 2);
    drop(reopen(folder.path()).unwrap());
    assert_eq!(check(folder.path(), &*format().decode).unwrap().orphans, 0);
    assert_eq!(blobs(folder.path()).len(), 3);
}

#[tokio::test]
async fn a_sound_folder_is_found_sound() {
    let folder = in_the_second_round().await;
    let checked = check(folder.path(), &*format().decode).unwrap();
    assert_eq!((checked.enrolled, checked.rounds, checked.counted), (3, 1, Some(1)));
    let records = reopen(folder.path()).unwrap().records().await.unwrap();
    assert_eq!((checked.head, checked.model_sha256), (records[0].digest(), records[0].model_out));
    let nothing = tempfile::tempdir().unwrap();
    let none = check(nothing.path(), &*format().decode).unwrap_err();
    assert!(matches!(none, CheckError::State(SqliteError::NoFederation { .. })), "{none}");
}

#[tokio::test]
async fn whatever_is_changed_in_a_folder_is_found() {
    let damage = async |damage: &dyn Fn(&Path)| {
        let folder = in_the_second_round().await;
        damage(folder.path());
        let found = check(folder.path(), &*format().decode).unwrap_err();
        match &found {
            CheckError::State(_) => assert!(reopen(folder.path()).is_err(), "it starts in spite of {found}"),
            CheckError::Finding(_) => {}
        }
        found
    };
    for at in 0..3 {
        let changed = damage(&|folder| {
            let file = &blobs(folder)[at];
            let mut bytes = fs::read(file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(file, bytes).unwrap();
        })
        .await;
        assert!(matches!(changed, CheckError::State(SqliteError::Damaged(_))));
        let gone = damage(&|folder| fs::remove_file(&blobs(folder)[at]).unwrap()).await;
        assert!(matches!(gone, CheckError::State(SqliteError::Missing(_))));
    }
    let state = async |statements: &str| match damage(&|folder| sql(folder, statements)).await {
        CheckError::State(error) => error,
        CheckError::Finding(finding) => panic!("{finding}"),
    };
    let record = state("UPDATE rounds SET sealed = replace(sealed, '\"weight\":1', '\"weight\":2')").await;
    assert!(matches!(record, SqliteError::RecordChanged { round: 1 }), "{record}");
    let record = state("UPDATE rounds SET sealed = '{}'").await;
    assert!(matches!(record, SqliteError::NoRecord { round: 1, .. }), "{record}");
    let plan = state("UPDATE federation SET plan = plan || '#'").await;
    assert!(matches!(plan, SqliteError::Chain(_)), "{plan}");
    let pointer = state("UPDATE federation SET model = previous_model").await;
    assert!(matches!(pointer, SqliteError::AnotherModel { .. }), "{pointer}");
    let sum = state("UPDATE open_round SET sum = NULL").await;
    assert!(matches!(sum, SqliteError::Resume(_)), "{sum}");
    let lost = state("DELETE FROM contributions WHERE round = 2").await;
    assert!(matches!(lost, SqliteError::Resume(_)), "{lost}");
    let moved = state("UPDATE open_round SET round = 3").await;
    assert!(matches!(moved, SqliteError::Resume(_)), "{moved}");
    let contributions = damage(&|folder| sql(folder, "DELETE FROM contributions WHERE client = 1")).await;
    assert!(matches!(contributions, CheckError::Finding(Finding::Contributions { round: 1 })));
}

#[tokio::test]
async fn what_cannot_be_kept_has_not_happened() {
    let folder = in_the_second_round().await;
    let later = START.after(Duration::from_secs(10));
    let store = reopen(folder.path()).unwrap();
    let before = store.standing().await.unwrap();
    // Where the folder of files was there is a file: nothing can be written.
    let (place, aside) = (folder.path().join("blobs"), folder.path().join("aside"));
    fs::rename(&place, &aside).unwrap();
    fs::write(&place, b"").unwrap();
    submit(&store, submission(2, 1), later).await.unwrap_err();

    fs::remove_file(&place).unwrap();
    fs::rename(&aside, &place).unwrap();
    assert_eq!(store.standing().await.unwrap(), before);
    submit(&store, submission(2, 1), later).await.unwrap();
    assert_eq!(store.records().await.unwrap()[1].record.contributions.len(), 2);
}
