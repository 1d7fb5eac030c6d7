//! A store with which a test meddles.

use crate::harness::identity;
use bytes::Bytes;
use privet_coordinator::{
    Invitation, MemoryStore, Orders, PastRound, Spending, Stage, Standing, Store, StoreError, Totals,
};
use privet_core::protocol::signature::Claim;
use privet_core::protocol::{Enrol, EnrolledClient, HexDigest};
use privet_core::round::{
    Answered, Assignment, Holding, Receipt, StageMessage, Submission, Timestamp, Unmasked,
};
use privet_core::secagg::Stage as MaskStage;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// A store in memory that a test disturbs.
pub(crate) struct Meddled {
    pub(crate) store: MemoryStore,
    /// Whether the last client enrols just after another has been told to wait, before it hears of it.
    pub(crate) opens_behind_answers: bool,
    /// What updates wait for: each takes a permit of it with itself.
    pub(crate) gate: Arc<Semaphore>,
}

impl Meddled {
    /// One that is not disturbed.
    pub(crate) fn new(store: MemoryStore) -> Meddled {
        Meddled { store, opens_behind_answers: false, gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)) }
    }
}

impl Store for Meddled {
    async fn check_in(&self, client: u32, now: Timestamp) -> Result<Orders, StoreError> {
        let orders = self.store.check_in(client, now).await?;
        if self.opens_behind_answers && orders.assignment == Assignment::Wait {
            let third = Enrol { key: identity(3).key(), place: Some(3), token: None };
            self.store.enrol(third, Invitation::NotNeeded, now).await?;
        }
        Ok(orders)
    }

    async fn enrol(&self, request: Enrol, invitation: Invitation, now: Timestamp) -> Result<u32, StoreError> {
        self.store.enrol(request, invitation, now).await
    }

    async fn invite(&self, token: HexDigest) -> Result<(), StoreError> {
        self.store.invite(token).await
    }

    async fn revoke(&self, client: u32, now: Timestamp) -> Result<(), StoreError> {
        self.store.revoke(client, now).await
    }

    async fn admit(&self, client: u32, claim: Claim, now: u64) -> Result<(), StoreError> {
        self.store.admit(client, claim, now).await
    }

    async fn clients(&self) -> Result<Vec<EnrolledClient>, StoreError> {
        self.store.clients().await
    }

    async fn submit(
        &self,
        submission: Submission,
        holding: Holding,
        now: Timestamp,
    ) -> Result<Receipt, StoreError> {
        self.gate.acquire().await.expect("nobody closes it").forget();
        self.store.submit(submission, holding, now).await
    }

    async fn send(&self, message: StageMessage, holding: Holding, now: Timestamp) -> Result<(), StoreError> {
        self.store.send(message, holding, now).await
    }

    async fn answered(&self) -> Result<Option<Answered>, StoreError> {
        self.store.answered().await
    }

    async fn unmasked(&self, unmasked: Unmasked, now: Timestamp) -> Result<(), StoreError> {
        self.store.unmasked(unmasked, now).await
    }

    async fn task(
        &self,
        round: u32,
        client: u32,
        stage: MaskStage,
        now: Timestamp,
    ) -> Result<Vec<u8>, StoreError> {
        self.store.task(round, client, stage, now).await
    }

    async fn decline(
        &self,
        client: u32,
        round: u32,
        accused: Option<u32>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.store.decline(client, round, accused, now).await
    }

    async fn tick(&self, now: Timestamp) -> Result<(), StoreError> {
        self.store.tick(now).await
    }

    async fn model(&self, digest: HexDigest) -> Result<Option<Bytes>, StoreError> {
        self.store.model(digest).await
    }

    async fn past(&self, after: u32) -> Result<Vec<PastRound>, StoreError> {
        self.store.past(after).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.store.totals().await
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        self.store.standing().await
    }

    async fn spending(&self) -> Result<Option<Spending>, StoreError> {
        self.store.spending().await
    }

    fn stage(&self) -> watch::Receiver<Stage> {
        self.store.stage()
    }
}
