//! Tasks are lent, one good lease at a time.

use super::*;

fn lapsed(round: u32, client: u32) -> Refusal {
    Refusal::LeaseLapsed { round, client }
}

/// It is the same however often the client asks, until it lapses; then there is another, and the one before is good for
/// nothing but what began in time.
pub(super) async fn a_task_has_one_good_lease_at_a_time(store: impl Store) {
    enrol_all(&store).await;
    let mut leases = Vec::new();
    for tenths in 0..100 {
        let now = START.after(Duration::from_millis(100 * tenths));
        let lease = store.check_in(3, now).await.unwrap().lease.unwrap();
        assert_eq!(store.check_in(3, now).await.unwrap().lease, Some(lease));
        assert!(now < lease.expires);
        if leases.last() != Some(&lease) {
            assert!(leases.last().is_none_or(|last| last.expires <= now), "it is replaced before its time");
            leases.push(lease);
        }
    }
    assert_eq!(leases.len(), LEASES as usize);
    assert_eq!(leases[3].expires, START.after(Duration::from_secs(10)));

    let now = leases[1].expires;
    for stale in [leases[0], leases[1], leases[3]] {
        let holding = Holding { token: Some(stale.token), begun: now };
        assert_eq!(refused(store.submit(submission(1, 3), holding, now).await), lapsed(1, 3));
    }
    let without = Holding { token: None, begun: now };
    let refusal = Refusal::NoLease { round: 1, client: 3 };
    assert_eq!(refused(store.submit(submission(1, 3), without, now).await), refusal);
    // It lapsed while the update was under way.
    let begun = Timestamp(now.0 - 1);
    let holding = Holding { token: Some(leases[1].token), begun };
    store.submit(submission(1, 3), holding, now).await.unwrap();
    assert_eq!(store.check_in(3, now).await.unwrap().lease, None, "nothing more is asked of it");
}

pub(super) async fn a_lease_is_of_one_client_and_one_round(store: impl Store) {
    enrol_all(&store).await;
    let [one, two] = [holding(&store, 1, START).await, holding(&store, 2, START).await];
    assert_eq!(refused(store.submit(submission(1, 1), two, START).await), lapsed(1, 1));
    submit_all(&store, 1).await;
    assert_eq!(refused(store.submit(submission(2, 1), one, START).await), lapsed(2, 1));
    submit(&store, submission(2, 1), START).await.unwrap();
}

pub(super) async fn what_was_acknowledged_is_acknowledged_under_any_lease(store: impl Store) {
    enrol_all(&store).await;
    let first = holding(&store, 1, START).await;
    let receipt = store.submit(submission(1, 1), first, START).await.unwrap();
    let later = START.after(Duration::from_secs(9));
    let none = Holding { token: None, begun: later };
    for holding in [first, Holding { begun: later, ..first }, none] {
        assert_eq!(store.submit(submission(1, 1), holding, later).await.unwrap(), receipt);
    }
    let after_the_end = START.after(Duration::from_secs(10));
    let holding = Holding { begun: after_the_end, ..first };
    assert_eq!(store.submit(submission(1, 1), holding, after_the_end).await.unwrap(), receipt);
    let late = store.submit(submission(1, 2), holding, after_the_end).await;
    assert_eq!(refused(late), Refusal::TooLate { round: 1, client: 2 });
}
