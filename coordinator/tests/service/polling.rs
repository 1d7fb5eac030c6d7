//! A check-in is held until there is something to do, and no change goes unseen.

use crate::harness::{Garden, ManualClock, charter, identity, rules, service, store, update};
use bytes::Bytes;
use privet_coordinator::{
    Invitation, Journal, MemoryStore, Options, Orders, Service, Spending, Stage, Standing, Store, StoreError,
    app,
};
use privet_core::protocol::signature::Claim;
use privet_core::protocol::{CheckInAnswer, Enrol, EnrolledClient, HexDigest, RoundSummary};
use privet_core::round::{Assignment, Holding, Receipt, SealedRecord, StageMessage, Submission, Timestamp};
use privet_core::secagg::Stage as MaskStage;
use std::time::Duration;
use tokio::sync::watch;
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
    let store = OpensBehindTheAnswer(store(rules(), journal.clone()));
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

/// A store in which the last client enrols just after another has been told to wait, before it hears of it.
struct OpensBehindTheAnswer(MemoryStore);

impl Store for OpensBehindTheAnswer {
    async fn check_in(&self, client: u32, now: Timestamp) -> Result<Orders, StoreError> {
        let orders = self.0.check_in(client, now).await?;
        if orders.assignment == Assignment::Wait {
            let third = Enrol { key: identity(3).key(), place: Some(3), token: None };
            self.0.enrol(third, Invitation::NotNeeded, now).await?;
        }
        Ok(orders)
    }

    async fn enrol(&self, request: Enrol, invitation: Invitation, now: Timestamp) -> Result<u32, StoreError> {
        self.0.enrol(request, invitation, now).await
    }

    async fn invite(&self, token: HexDigest) -> Result<(), StoreError> {
        self.0.invite(token).await
    }

    async fn revoke(&self, client: u32, now: Timestamp) -> Result<(), StoreError> {
        self.0.revoke(client, now).await
    }

    async fn admit(&self, client: u32, claim: Claim, now: u64) -> Result<(), StoreError> {
        self.0.admit(client, claim, now).await
    }

    async fn clients(&self) -> Result<Vec<EnrolledClient>, StoreError> {
        self.0.clients().await
    }

    async fn submit(
        &self,
        submission: Submission,
        holding: Holding,
        now: Timestamp,
    ) -> Result<Receipt, StoreError> {
        self.0.submit(submission, holding, now).await
    }

    async fn send(&self, message: StageMessage, holding: Holding, now: Timestamp) -> Result<(), StoreError> {
        self.0.send(message, holding, now).await
    }

    async fn task(
        &self,
        round: u32,
        client: u32,
        stage: MaskStage,
        now: Timestamp,
    ) -> Result<Vec<u8>, StoreError> {
        self.0.task(round, client, stage, now).await
    }

    async fn decline(
        &self,
        client: u32,
        round: u32,
        accused: Option<u32>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.0.decline(client, round, accused, now).await
    }

    async fn tick(&self, now: Timestamp) -> Result<(), StoreError> {
        self.0.tick(now).await
    }

    async fn model(&self, digest: HexDigest) -> Result<Option<Bytes>, StoreError> {
        self.0.model(digest).await
    }

    async fn history(&self) -> Result<Vec<RoundSummary>, StoreError> {
        self.0.history().await
    }

    async fn records(&self) -> Result<Vec<SealedRecord>, StoreError> {
        self.0.records().await
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        self.0.standing().await
    }

    async fn spending(&self) -> Result<Option<Spending>, StoreError> {
        self.0.spending().await
    }

    fn stage(&self) -> watch::Receiver<Stage> {
        self.0.stage()
    }
}
