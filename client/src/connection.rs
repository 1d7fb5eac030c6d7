//! The requests of the protocol, each repeated until it is answered.

use crate::call::{Call, CallError, retry_after};
use crate::lease::{Errand, HeldLease};
use crate::patience::{Jitter, Patience};
use crate::signer::SigningClock;
use crate::transport::Transport;
use bytes::Bytes;
use http::{Method, Response};
use privet_core::identity::Identity;
use privet_core::protocol::{
    CheckIn, CheckInAnswer, Decline, DeclineReason, Enrol, Enrolled, EnrolledClient, FederationState,
    HexDigest, Problem, ReceiptMessage, RoundSummary, StageReceipt, Token,
};
use privet_core::round::SealedRecord;
use privet_core::secagg::{Roster, Stage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The most bytes of a control answer. The largest holds a plan.
const CONTROL_LIMIT: usize = 1 << 20;
/// The most bytes of a history, which grows with the rounds and their cohorts.
const HISTORY_LIMIT: usize = 256 << 20;
/// How long a control request may take.
const CONTROL_TIME: Duration = Duration::from_secs(30);
/// How long a check-in may take: the coordinator holds it while there is nothing to do.
const CHECK_IN_TIME: Duration = Duration::from_secs(90);
/// How long a model or an update may be under way.
const TRANSFER_TIME: Duration = Duration::from_secs(600);
/// How long to stay away when there is nothing to do and the coordinator does not say.
const IDLE: Duration = Duration::from_secs(5);
/// After how long a coordinator that cannot be reached is mentioned again; then after twice as long, and so on.
const REMINDER: Duration = Duration::from_secs(60);

const JSON: &str = "application/json";
const OCTETS: &str = "application/octet-stream";

/// A line to a coordinator. A request that gets no answer, or is sent away for a time, is sent again as its
/// [`Patience`] says; a refusal is handed on.
#[derive(Debug)]
pub struct Connection<T> {
    transport: T,
    patience: Patience,
    jitter: Jitter,
    clock: SigningClock,
}

impl<T: Transport> Connection<T> {
    /// A connection whose waits are drawn from `jitter_seed`, which should differ from client to client.
    pub fn new(transport: T, patience: Patience, jitter_seed: u64) -> Connection<T> {
        Connection { transport, patience, jitter: Jitter::new(jitter_seed), clock: SigningClock::new() }
    }

    /// Signs by another clock than the machine's: one that gives the time since the Unix epoch.
    pub fn by_clock(mut self, wall: impl Fn() -> Duration + Send + Sync + 'static) -> Connection<T> {
        self.clock = SigningClock::reading(wall);
        self
    }

    /// What anybody may know of the federation: above all its plan.
    pub async fn federation(&self) -> Result<FederationState, CallError> {
        let call = Call::new(Method::GET, "/v1/federation", CONTROL_LIMIT, CONTROL_TIME);
        let state: FederationState = self.ask(&call).await?;
        let found = HexDigest::of(state.plan.as_bytes());
        match found == state.plan_sha256 {
            true => Ok(state),
            false => Err(CallError::PlanDamaged { announced: state.plan_sha256, found }),
        }
    }

    /// The rounds that are over.
    pub async fn rounds(&self) -> Result<Vec<RoundSummary>, CallError> {
        self.ask(&Call::new(Method::GET, "/v1/rounds", HISTORY_LIMIT, CONTROL_TIME)).await
    }

    /// The sealed records of the rounds that are over, for a client that has enrolled.
    pub async fn records(&self, client: u32, identity: &Identity) -> Result<Vec<SealedRecord>, CallError> {
        let path = format!("/v1/clients/{client}/records");
        self.ask(&Call::new(Method::GET, path, HISTORY_LIMIT, CONTROL_TIME).signed_by(identity)).await
    }

    /// Enrols the client that has this key, at a place of its choice or at any, by a token if it needs one.
    pub async fn enrol(
        &self,
        identity: &Identity,
        place: Option<u32>,
        token: Option<&Token>,
    ) -> Result<Enrolled, CallError> {
        let message = Enrol { key: identity.key(), place, token: token.cloned() };
        let call = Call::new(Method::POST, "/v1/clients", CONTROL_LIMIT, CONTROL_TIME);
        self.ask(&call.with_body(JSON, json(&message)).signed_by(identity)).await
    }

    /// Asks whether there is anything to do, until there is.
    pub async fn check_in(&self, client: u32, identity: &Identity) -> Result<CheckInAnswer, CallError> {
        let call = Call::new(Method::POST, "/v1/checkins", CONTROL_LIMIT, CHECK_IN_TIME)
            .with_body(JSON, json(&CheckIn { client }))
            .signed_by(identity);
        loop {
            let response = self.persist(&call).await?;
            match read(&call, &response)? {
                CheckInAnswer::Wait => self.pause(retry_after(&response).unwrap_or(IDLE)).await,
                answer => return Ok(answer),
            }
        }
    }

    /// Fetches a model file of `limit` bytes or fewer. Whether it is the right one is for the participant to say.
    pub async fn model(&self, digest: HexDigest, limit: usize) -> Result<Bytes, CallError> {
        let call = Call::new(Method::GET, format!("/v1/models/{digest}"), limit, TRANSFER_TIME);
        Ok(self.persist(&call).await?.into_body())
    }

    /// Sends an update under the lease of its task, or the next ones, the same bytes each time, until there is a receipt or
    /// a refusal.
    pub async fn upload(
        &self,
        (round, client): (u32, u32),
        identity: &Identity,
        lease: HeldLease,
        body: Bytes,
    ) -> Result<ReceiptMessage, CallError> {
        let path = format!("/v1/rounds/{round}/updates/{client}");
        let upload = Call::new(Method::PUT, path, CONTROL_LIMIT, TRANSFER_TIME);
        let upload = upload.with_body(OCTETS, body).signed_by(identity);
        let errand = Errand { round, stage: None, client };
        self.deliver(errand, identity, lease, |token| upload.under(token)).await
    }

    /// The clients that have enrolled, and their keys.
    pub async fn clients(&self) -> Result<Vec<EnrolledClient>, CallError> {
        self.ask(&Call::new(Method::GET, "/v1/clients", HISTORY_LIMIT, TRANSFER_TIME)).await
    }

    /// Fetches what a client needs for its part in a stage, in a federation of so many places.
    pub async fn stage_task(
        &self,
        at: (u32, Stage, u32),
        identity: &Identity,
        places: u32,
    ) -> Result<Bytes, CallError> {
        let limit = Roster::encoded_len(places as usize);
        let call = Call::new(Method::GET, stage_path(at), limit, TRANSFER_TIME);
        Ok(self.persist(&call.signed_by(identity)).await?.into_body())
    }

    /// Sends the message of a stage under the lease of its task, or the next ones, the same bytes each time, until there is
    /// a receipt or a refusal.
    pub async fn send_stage(
        &self,
        at: (u32, Stage, u32),
        identity: &Identity,
        lease: HeldLease,
        message: Bytes,
    ) -> Result<StageReceipt, CallError> {
        let call = Call::new(Method::PUT, stage_path(at), CONTROL_LIMIT, TRANSFER_TIME);
        let call = call.with_body(OCTETS, message).signed_by(identity);
        let (round, stage, client) = at;
        let errand = Errand { round, stage: Some(stage), client };
        self.deliver(errand, identity, lease, |token| call.under(token)).await
    }

    /// Says why the client cannot take part in a round, and because of whom if it is because of somebody.
    pub async fn decline(
        &self,
        round: u32,
        client: u32,
        identity: &Identity,
        (reason, accused): (DeclineReason, Option<u32>),
    ) -> Result<(), CallError> {
        let path = format!("/v1/rounds/{round}/declines/{client}");
        let call = Call::new(Method::POST, path, CONTROL_LIMIT, CONTROL_TIME)
            .with_body(JSON, json(&Decline { reason, accused }))
            .signed_by(identity);
        self.persist(&call).await.map(drop)
    }

    /// Stays away for this time and a random part of it.
    pub(crate) async fn pause(&self, time: Duration) {
        sleep(self.jitter.spread(time)).await;
    }

    pub(crate) async fn ask<A: DeserializeOwned>(&self, call: &Call<'_>) -> Result<A, CallError> {
        read(call, &self.persist(call).await?)
    }

    /// Sends a request until it is answered or refused, or patience ends.
    async fn persist(&self, call: &Call<'_>) -> Result<Response<Bytes>, CallError> {
        let begun = Instant::now();
        let mut failures = 0;
        let mut remind_after = Duration::ZERO;
        loop {
            let error = match call.send(&self.transport, &self.clock).await {
                Err(error) if error.is_passing() => error,
                Err(error) if error.problem() == Some(Problem::StaleSignature) && self.clock.read_again() => {
                    tracing::warn!("the machine's clock has been set, or it has slept: signing again");
                    continue;
                }
                Err(error) => return Err(error),
                Ok(response) => {
                    if failures > 0 {
                        tracing::info!(failures, "the coordinator answers again");
                    }
                    return Ok(response);
                }
            };
            failures += 1;
            let after = begun.elapsed();
            let wait = self.jitter.wait(&self.patience, failures, error.retry_after());
            if self.patience.give_up_after.is_some_and(|limit| after + wait > limit) {
                return Err(CallError::GaveUp { attempts: failures, after, last: Box::new(error) });
            }
            if after >= remind_after {
                tracing::warn!(%error, failures, "waiting for the coordinator");
                remind_after = (2 * remind_after).max(REMINDER);
            }
            sleep(wait).await;
        }
    }
}

fn stage_path((round, stage, client): (u32, Stage, u32)) -> String {
    format!("/v1/rounds/{round}/stages/{stage}/{client}")
}

fn json(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("the protocol's messages have no maps, so that nothing can fail")
}

fn read<A: DeserializeOwned>(call: &Call<'_>, response: &Response<Bytes>) -> Result<A, CallError> {
    serde_json::from_slice(response.body()).map_err(|_| call.foreign(response.status()))
}
