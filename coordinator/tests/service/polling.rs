//! A check-in is held until there is something to do, and no change goes unseen.

use crate::harness::{Garden, ManualClock, charter, rules, service, store, update};
use crate::meddled::Meddled;
use privet_coordinator::{Journal, Options, Service, app};
use privet_core::protocol::CheckInAnswer;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_at_once_when_a_round_opens() {
    let garden = Garden::new();
    garden.enrol(1).await;
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(garden.check_in(1), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        garden.enrol_all().await;
    });
    assert!(matches!(answer.assignment(), CheckInAnswer::Train { round: 1, .. }));
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn who_has_sent_its_update_waits_for_the_next_round() {
    let garden = Garden::collecting().await;
    garden.upload(1, 1, update(1, 1)).await;
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(garden.check_in(1), garden.upload_all(1));
    assert!(matches!(answer.assignment(), CheckInAnswer::Train { round: 2, .. }));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_bounded_and_says_when_to_ask_again() {
    let garden = Garden::new();
    garden.enrol(1).await;
    let begun = Instant::now();
    let answer = garden.check_in(1).await;
    assert_eq!(answer.assignment(), CheckInAnswer::Wait);
    assert_eq!(answer.headers["retry-after"], "1");
    let hold = Options::default().hold;
    assert!((hold..hold + Duration::from_millis(2)).contains(&begun.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_hear_of_the_end() {
    let garden = Garden::collecting().await;
    garden.upload_all(1).await;
    for client in [1, 2] {
        garden.upload(2, client, update(2, client)).await;
    }
    let (first, second, _) =
        tokio::join!(garden.check_in(1), garden.check_in(2), garden.upload(2, 3, update(2, 3)));
    for answer in [first, second] {
        assert!(matches!(answer.assignment(), CheckInAnswer::Finished { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_that_opens_between_the_answer_and_the_wait_is_seen() {
    let (journal, _events) = Journal::new();
    let store = Meddled { opens_behind_answers: true, ..Meddled::new(store(rules(), journal.clone())) };
    let service = Service::new(store, charter(rules()), ManualClock::new(), Options::default(), journal);
    let garden = Garden { app: app(service) };
    garden.enrol(1).await;
    garden.enrol(2).await;
    let begun = Instant::now();
    let answer = garden.check_in(1).await.assignment();
    assert!(matches!(answer, CheckInAnswer::Train { round: 1, .. }));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_check_in_after_the_end_is_answered_at_once() {
    let (service, _events) = service(ManualClock::new());
    let garden = Garden { app: app(service) };
    garden.enrol_all().await;
    garden.upload_all(1).await;
    garden.upload_all(2).await;
    assert!(matches!(garden.check_in(3).await.assignment(), CheckInAnswer::Finished { .. }));
}
