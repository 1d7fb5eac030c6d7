//! How what came of a task is sent, and what becomes of it.

use super::{Agent, Membership};
use crate::agent_error::AgentError;
use crate::call::CallError;
use crate::event::AgentEvent;
use crate::lease::HeldLease;
use crate::masked::Place;
use crate::receipt_file::KeptReceipt;
use crate::task::{Prepared, Task};
use crate::transport::Transport;
use bytes::Bytes;
use privet_core::participant::HiddenUpdate;
use privet_core::protocol::{DeclineReason, Problem};

impl<T: Transport> Agent<T> {
    /// Tells the coordinator what came of a task.
    pub(super) async fn deliver(&mut self, task: Task, prepared: Prepared) -> Result<AgentEvent, AgentError> {
        let Task { round, lease, .. } = task;
        let client = self.participant.as_ref().expect("a task is given to a participant").client();
        let identity = &self.membership.identity;
        let told = match prepared {
            Prepared::Outdated => return Ok(AgentEvent::Missed { round }),
            Prepared::Hidden(hidden) => return self.hide(client, hidden, lease).await,
            Prepared::Trained(trained) => {
                let body = Bytes::copy_from_slice(trained.body());
                match self.connection.upload((round, client), identity, lease, body).await {
                    Ok(receipt) => {
                        trained.confirm(&receipt)?;
                        if let Some(file) = &mut self.receipts {
                            let plan_sha256 = self.membership.plan_sha256;
                            file.keep(&KeptReceipt { plan_sha256, receipt })?;
                        }
                        self.model = None;
                        Ok(AgentEvent::Counted { round, weight: receipt.weight })
                    }
                    Err(error) => Err(error),
                }
            }
            Prepared::Spent => {
                tracing::warn!(
                    client,
                    round,
                    "declining a round that was answered before: no round is answered twice"
                );
                let reason = DeclineReason::Privacy;
                let declining = self.connection.decline(round, client, identity, (reason, None)).await;
                declining.map(|()| AgentEvent::Declined { round, reason })
            }
            Prepared::Beyond(limit) => {
                // So that the round does not wait for it; no answer to that changes anything.
                let reason = (DeclineReason::Privacy, None);
                let told = self.connection.decline(round, client, identity, reason).await;
                tracing::debug!(client, round, ?told, "declining a round beyond the client's own limit");
                return Err(AgentError::BeyondLimit { client, round, limit: Box::new(limit) });
            }
            Prepared::Declined(declined) => {
                tracing::warn!(client, round, error = %declined.source, "declining a round");
                let reason = declined.reason();
                let declining = self.connection.decline(round, client, identity, (reason, None)).await;
                declining.map(|()| AgentEvent::Declined { round, reason })
            }
        };
        match told {
            Ok(event) => Ok(event),
            Err(error) => self.refused(round, client, error).await,
        }
    }

    /// Takes an update through a masked round.
    async fn hide(
        &mut self,
        client: u32,
        hidden: HiddenUpdate,
        lease: HeldLease,
    ) -> Result<AgentEvent, AgentError> {
        self.model = None;
        let masking = self.masking.as_mut().ok_or(AgentError::NoMasks)?;
        let Membership { identity, answered, .. } = &mut self.membership;
        let place = Place { connection: &self.connection, client, identity };
        masking.hide(place, hidden, lease, answered).await
    }

    /// Goes on after a refusal, if that makes sense.
    async fn refused(&mut self, round: u32, client: u32, error: CallError) -> Result<AgentEvent, AgentError> {
        let CallError::Refused(refused) = error else { return Err(error.into()) };
        match refused.problem {
            Problem::TooLate | Problem::HasDeclined | Problem::RoundNotOpen | Problem::NotInCohort => {
                Ok(AgentEvent::Missed { round })
            }
            Problem::NotEnrolled => {
                self.forgotten(client).await;
                Ok(AgentEvent::Missed { round })
            }
            Problem::AnotherUpdate => Err(AgentError::AnotherUpdate { round, client }),
            Problem::NotAuthorized => Err(AgentError::NotAuthorized { client, detail: refused.detail }),
            _ => Err(AgentError::UpdateRefused { round, client, detail: refused.detail }),
        }
    }
}
