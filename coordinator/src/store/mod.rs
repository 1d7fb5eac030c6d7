//! The federation's state, behind named transactions.

mod members;
mod memory;
mod nonces;
mod past;
mod sqlite;
mod state;
mod totals;
mod transact;

pub use memory::{MemoryStore, ModelEncoder};
pub use nonces::Denial;
pub use past::PastRound;
pub use sqlite::{CheckError, Checked, Finding, ModelDecoder, ModelFormat, SqliteError, SqliteStore, check};
pub(crate) use totals::ROUND_SECONDS;
pub use totals::Totals;

use crate::enrolment::Invitation;
use bytes::Bytes;
use privet_core::privacy::{Clip, Ledger};
use privet_core::protocol::signature::Claim;
use privet_core::protocol::{Enrol, EnrolledClient, HexDigest, PhaseName};
use privet_core::round::{
    Answered, Assignment, Holding, Lease, Receipt, Refusal, StageMessage, Submission, Timestamp, Unmasked,
};
use privet_core::secagg::Stage as MaskStage;
use std::sync::Arc;
use tokio::sync::watch;

/// The federation's state. Each method is one transaction: when its future is ready, the change is as durable as
/// the store makes it; when its future is dropped, the change has happened entirely or not at all.
///
/// Every transaction first closes what is overdue at `now`.
pub trait Store: Send + Sync + 'static {
    /// Enrols a client that is invited, and gives its number. The same key again gives the same number, and needs no
    /// invitation.
    fn enrol(
        &self,
        request: Enrol,
        invitation: Invitation,
        now: Timestamp,
    ) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// Keeps the digest of a new one-time token.
    fn invite(&self, token: HexDigest) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Shuts a client out for good: its requests are refused from then on, and no round waits for it, but for a masked
    /// one that has its update, which waits until the end of the stage. What it has contributed stays in.
    fn revoke(&self, client: u32, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lets a signed request in, once: its key is the client's, and its nonce has not been used. `now` is what the
    /// machine's clock says, in seconds since the Unix epoch.
    fn admit(
        &self,
        client: u32,
        claim: Claim,
        now: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The clients that have enrolled, by number.
    fn clients(&self) -> impl Future<Output = Result<Vec<EnrolledClient>, StoreError>> + Send;

    /// What a client is to do.
    fn check_in(
        &self,
        client: u32,
        now: Timestamp,
    ) -> impl Future<Output = Result<Orders, StoreError>> + Send;

    /// Counts an update that comes under the lease that is good, once: the same body again gives the same receipt, under
    /// any lease; another body is refused.
    fn submit(
        &self,
        submission: Submission,
        holding: Holding,
        now: Timestamp,
    ) -> impl Future<Output = Result<Receipt, StoreError>> + Send;

    /// Takes the message of a stage that comes under the lease that is good, once: the same body again is taken as it was,
    /// under any lease; another body is refused.
    fn send(
        &self,
        message: StageMessage,
        holding: Holding,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What a client needs for its part in the stage of a masked round that is open.
    fn task(
        &self,
        round: u32,
        client: u32,
        stage: MaskStage,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<u8>, StoreError>> + Send;

    /// The masked round whose answers are all there, if there is one: nothing happens to it until its sum is entered.
    fn answered(&self) -> impl Future<Output = Result<Option<Answered>, StoreError>> + Send;

    /// Enters that sum, once, and ends the round.
    fn unmasked(
        &self,
        unmasked: Unmasked,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Notes that a participant cannot take part in a round, and because of whom, if that is another participant.
    fn decline(
        &self,
        client: u32,
        round: u32,
        accused: Option<u32>,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Closes what is overdue.
    fn tick(&self, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The model file with this digest, if an open task may name it: the current one and the one before.
    fn model(&self, digest: HexDigest) -> impl Future<Output = Result<Option<Bytes>, StoreError>> + Send;

    /// The rounds that are over, in their order, some at a time: the first of those after this one, none if there are no more.
    /// Their sealed records are a chain. They are read where they are kept: no store need have all of them in memory.
    fn past(&self, after: u32) -> impl Future<Output = Result<Vec<PastRound>, StoreError>> + Send;

    /// What the rounds that are over come to.
    fn totals(&self) -> impl Future<Output = Result<Totals, StoreError>> + Send;

    /// What was released so far or is about to be; `None` if the plan promises no privacy.
    fn spending(&self) -> impl Future<Output = Result<Option<Spending>, StoreError>> + Send;

    /// How far the federation is.
    fn standing(&self) -> impl Future<Output = Result<Standing, StoreError>> + Send;

    /// How many transactions wait to be carried out.
    fn queued(&self) -> usize {
        0
    }

    /// Tells when a client that waits should ask again. It changes with every round and every stage that opens, and at
    /// the end.
    fn stage(&self) -> watch::Receiver<Stage>;
}

/// What a client is to do, and with which model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Orders {
    /// What it is to do.
    pub assignment: Assignment,
    /// The lease under which it may do that; `None` if it is asked for nothing.
    pub lease: Option<Lease>,
    /// The current model.
    pub model_sha256: HexDigest,
    /// The clip of the round, if the plan's adapts.
    pub clip: Option<Clip>,
}

/// How far a federation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it waits for.
    pub phase: PhaseName,
    /// The round that is open, or the last one that was; 0 before the first.
    pub round: u32,
    /// How many clients have enrolled.
    pub enrolled: u32,
    /// The current model.
    pub model_sha256: HexDigest,
}

/// What was released, and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Spending {
    /// Every release so far, and the one that the open round is about to make.
    pub ledger: Ledger,
    /// What they cost together, at the ledger's delta.
    pub epsilon: f64,
    /// The most that an update may measure now.
    pub clip: f64,
    /// Whether the federation ended because the next round would have passed the target.
    pub exhausted: bool,
}

/// What all clients wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The first round is not open yet.
    Gathering,
    /// A round is open.
    Round {
        /// Its number, from 1.
        round: u32,
        /// The stage of it that is open, if it is masked.
        masked: Option<MaskStage>,
        /// When the round, or the stage, stops waiting.
        deadline: Timestamp,
    },
    /// The answers of a masked round are there, and its masks are to be taken off.
    Unmasking {
        /// Its number, from 1.
        round: u32,
    },
    /// The model is final.
    Finished,
}

/// Why a transaction did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The federation does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request is not let in.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// An earlier transaction broke off with a panic, so that the state in memory cannot be trusted.
    #[error("an earlier transaction broke off: the state in memory is lost, start the coordinator again")]
    Broken,
    /// What it changed cannot be kept, so that it has not happened.
    #[error("the state cannot be kept: {0}")]
    NotKept(Arc<SqliteError>),
    /// A round that is over cannot be read.
    #[error("the state cannot be read: {0}")]
    Unreadable(Box<SqliteError>),
}
