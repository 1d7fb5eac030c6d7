//! Why an agent cannot go on.

use crate::answered_rounds::AnsweredRoundsError;
use crate::call::CallError;
use crate::receipt_file::ReceiptFileError;
use crate::seen_keys::SeenKeysError;
use privet_core::participant::{OwnLimit, ParticipantError};
use privet_core::protocol::HexDigest;
use privet_core::secagg::Stage;

/// Why an agent cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// There is nothing to train on.
    #[error("the client has no rows to train on: give it data")]
    NoRows,
    /// The coordinator cannot be reached, or refuses for good.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The coordinator sent what a participant does not accept.
    #[error(transparent)]
    Participant(#[from] ParticipantError),
    /// The federation works by another plan than the client.
    #[error(
        "the federation works by the plan {theirs}, this client by {ours}: start the client again, \
         so that it takes the federation's plan"
    )]
    AnotherPlan {
        /// The digest of the client's plan.
        ours: HexDigest,
        /// The digest of the federation's.
        theirs: HexDigest,
    },
    /// The client has enrolled before, at another place than it asks for now.
    #[error(
        "this key has place {has} in the federation, not {asked}: ask for place {has}, \
         or enrol with a key of its own"
    )]
    AnotherPlace {
        /// The place it asks for.
        asked: u32,
        /// The place that it has.
        has: u32,
    },
    /// The key is not that of the client.
    #[error(
        "the coordinator does not take this key for client {client}: start with the key file that the client \
         enrolled with ({detail})"
    )]
    NotAuthorized {
        /// The client's number.
        client: u32,
        /// What the coordinator says.
        detail: String,
    },
    /// Another process sends updates as the same client.
    #[error(
        "another update of client {client} counts in round {round}: stop the other process that has this \
         client's key file, or give this one a file of its own"
    )]
    AnotherUpdate {
        /// The round.
        round: u32,
        /// The client's number.
        client: u32,
    },
    /// The update does not suit the federation.
    #[error("the coordinator does not take the update of client {client} for round {round}: {detail}")]
    UpdateRefused {
        /// The round.
        round: u32,
        /// The client's number.
        client: u32,
        /// What the coordinator says.
        detail: String,
    },
    /// It is asked to spend its privacy twice, or more often than the plan says.
    #[error(
        "client {client} is asked to answer round {round} after round {answered} of a plan of {rounds}: each answer spends its \
         privacy, and no round is answered twice; if this is another federation, use another key file"
    )]
    NotAgain {
        /// The round that it is asked for.
        round: u32,
        /// The last round that it answered.
        answered: u32,
        /// How many rounds the plan has.
        rounds: u32,
        /// The client's number.
        client: u32,
    },
    /// A round more would spend more than the client allows.
    #[error(
        "client {client} does not answer round {round}: by its own account that would spend more than epsilon {epsilon} at \
         delta {delta:e}, which is what it was told to allow; it takes part in no further round of this federation",
        epsilon = limit.epsilon(), delta = limit.delta()
    )]
    BeyondLimit {
        /// The client's number.
        client: u32,
        /// The round that it is asked for.
        round: u32,
        /// What it allows.
        limit: Box<OwnLimit>,
    },
    /// It is not known which rounds were answered, or that cannot be kept.
    #[error(transparent)]
    Answered(#[from] AnsweredRoundsError),
    /// The receipt cannot be kept.
    #[error(transparent)]
    Receipt(#[from] ReceiptFileError),
    /// The keys of the other clients cannot be believed, or kept.
    #[error(transparent)]
    Keys(#[from] SeenKeysError),
    /// It is asked for a bare update by a plan that hides them.
    #[error(
        "the coordinator asks client {client} for a bare update in round {round}, and its plan hides updates: nothing is \
         sent, and this client takes no part in what such a coordinator runs"
    )]
    OnlyMasked {
        /// The round.
        round: u32,
        /// Who is asked.
        client: u32,
    },
    /// The receipt is for something else.
    #[error(
        "the coordinator's receipt is not for the message of client {client} for the stage {stage} of round {round}"
    )]
    OtherReceipt {
        /// The round.
        round: u32,
        /// The stage.
        stage: Stage,
        /// Who sent the message.
        client: u32,
    },
    /// The federation hides updates, and the client does not know how.
    #[error(
        "the rounds of this federation are masked, and this client was made without masks: give it the plan's"
    )]
    NoMasks,
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// The training broke off.
    #[error("the training of client {client} in round {round} broke off: {source}")]
    TrainingBrokeOff {
        /// The round.
        round: u32,
        /// The client's number.
        client: u32,
        /// How.
        source: tokio::task::JoinError,
    },
}
