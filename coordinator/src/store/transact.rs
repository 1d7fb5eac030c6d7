//! The named transactions, once for all stores: stores differ in how they carry one out.

use super::state::{Change, State};
use super::{Orders, PastRound, Spending, Stage, Standing, Store, StoreError, Totals};
use crate::enrolment::Invitation;
use bytes::Bytes;
use privet_core::protocol::signature::Claim;
use privet_core::protocol::{Enrol, EnrolledClient, HexDigest};
use privet_core::round::{
    Answered, Belated, Holding, Receipt, Refusal, StageMessage, Submission, Timestamp, Unmasked,
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

    /// Reads a round that is over, and was over when a transaction was kept that has been answered.
    fn read_round(&self, round: u32) -> impl Future<Output = Result<PastRound, StoreError>> + Send;

    /// Reads the first of the rounds after one that are over.
    fn read_after(&self, round: u32) -> impl Future<Output = Result<Vec<PastRound>, StoreError>> + Send;

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
        let counting =
            move |state: &mut State, changes: &mut _| state.submit(submission, holding, now, changes);
        match self.transact(counting).await? {
            Ok(receipt) => Ok(receipt),
            Err(belated) => answer(self, belated).await,
        }
    }

    async fn send(&self, message: StageMessage, holding: Holding, now: Timestamp) -> Result<(), StoreError> {
        let taking = move |state: &mut State, changes: &mut _| state.send(message, holding, now, changes);
        match self.transact(taking).await? {
            Ok(()) => Ok(()),
            Err(belated) => answer(self, belated).await.map(drop),
        }
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

    async fn past(&self, after: u32) -> Result<Vec<PastRound>, StoreError> {
        self.read_after(after).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.transact(|state, _| Ok(state.totals().clone())).await
    }

    async fn spending(&self) -> Result<Option<Spending>, StoreError> {
        self.transact(|state, _| Ok(state.spending())).await
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

/// Answers what has come for a round that is over by its record, and keeps who came too late. The record is there: the round
/// was over in a transaction that is kept.
async fn answer(store: &impl Transact, belated: Belated) -> Result<Receipt, StoreError> {
    let PastRound { sealed, late } = store.read_round(belated.round).await?;
    let answer = belated.answer(&sealed.record);
    if let Err(Refusal::TooLate { round, client }) = answer
        && !late.contains(&client)
    {
        let keep = move |_: &mut State, changes: &mut Vec<Change>| {
            changes.push(Change::Late { round, client });
            Ok(())
        };
        store.transact(keep).await?;
    }
    Ok(answer?)
}
