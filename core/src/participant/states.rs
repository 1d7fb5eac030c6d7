//! A participant's way through one round.

use super::{LocalTraining, LocalTrainingError, Task, Worker};
use crate::encoding::Update;
use crate::nn::{self, Examples, ModelFileError};
use crate::params::Params;
use crate::privacy::Clip;
use crate::protocol::{DeclineReason, HexDigest, ReceiptMessage, UpdateMessage};

/// A client that knows the plan, and takes part whenever it is asked.
#[derive(Debug, Clone)]
pub struct Participant {
    client: u32,
    training: LocalTraining,
}

/// Awaits the file of the model that the task names.
#[derive(Debug)]
pub struct Assigned<'a> {
    participant: &'a Participant,
    round: u32,
    model: HexDigest,
    clip: Option<Clip>,
}

/// Has the model, and can train.
#[derive(Debug)]
pub struct Ready<'a> {
    pub(super) participant: &'a Participant,
    pub(super) round: u32,
    pub(super) model: Params,
    pub(super) clip: Option<Clip>,
}

/// Has an update to send, and awaits the receipt.
#[derive(Debug)]
pub struct Trained {
    round: u32,
    client: u32,
    body: Vec<u8>,
}

/// Cannot take part in this round.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[error("declined round {round}: {source}")]
pub struct Declined {
    /// The round.
    pub round: u32,
    /// Why.
    pub source: LocalTrainingError,
}

/// What a coordinator sent that a participant does not accept.
#[derive(Debug, thiserror::Error)]
pub enum ParticipantError {
    /// The model file is another than the task names.
    #[error("the coordinator sent a model with digest {found} instead of {expected}: it is not used")]
    OtherModel {
        /// The digest in the task.
        expected: HexDigest,
        /// The digest of what came.
        found: HexDigest,
    },
    /// The model file cannot be read.
    #[error("the coordinator's model cannot be used: {0}")]
    ModelFile(#[from] ModelFileError),
    /// The model is of another architecture than the plan's.
    #[error("the coordinator's model has another architecture than its plan")]
    OtherArchitecture,
    /// The receipt is for something else.
    #[error("the coordinator's receipt is not for the update of client {client} in round {round}")]
    OtherReceipt {
        /// The round of the update.
        round: u32,
        /// Who sent it.
        client: u32,
    },
}

impl Participant {
    /// A client, by the number that it got when it enrolled.
    pub fn new(client: u32, training: LocalTraining) -> Participant {
        Participant { client, training }
    }

    /// The client's number, from 1.
    pub fn client(&self) -> u32 {
        self.client
    }

    /// Memory to train in.
    pub fn worker(&self) -> Worker {
        self.training.worker()
    }

    /// Trains, or says why it cannot.
    pub(super) fn update(
        &self,
        task: Task<'_>,
        examples: &dyn Examples,
        worker: &mut Worker,
    ) -> Result<Update, Declined> {
        let update = self.training.update(task, examples, worker);
        update.map_err(|source| Declined { round: task.round, source })
    }

    /// Takes a task, with the clip that it names, if it names one.
    pub fn assign(&self, round: u32, model: HexDigest, clip: Option<Clip>) -> Assigned<'_> {
        Assigned { participant: self, round, model, clip }
    }
}

impl<'a> Assigned<'a> {
    /// The digest of the model to be fetched.
    pub fn model_digest(&self) -> HexDigest {
        self.model
    }

    /// Takes the model file. It must be the very one that the task names, and of the plan's architecture.
    pub fn receive(self, model_file: &[u8]) -> Result<Ready<'a>, ParticipantError> {
        let found = HexDigest::of(model_file);
        if found != self.model {
            return Err(ParticipantError::OtherModel { expected: self.model, found });
        }
        let (network, model) = nn::from_safetensors(model_file)?;
        if network.layout() != self.participant.training.network().layout() {
            return Err(ParticipantError::OtherArchitecture);
        }
        Ok(Ready { participant: self.participant, round: self.round, model, clip: self.clip })
    }
}

