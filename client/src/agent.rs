//! A client from its enrolment to the end of the federation.

mod delivering;

use crate::agent_error::AgentError;
use crate::answered_rounds::AnsweredRounds;
use crate::call::CallError;
use crate::connection::Connection;
use crate::event::{AgentEvent, Ending, Outcome};
use crate::masked::{Masking, Masks, Place};
use crate::receipt_file::ReceiptFile;
use crate::shutdown::Shutdown;
use crate::task::{Prepared, Task, Work, train};
use crate::transport::Transport;
use bytes::Bytes;
use privet_core::identity::Identity;
use privet_core::nn::Examples;
use privet_core::participant::{LocalTraining, OwnLimit, Participant};
use privet_core::protocol::{CheckInAnswer, DeclineReason, HexDigest, Problem, Token};
use privet_core::secagg::Stage;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// What a model file has beside its parameters, at the most, in bytes.
const MODEL_FILE_HEADER: usize = 1 << 20;
/// How long an update may still be under way after the agent was told to stop.
const LAST_UPLOAD: Duration = Duration::from_secs(10);
/// How long to stay away from a coordinator that has just forgotten something.
const FORGOTTEN: Duration = Duration::from_secs(1);
/// How long to stay away from a round that goes on without this client.
const AWAY: Duration = Duration::from_secs(1);

/// Which client of which federation an agent is.
pub struct Membership {
    /// Its key.
    pub identity: Arc<Identity>,
    /// The place it wants, from 1; any if it is `None`.
    pub place: Option<u32>,
    /// The one-time token by which it is invited, if it needs one.
    pub token: Option<Token>,
    /// The plan it works by.
    pub plan_sha256: HexDigest,
    /// Which rounds it has answered before.
    pub answered: AnsweredRounds,
    /// How it hides its updates, if the plan says so.
    pub masks: Option<Masks>,
}

/// A client of a federation.
pub struct Agent<T> {
    connection: Connection<T>,
    membership: Membership,
    training: LocalTraining,
    rows: Arc<dyn Examples + Send>,
    /// Absent until it has enrolled.
    participant: Option<Arc<Participant>>,
    masking: Option<Masking>,
    /// The last masked round that it has begun, in this process or before: it begins none twice.
    masked_round: u32,
    /// The last masked round that it has begun or left in this process.
    dealt_with: u32,
    /// The last model that was fetched, until its round is done: many agents in one process would hold many.
    model: Option<(HexDigest, Bytes)>,
    receipts: Option<ReceiptFile>,
    limit: Option<OwnLimit>,
}

/// What there is to do.
enum Next {
    Take(Task),
    /// Nothing for this process: an earlier one has begun the round, and its secrets are gone or its answer is given.
    Pass {
        round: u32,
    },
    Finish(HexDigest),
}

impl<T: Transport> Agent<T> {
    /// A client that trains on these rows.
    pub fn new(
        connection: Connection<T>,
        membership: Membership,
        training: LocalTraining,
        rows: Arc<dyn Examples + Send>,
    ) -> Agent<T> {
        let training = training.for_one_client(membership.answered.noised(membership.plan_sha256));
        let (participant, masking, model, receipts, limit) = (None, None, None, None, None);
        let (masked_round, dealt_with) = (0, 0);
        Agent {
            connection,
            membership,
            training,
            rows,
            participant,
            masking,
            masked_round,
            dealt_with,
            model,
            receipts,
            limit,
        }
    }

    /// Keeps the receipts in a file, so that they can be verified later.
    pub fn keeping_receipts(mut self, file: ReceiptFile) -> Agent<T> {
        self.receipts = Some(file);
        self
    }

    /// Takes part in no round that would spend more than this, by the client's own account.
    pub fn within(mut self, limit: OwnLimit) -> Agent<T> {
        self.limit = Some(limit);
        self
    }

