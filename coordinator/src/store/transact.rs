//! The named transactions, once for all stores: stores differ in how they carry one out.

use super::state::{Change, State};
use super::{Orders, Spending, Stage, Standing, Store, StoreError};
use crate::enrolment::Invitation;
use bytes::Bytes;
use privet_core::protocol::signature::Claim;
use privet_core::protocol::{Enrol, EnrolledClient, HexDigest, RoundSummary};
use privet_core::round::{
    Answered, Holding, Receipt, Refusal, SealedRecord, StageMessage, Submission, Timestamp, Unmasked,
};
use privet_core::secagg::Stage as MaskStage;
use tokio::sync::watch;

/// A store that carries out transactions on a [`State`], one after the other.
pub(crate) trait Transact: Send + Sync + 'static {
    /// Carries out a transaction. Its answer is ready when what it changed is kept; if it cannot be kept, it has
    /// not happened.
    fn transact<T: Send + 'static>(
        &self,
        transaction: impl FnOnce(&mut State, &mut Vec<Change>) -> Result<T, Refusal> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send;

    /// How many transactions wait.
    fn waiting(&self) -> usize {
        0
    }

    /// Tells when the stage changes.
    fn watch(&self) -> watch::Receiver<Stage>;
}

impl<K: Transact> Store for K {
    async fn enrol(&self, request: Enrol, invitation: Invitation, now: Timestamp) -> Result<u32, StoreError> {
        let enrol = move |state: &mut State, changes: &mut _| state.enrol(&request, invitation, now, changes);
        Ok(self.transact(enrol).await??)
    }

    async fn invite(&self, token: HexDigest) -> Result<(), StoreError> {
        self.transact(move |state, changes| {
            state.invite(token, changes);
            Ok(())
        })
        .await
    }

    async fn revoke(&self, client: u32, now: Timestamp) -> Result<(), StoreError> {
        self.transact(move |state, changes| state.revoke(client, now, changes)).await
    }

    async fn admit(&self, client: u32, claim: Claim, now: u64) -> Result<(), StoreError> {
        let admitted = self.transact(move |state, changes| state.admit(client, &claim, now, changes)).await?;
        Ok(admitted?)
    }

    async fn clients(&self) -> Result<Vec<EnrolledClient>, StoreError> {
        self.transact(|state, _| Ok(state.clients())).await
    }

    async fn check_in(&self, client: u32, now: Timestamp) -> Result<Orders, StoreError> {
        self.transact(move |state, changes| state.check_in(client, now, changes)).await
    }

    async fn submit(
        &self,
        submission: Submission,
        holding: Holding,
        now: Timestamp,
    ) -> Result<Receipt, StoreError> {
        self.transact(move |state, changes| state.submit(submission, holding, now, changes)).await
    }

    async fn send(&self, message: StageMessage, holding: Holding, now: Timestamp) -> Result<(), StoreError> {
        self.transact(move |state, changes| state.send(message, holding, now, changes)).await
    }

    async fn task(
        &self,
        round: u32,
        client: u32,
        stage: MaskStage,
        now: Timestamp,
    ) -> Result<Vec<u8>, StoreError> {
        self.transact(move |state, changes| state.task(round, client, stage, now, changes)).await
    }

    async fn answered(&self) -> Result<Option<Answered>, StoreError> {
        self.transact(|state, _| Ok(state.answered())).await
    }

    async fn unmasked(&self, unmasked: Unmasked, now: Timestamp) -> Result<(), StoreError> {
        self.transact(move |state, changes| {
            state.unmasked(unmasked, now, changes);
            Ok(())
        })
        .await
    }

    async fn decline(
        &self,
        client: u32,
        round: u32,
        accused: Option<u32>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.transact(move |state, changes| state.decline(client, round, accused, now, changes)).await
    }

    async fn tick(&self, now: Timestamp) -> Result<(), StoreError> {
        self.transact(move |state, changes| {
            state.tick(now, changes);
            Ok(())
        })
        .await
    }

    async fn model(&self, digest: HexDigest) -> Result<Option<Bytes>, StoreError> {
        self.transact(move |state, _| Ok(state.model(digest))).await
    }

    async fn history(&self) -> Result<Vec<RoundSummary>, StoreError> {
        self.transact(|state, _| Ok(state.history())).await
    }

    async fn spending(&self) -> Result<Option<Spending>, StoreError> {
        self.transact(|state, _| Ok(state.spending())).await
    }

    async fn records(&self) -> Result<Vec<SealedRecord>, StoreError> {
        self.transact(|state, _| Ok(state.records().to_vec())).await
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        self.transact(|state, _| Ok(state.standing())).await
    }

    fn queued(&self) -> usize {
        self.waiting()
    }

    fn stage(&self) -> watch::Receiver<Stage> {
        self.watch()
    }
}