impl Ready<'_> {
    /// Trains on the client's own rows, for an update that the coordinator sees. Long and blocking.
    ///
    /// # Errors
    /// Whatever forbids an update; by a plan that hides updates, always.
    pub fn train(self, examples: &dyn Examples, worker: &mut Worker) -> Result<Trained, Declined> {
        let Ready { participant, round, model, clip } = self;
        let client = participant.client;
        if participant.training.hides_updates() {
            return Err(Declined { round, source: LocalTrainingError::OnlyMasked { client, round } });
        }
        let update = participant.update(Task { round, client, model: &model, clip }, examples, worker)?;
        let body = UpdateMessage { round, client, update }.encode();
        Ok(Trained { round, client, body })
    }
}

impl Trained {
    /// The round of the update.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// What is to be sent. It never changes, so that it can be sent again.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Takes the receipt, which must be for this very update.
    pub fn confirm(self, receipt: &ReceiptMessage) -> Result<(), ParticipantError> {
        let Trained { round, client, body } = self;
        let same = receipt.round == round
            && receipt.client == client
            && receipt.update_sha256 == HexDigest::of(&body);
        if same { Ok(()) } else { Err(ParticipantError::OtherReceipt { round, client }) }
    }
}

impl Declined {
    /// What the coordinator is told.
    pub fn reason(&self) -> DeclineReason {
        self.source.reason()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Shard, sets};
    use crate::nn::Network;
    use crate::plan::{Plan, VOTE};
    use crate::privacy::NoiseSeed;
    use crate::random::Purpose;
    use std::sync::Arc;

    const DIVERGES: &str = "\
[federation]
rounds = 4
[data]
source = \"digits\"
[model]
hidden = [16]
[training]
learning-rate = 1e30
[aggregation]
weights = \"uniform\"
";
    const PRIVATE: &str = "\
[privacy]
clip = 0.5
delta = 1e-3
noise-multiplier = 0.7
adaptive-clip = {}
";

    /// One round of a client whose training diverges, and the worker that it trained with.
    fn train(text: &str) -> (Result<Trained, Declined>, Worker, Arc<Network>) {
        let plan = Plan::parse(text).unwrap();
        let network = Arc::new(plan.network(64, 10).unwrap());
        let model = network.initialize(&mut plan.seed().stream(Purpose::Initialization));
        let file = nn::to_safetensors(&network, &model);
        let seed = Arc::new(NoiseSeed::from_bytes(&mut [3; 32]));
        let client = Participant::new(1, LocalTraining::with_noise(&plan, Arc::clone(&network), seed));
        let mut worker = client.worker();
        let ready = client.assign(1, HexDigest::of(&file), None).receive(&file).unwrap();
        let rows = Shard::all(Arc::new(sets::digits())).select(0..50).unwrap();
        let trained = ready.train(&rows, &mut worker);
        (trained, worker, network)
    }

    #[test]
    fn a_client_that_diverges_declines_where_nothing_is_promised() {
        let (trained, mut worker, _) = train(DIVERGES);
        assert_eq!(trained.unwrap_err().reason(), DeclineReason::Diverged);
        assert!(worker.take_failure().is_none());
    }

    /// Nobody can tell it from one whose training went well, but for the noise that nobody can take off.
    #[test]
    fn a_client_that_diverges_sends_zeros_under_its_noise_where_clients_are_protected() {
        for noise_at in ["coordinator", "clients", "local"] {
            let text = format!(
                "{DIVERGES}{}",
                PRIVATE.replace("clip = 0.5", &format!("noise-at = \"{noise_at}\"\nclip = 0.5"))
            );
            let (trained, mut worker, network) = train(&text);
            let update = UpdateMessage::decode(trained.unwrap().body()).unwrap().update;
            assert_eq!(update.delta.len(), network.layout().len() + 1);
            assert_eq!((update.weight, update.loss), (1, 0));
            let (vote, movement) = update.delta.split_last().unwrap();
            let noised = movement.iter().filter(|value| **value != 0).count();
            if noise_at == "coordinator" {
                assert_eq!((*vote, noised), (-VOTE, 0));
            } else {
                assert!(noised > movement.len() / 2 && *vote != -VOTE, "{noise_at}: {noised} {vote}");
            }
            let failure = worker.take_failure().unwrap();
            assert_eq!(failure.reason(), DeclineReason::Diverged);
        }
    }
}