    /// Enrols, and takes part whenever it is asked, until the federation has finished or `shutdown`.
    ///
    /// When it is told to stop, an update that is ready is still sent, if that takes no more than some seconds. A
    /// training that has begun cannot be broken off: its thread ends by itself, and its result is dropped.
    pub async fn run(
        mut self,
        mut observe: impl FnMut(AgentEvent),
        shutdown: impl Future<Output = ()>,
    ) -> Result<Outcome, AgentError> {
        if self.rows.is_empty() {
            return Err(AgentError::NoRows);
        }
        self.masking = self.membership.masks.clone().map(Masking::new);
        let (answered, plan) = (&self.membership.answered, self.membership.plan_sha256);
        self.masked_round = answered.unmasked(plan).max(answered.noised(plan).last);
        let mut shutdown = Shutdown::new(shutdown);
        let mut counted = Vec::new();
        let ending = loop {
            let next = tokio::select! {
                biased;
                () = shutdown.wait() => break Ending::Stopped,
                next = self.next(&mut observe) => next?,
            };
            let task = match next {
                Next::Take(task) => task,
                Next::Pass { round } => {
                    let event = self.pass(round).await?;
                    observe(event);
                    continue;
                }
                Next::Finish(model_sha256) => break Ending::Finished { model_sha256 },
            };
            observe(AgentEvent::Training { round: task.round });
            let Work { prepared, zeros } = tokio::select! {
                biased;
                () = shutdown.wait() => break Ending::Stopped,
                work = self.prepare(task) => work?,
            };
            if zeros {
                observe(AgentEvent::Zeros { round: task.round });
            }
            let told_long_ago = async {
                shutdown.wait().await;
                sleep(LAST_UPLOAD).await;
            };
            let event = tokio::select! {
                biased;
                event = self.deliver(task, prepared) => event?,
                () = told_long_ago => break Ending::Stopped,
            };
            if let AgentEvent::Counted { round, .. } = event {
                counted.push(round);
            }
            observe(event);
        };
        Ok(Outcome { ending, counted })
    }

    /// Enrols if that is needed, and waits until there is something to do.
    async fn next(&mut self, observe: &mut impl FnMut(AgentEvent)) -> Result<Next, AgentError> {
        loop {
            let client = match &self.participant {
                Some(participant) => participant.client(),
                None => {
                    let client = self.enrol().await?;
                    self.participant = Some(Arc::new(Participant::new(client, self.training.clone())));
                    observe(AgentEvent::Enrolled { client });
                    client
                }
            };
            match self.connection.check_in(client, &self.membership.identity).await {
                Ok(CheckInAnswer::Train { round, .. }) if self.training.hides_updates() => {
                    return Err(AgentError::OnlyMasked { round, client });
                }
                Ok(CheckInAnswer::Train { round, model_sha256, clip, lease, .. }) => {
                    let lease = lease.into();
                    return Ok(Next::Take(Task { round, model_sha256, clip, masked: false, lease }));
                }
                Ok(CheckInAnswer::Mask {
                    round, stage: Stage::Advertise, model_sha256, clip, lease, ..
                }) if round > self.masked_round => {
                    (self.masked_round, self.dealt_with) = (round, round);
                    let lease = lease.into();
                    return Ok(Next::Take(Task { round, model_sha256, clip, masked: true, lease }));
                }
                Ok(CheckInAnswer::Mask { round, .. }) if round > self.dealt_with => {
                    self.dealt_with = round;
                    return Ok(Next::Pass { round });
                }
                // A round that it has left.
                Ok(CheckInAnswer::Mask { .. }) => self.connection.pause(AWAY).await,
                Ok(CheckInAnswer::Finished { model_sha256 }) => return Ok(Next::Finish(model_sha256)),
                Ok(CheckInAnswer::Wait) => {}
                Err(error) if error.problem() == Some(Problem::NotEnrolled) => self.forgotten(client).await,
                Err(error) => return Err(not_authorized(client, error)),
            }
        }
    }

    /// Leaves a masked round that an earlier process has begun.
    async fn pass(&self, round: u32) -> Result<AgentEvent, AgentError> {
        let client = self.participant.as_ref().expect("a task is given to a participant").client();
        let answered = self.masked_round;
        tracing::warn!(
            client,
            round,
            answered,
            "leaving a masked round that this client has begun before, or that is over by its record: no round is answered \
             twice; if this is another federation, give it another key file or the plan another name"
        );
        let identity = &self.membership.identity;
        Place { connection: &self.connection, client, identity }
            .leave(round, DeclineReason::Left, None)
            .await?;
        Ok(AgentEvent::Left { round })
    }

