//! A store that outlives the coordinator's process, and the moments at which that dies.

use super::sight::Sight;
use axum::body::Bytes;
use privet_coordinator::{
    Invitation, Orders, PastRound, Spending, Stage, Standing, Store, StoreError, Totals,
};
use privet_core::protocol::signature::Claim;
use privet_core::protocol::{Enrol, EnrolledClient, HexDigest};
use privet_core::round::{Answered, Holding, Receipt, StageMessage, Submission, Timestamp, Unmasked};
use privet_core::secagg::Stage as MaskStage;
use std::future::pending;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, current, park};
use tokio::sync::watch;
use tokio::task::unconstrained;

/// Hands transactions on to a store. A process that dies before or after one never goes on: whoever waits for it, waits
/// in vain.
pub(super) struct Keeper<S> {
    store: Arc<S>,
    sight: Arc<Sight>,
    /// One for each that waits: those who wait at one channel together are woken in a random order.
    watchers: Mutex<Vec<watch::Sender<Stage>>>,
}

impl<S: Store> Keeper<S> {
    pub(super) fn new(store: Arc<S>, sight: Arc<Sight>) -> Keeper<S> {
        Keeper { store, sight, watchers: Mutex::default() }
    }

    async fn keep<T>(
        &self,
        what: String,
        transaction: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if self.sight.coordinator_dies() {
            self.sight.note("coordinator", format_args!("dies before {what}"));
            return pending().await;
        }
        let answer = at_once(transaction);
        self.show_stage();
        match &answer {
            Ok(_) => self.sight.note("store", &what),
            Err(error) => self.sight.note("store", format_args!("{what}: {error}")),
        }
        if self.sight.coordinator_dies() {
            self.sight.note("coordinator", format_args!("dies after {what}"));
            return pending().await;
        }
        answer
    }

    fn show_stage(&self) {
        let stage = *self.store.stage().borrow();
        let mut watchers = self.watchers.lock().unwrap();
        watchers.retain(|watcher| !watcher.is_closed());
        for watcher in &*watchers {
            watcher.send_if_modified(|shown| std::mem::replace(shown, stage) != stage);
        }
    }

    async fn read<T>(
        &self,
        transaction: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match self.sight.doomed.load(Ordering::Relaxed) {
            true => pending().await,
            false => at_once(transaction),
        }
    }
}

impl<S: Store> Store for Keeper<S> {
    async fn enrol(&self, request: Enrol, invitation: Invitation, now: Timestamp) -> Result<u32, StoreError> {
        let what = format!("enrols at {:?}", request.place);
        self.keep(what, self.store.enrol(request, invitation, now)).await
    }

    async fn invite(&self, token: HexDigest) -> Result<(), StoreError> {
        self.keep("invites".into(), self.store.invite(token)).await
    }

    async fn revoke(&self, client: u32, now: Timestamp) -> Result<(), StoreError> {
        self.keep(format!("revokes {client}"), self.store.revoke(client, now)).await
    }

    async fn admit(&self, client: u32, claim: Claim, now: u64) -> Result<(), StoreError> {
        self.keep(format!("admits {client}"), self.store.admit(client, claim, now)).await
    }

    async fn clients(&self) -> Result<Vec<EnrolledClient>, StoreError> {
        self.read(self.store.clients()).await
    }

    async fn check_in(&self, client: u32, now: Timestamp) -> Result<Orders, StoreError> {
        self.keep(format!("checks {client} in"), self.store.check_in(client, now)).await
    }

    async fn submit(
        &self,
        submission: Submission,
        holding: Holding,
        now: Timestamp,
    ) -> Result<Receipt, StoreError> {
        let what = format!("counts {} in round {}", submission.client, submission.round);
        self.keep(what, self.store.submit(submission, holding, now)).await
    }

    async fn decline(
        &self,
        client: u32,
        round: u32,
        accused: Option<u32>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let what = format!("notes that {client} declines round {round}");
        self.keep(what, self.store.decline(client, round, accused, now)).await
    }

    async fn send(&self, message: StageMessage, holding: Holding, now: Timestamp) -> Result<(), StoreError> {
        let what = format!("takes {}'s message for {}", message.client, message.content.stage());
        self.keep(what, self.store.send(message, holding, now)).await
    }

    async fn answered(&self) -> Result<Option<Answered>, StoreError> {
        self.read(self.store.answered()).await
    }

    async fn unmasked(&self, unmasked: Unmasked, now: Timestamp) -> Result<(), StoreError> {
        self.keep("enters a sum".into(), self.store.unmasked(unmasked, now)).await
    }

    async fn task(
        &self,
        round: u32,
        client: u32,
        stage: MaskStage,
        now: Timestamp,
    ) -> Result<Vec<u8>, StoreError> {
        self.keep(format!("tells {client} what {stage} takes"), self.store.task(round, client, stage, now))
            .await
    }

    async fn tick(&self, now: Timestamp) -> Result<(), StoreError> {
        self.keep("ticks".into(), self.store.tick(now)).await
    }

    async fn model(&self, digest: HexDigest) -> Result<Option<Bytes>, StoreError> {
        self.read(self.store.model(digest)).await
    }

    async fn past(&self, after: u32) -> Result<Vec<PastRound>, StoreError> {
        self.read(self.store.past(after)).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.read(self.store.totals()).await
    }

    async fn spending(&self) -> Result<Option<Spending>, StoreError> {
        self.read(self.store.spending()).await
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        self.read(self.store.standing()).await
    }

    fn stage(&self) -> watch::Receiver<Stage> {
        let watcher = watch::Sender::new(*self.store.stage().borrow());
        let watched = watcher.subscribe();
        self.watchers.lock().unwrap().push(watcher);
        watched
    }
}

/// Carries something out while simulated time stands still, though it may take another thread and a disk.
pub(super) fn at_once<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(current())));
    let mut context = Context::from_waker(&waker);
    // What a task may do before it has to yield does not matter to one that never yields.
    let mut work = pin!(unconstrained(work));
    loop {
        match work.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => park(),
        }
    }
}
