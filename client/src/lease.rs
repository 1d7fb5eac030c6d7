//! A task as it is lent to a client, and how what came of it is sent under that.

use crate::call::{Call, CallError};
use crate::connection::Connection;
use crate::transport::Transport;
use privet_core::identity::Identity;
use privet_core::protocol::{CheckInAnswer, LeaseToken, Problem, TaskLease};
use privet_core::secagg::Stage;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::Instant;

/// How long to stay away when a lease that has just been given is refused.
const REFUSED: Duration = Duration::from_secs(1);

/// The lease of a task, from when it was given.
#[derive(Debug, Clone, Copy)]
pub struct HeldLease {
    token: LeaseToken,
    /// By this client's time: it hears of a lease later than the coordinator gives it.
    until: Instant,
}

/// What is sent: for which round, in which stage if it is masked, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errand {
    pub(crate) round: u32,
    pub(crate) stage: Option<Stage>,
    pub(crate) client: u32,
}

impl From<TaskLease> for HeldLease {
    /// A lease that has just been given.
    fn from(lease: TaskLease) -> HeldLease {
        let left = Duration::from_millis(lease.milliseconds_left);
        // A coordinator may say anything: a century is as good as for ever.
        let until = Instant::now() + left.min(Duration::from_secs(100 * 365 * 86_400));
        HeldLease { token: lease.token, until }
    }
}

impl HeldLease {
    fn has_lapsed(&self) -> bool {
        Instant::now() >= self.until
    }
}

impl<T: Transport> Connection<T> {
    /// Sends the same under one lease after the other, until it is answered or refused for another reason.
    pub(crate) async fn deliver<'a, A: DeserializeOwned>(
        &self,
        errand: Errand,
        identity: &Identity,
        mut lease: HeldLease,
        call: impl Fn(LeaseToken) -> Call<'a>,
    ) -> Result<A, CallError> {
        if lease.has_lapsed() {
            lease = self.lease_again(errand, identity, lease).await?;
        }
        let mut refused = false;
        loop {
            match self.ask(&call(lease.token)).await {
                Err(error) if error.problem() == Some(Problem::LeaseLapsed) => {}
                answer => return answer,
            }
            if std::mem::replace(&mut refused, true) {
                self.pause(REFUSED).await;
            }
            lease = self.lease_again(errand, identity, lease).await?;
        }
    }

    /// The lease of the same task that is good now. When it is no task any more, the one before does: whatever is sent under
    /// it is answered with what has become of the task.
    async fn lease_again(
        &self,
        errand: Errand,
        identity: &Identity,
        before: HeldLease,
    ) -> Result<HeldLease, CallError> {
        let Errand { round, stage, client } = errand;
        tracing::debug!(client, round, "the lease of a task has lapsed: asking for the next");
        Ok(match self.check_in(client, identity).await? {
            CheckInAnswer::Train { round: open, lease, .. } if (open, None) == (round, stage) => lease.into(),
            CheckInAnswer::Mask { round: open, stage: awaited, lease, .. }
                if (open, Some(awaited)) == (round, stage) =>
            {
                lease.into()
            }
            _ => before,
        })
    }
}
