//! What comes for rounds that are over, however long ago that was.

use super::*;
use crate::conformance;
use privet_core::plan::{CohortRule, SamplingRule};
use privet_core::round::Contribution;

/// More than a store hands out at once.
const ROUNDS: u32 = 140;
const A_ROUND: Duration = Duration::from_secs(10);

/// Two of three clients are asked; one of them sends its update, the other does not.
fn many_rounds() -> Rules {
    let cohort = CohortRule { sampling: SamplingRule::Fixed, fraction: 0.67, over_selection: 1.0 };
    Rules { rounds: ROUNDS + 1, cohort, minimum: 1, ..rules() }
}

async fn go_through(store: &impl Store) -> Timestamp {
    enrol_all(store).await;
    let mut now = START;
    for round in 1..=ROUNDS {
        for client in 1..=3 {
            if submit(store, submission(round, client), now).await.is_ok() {
                break;
            }
        }
        now = now.after(A_ROUND);
        store.tick(now).await.unwrap();
    }
    now
}

/// Asks for each round what may be asked, from the last to the first: each is answered by its record. Gives who came late.
async fn answered_by_the_record(store: &impl Store, now: Timestamp) {
    let records = store.records().await.unwrap();
    assert_eq!(records.len(), ROUNDS as usize);
    check_chain(&records, HexDigest::of(charter(many_rounds()).plan.as_bytes())).unwrap();
    for record in records.iter().rev().map(|sealed| &sealed.record) {
        let round = record.round;
        let [client] = record.contributors()[..] else { panic!("one has sent its update: {record:?}") };
        let late = *record.cohort.iter().find(|asked| **asked != client).unwrap();
        let stranger = (1..=3).find(|stranger| !record.cohort.contains(stranger)).unwrap();

        let contribution = Contribution { weight: client, digest: submission(round, client).digest };
        let receipt = submit(store, submission(round, client), now).await.unwrap();
        assert_eq!(receipt, Receipt { round, client, contribution });
        let another = Submission { digest: Some(HexDigest([9; 32])), ..submission(round, client) };
        assert_eq!(refused(submit(store, another, now).await), Refusal::AnotherUpdate { round, client });
        for _ in 0..2 {
            let refusal = refused(submit(store, submission(round, late), now).await);
            assert_eq!(refusal, Refusal::TooLate { round, client: late });
        }
        let refusal = refused(submit(store, submission(round, stranger), now).await);
        assert_eq!(refusal, Refusal::NotInCohort { round, client: stranger });
        let refusal = refused(submit(store, submission(round, 9), now).await);
        assert_eq!(refusal, Refusal::NotEnrolled { client: 9 });
        for client in [client, late, stranger] {
            let refusal = refused(store.decline(client, round, None, now).await);
            assert_eq!(refusal, Refusal::TooLate { round, client });
        }
        let summary = &store.past(round - 1).await.unwrap()[0].summary(false);
        assert_eq!((summary.round, &summary.late[..]), (round, &[late][..]));
    }
    for round in [0, ROUNDS + 2] {
        let refusal = refused(submit(store, submission(round, 1), now).await);
        assert_eq!(refusal, Refusal::RoundNotOpen { round });
    }
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.released, totals.abandoned), (ROUNDS.into(), 0));
    assert_eq!(totals.milliseconds, u64::from(ROUNDS) * 10_000);
    assert_eq!(totals.within[..3], [0, 0, ROUNDS.into()]);
    assert_eq!(store.past(ROUNDS).await.unwrap(), []);
}

#[tokio::test]
async fn a_round_that_is_long_over_is_answered_for_in_memory() {
    let store = conformance::store(many_rounds(), Journal::new().0);
    let now = go_through(&store).await;
    answered_by_the_record(&store, now).await;
}

#[tokio::test]
async fn a_round_that_is_long_over_is_answered_for_from_the_disk_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_with(folder.path(), many_rounds(), Journal::new().0);
    let now = go_through(&store).await;
    assert!(store.past(0).await.unwrap().len() < ROUNDS as usize, "all of them are handed out at once");
    answered_by_the_record(&store, now).await;
    let history = store.history().await.unwrap();
    drop(store);

    let store = open_with(folder.path(), many_rounds(), Journal::new().0);
    answered_by_the_record(&store, now).await;
    assert_eq!(store.history().await.unwrap(), history);
}