    async fn enrol(&self) -> Result<u32, AgentError> {
        let Membership { identity, place, token, plan_sha256, .. } = &self.membership;
        let enrolled = self.connection.enrol(identity, *place, token.as_ref()).await?;
        if enrolled.plan_sha256 != *plan_sha256 {
            return Err(AgentError::AnotherPlan { ours: *plan_sha256, theirs: enrolled.plan_sha256 });
        }
        match *place {
            Some(asked) if asked != enrolled.client => {
                Err(AgentError::AnotherPlace { asked, has: enrolled.client })
            }
            _ => Ok(enrolled.client),
        }
    }

    /// The coordinator has lost its state: the client enrols again.
    async fn forgotten(&mut self, client: u32) {
        tracing::warn!(client, "the coordinator does not know this client any more: enrolling again");
        self.participant = None;
        self.connection.pause(FORGOTTEN).await;
    }

    /// Fetches the model and trains.
    async fn prepare(&mut self, task: Task) -> Result<Work, AgentError> {
        let Some(model_file) = self.fetch(task.model_sha256).await? else {
            return Ok(Prepared::Outdated.into());
        };
        let participant = Arc::clone(self.participant.as_ref().expect("a task is given to a participant"));
        let client = participant.client();
        if let Some(refused) = self.spend(task.round, client)? {
            return Ok(refused.into());
        }
        let rows = Arc::clone(&self.rows);
        let rules = match (task.masked, &self.masking) {
            (false, _) => None,
            (true, Some(masking)) => Some(masking.masks.rules),
            (true, None) => return Err(AgentError::NoMasks),
        };
        let training =
            tokio::task::spawn_blocking(move || train(&participant, task, rules, &model_file, &*rows));
        let work = training.await.map_err(|source| AgentError::TrainingBrokeOff {
            round: task.round,
            client,
            source,
        })?;
        Ok(work?)
    }

    /// Notes that a round is answered where that spends the client's own privacy, or where it has a limit of its own. What
    /// it says instead of an answer if it was answered before, and the answer may have been seen, or if that would be too much.
    fn spend(&mut self, round: u32, client: u32) -> Result<Option<Prepared>, AgentError> {
        let adds_noise = self.training.adds_noise();
        if !adds_noise && self.limit.is_none() {
            return Ok(None);
        }
        let (answered, rounds) = (self.membership.answered.last(), self.training.rounds());
        if round < answered || round > rounds {
            return Err(AgentError::NotAgain { round, answered, rounds, client });
        }
        if round == answered {
            // Without noise of its own the client makes the same update again.
            return Ok(adds_noise.then_some(Prepared::Spent));
        }
        let plan = self.membership.plan_sha256;
        if let Some(limit) = self.limit
            && !limit.admits(round, self.membership.answered.noised(plan))
        {
            return Ok(Some(Prepared::Beyond(limit)));
        }
        self.membership.answered.note(plan, round)?;
        Ok(None)
    }

    /// The model file with this digest, from the coordinator if it is not at hand.
    async fn fetch(&mut self, digest: HexDigest) -> Result<Option<Bytes>, AgentError> {
        if let Some((held, file)) = &self.model
            && *held == digest
        {
            return Ok(Some(file.clone()));
        }
        let limit = 4 * self.training.network().layout().len() + MODEL_FILE_HEADER;
        match self.connection.model(digest, limit).await {
            Ok(file) => {
                self.model = Some((digest, file.clone()));
                Ok(Some(file))
            }
            Err(error) if error.problem() == Some(Problem::NotFound) => {
                self.connection.pause(FORGOTTEN).await;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn not_authorized(client: u32, error: CallError) -> AgentError {
    match error {
        CallError::Refused(refused) if refused.problem == Problem::NotAuthorized => {
            AgentError::NotAuthorized { client, detail: refused.detail }
        }
        error => error.into(),
    }
}
