//! Why an event is refused. A refusal changes no state.

use crate::protocol::{Problem, ProblemDocument};
use crate::secagg::{CoordinatorError, Stage};

/// What a client did that the federation does not allow.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq)]
pub enum Refusal {
    /// It asked for a place that the federation does not have.
    #[error("there is no place {place}: the federation has places 1 to {places}")]
    NoSuchPlace {
        /// The place asked for.
        place: u32,
        /// How many there are.
        places: u32,
    },
    /// It asked for a place that another client has.
    #[error("place {place} is taken by another client: choose another partition")]
    PlaceTaken {
        /// The place asked for.
        place: u32,
    },
    /// It asked for any place, and none is left.
    #[error("all {places} places of the federation are taken")]
    Full {
        /// How many there are.
        places: u32,
    },
    /// It is not enrolled.
    #[error("client {client} is not enrolled: enrol first")]
    NotEnrolled {
        /// The number it gave.
        client: u32,
    },
    /// It named a round that has not been opened.
    #[error("round {round} is not open yet: check in for a task")]
    RoundNotOpen {
        /// The round it named.
        round: u32,
    },
    /// It came after the end of the round.
    #[error("round {round} closed before the update of client {client} arrived: check in for the next task")]
    TooLate {
        /// The round it named.
        round: u32,
        /// Who it is.
        client: u32,
    },
    /// It came through every stage in time, and sends a message again after the end of the round.
    #[error("round {round} is over: it has what client {client} was to send, and counts nothing again")]
    RoundOver {
        /// The round it named.
        round: u32,
        /// Who it is.
        client: u32,
    },
    /// It was not asked to take part.
    #[error("client {client} is not in the cohort of round {round}: check in for a task")]
    NotInCohort {
        /// The round it named.
        round: u32,
        /// Who it is.
        client: u32,
    },
    /// It sent a second update that differs from the first, which is counted.
    #[error("client {client} has already sent another update for round {round}: the first one counts")]
    AnotherUpdate {
        /// The round it named.
        round: u32,
        /// Who it is.
        client: u32,
    },
    /// It had said that it cannot take part.
    #[error("client {client} has declined round {round}: check in for the next task")]
    HasDeclined {
        /// The round it named.
        round: u32,
        /// Who it is.
        client: u32,
    },
    /// The lease that it shows is not the one that is good.
    #[error(
        "client {client} does not have this lease of round {round}, or not any more: check in, and send the same again"
    )]
    LeaseLapsed {
        /// The round it named.
        round: u32,
        /// Who it is.
        client: u32,
    },
    /// It shows no lease.
    #[error(
        "client {client} shows no lease of round {round}: check in for one, and send the same again with `?lease=`"
    )]
    NoLease {
        /// The round it named.
        round: u32,
        /// Who it is.
        client: u32,
    },
    /// It enrols without a public identity.
    #[error("the rounds of this federation are masked: enrol with a public key")]
    NoKey,
    /// It sends an update in the clear.
    #[error("round {round} is masked: it takes no update in the clear")]
    OnlyMasked {
        /// The round it named.
        round: u32,
    },
    /// It sends the message of a stage where there are none.
    #[error("round {round} is not masked: it has no stages")]
    NotMasked {
        /// The round it named.
        round: u32,
    },
    /// It names a stage that is not open yet.
    #[error("the stage {stage} of round {round} is not open yet: check in for a task")]
    StageNotOpen {
        /// The round it named.
        round: u32,
        /// The stage it named.
        stage: Stage,
    },
    /// It came after the end of a stage, or was missed at an earlier one.
    #[error(
        "client {client} came too late for the stage {stage} of round {round}: check in for the next task"
    )]
    StageOver {
        /// The round it named.
        round: u32,
        /// Who it is.
        client: u32,
        /// The stage it named.
        stage: Stage,
    },
    /// It sent a second message for a stage that differs from the first, which is taken.
    #[error(
        "client {client} has sent another message for the stage {stage} of round {round}: the first one counts"
    )]
    AnotherMessage {
        /// The round it named.
        round: u32,
        /// Who it is.
        client: u32,
        /// The stage.
        stage: Stage,
    },
    /// Its message is not what the stage takes.
    #[error("round {round}: {source}")]
    Stage {
        /// The round.
        round: u32,
        /// What is wrong with it.
        source: CoordinatorError,
    },
    /// Its update is for another architecture.
    #[error("the update has {found} parameters, the model has {expected}: train the model of the task")]
    WrongLength {
        /// How many parameters the model has.
        expected: usize,
        /// How many the update has.
        found: usize,
    },
    /// Its update is longer than the clip.
    #[error(
        "the update of client {client} for round {round} is longer than the plan's clip: clip it before it is sent"
    )]
    NotClipped {
        /// The round it named.
        round: u32,
        /// Who it is.
        client: u32,
    },
    /// Its vote on the clip is neither of the two.
    #[error(
        "the vote of client {client} on the clip of round {round} is neither for nor against: send 1024 or -1024"
    )]
    NoVote {
        /// The round it named.
        round: u32,
        /// Who it is.
        client: u32,
    },
    /// Its update has no weight, or more than the plan allows.
    #[error("the update weighs {weight}, the plan allows 1 to {cap}")]
    Weight {
        /// What it weighs.
        weight: u32,
        /// The largest weight that the plan allows.
        cap: u32,
    },
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::NoSuchPlace { .. } => Problem::NoSuchPlace,
            Refusal::PlaceTaken { .. } => Problem::PlaceTaken,
            Refusal::Full { .. } => Problem::FederationFull,
            Refusal::NotEnrolled { .. } => Problem::NotEnrolled,
            Refusal::RoundNotOpen { .. } => Problem::RoundNotOpen,
            Refusal::TooLate { .. } | Refusal::RoundOver { .. } => Problem::TooLate,
            Refusal::NotInCohort { .. } => Problem::NotInCohort,
            Refusal::AnotherUpdate { .. } => Problem::AnotherUpdate,
            Refusal::HasDeclined { .. } => Problem::HasDeclined,
            Refusal::LeaseLapsed { .. } | Refusal::NoLease { .. } => Problem::LeaseLapsed,
            Refusal::NoKey => Problem::KeyNeeded,
            Refusal::OnlyMasked { .. } | Refusal::NotMasked { .. } => Problem::OtherKindOfRound,
            Refusal::StageNotOpen { .. } => Problem::RoundNotOpen,
            Refusal::StageOver { .. } => Problem::TooLate,
            Refusal::AnotherMessage { .. } => Problem::AnotherUpdate,
            Refusal::Stage { .. } => Problem::StageRefused,
            Refusal::WrongLength { .. } => Problem::WrongLength,
            Refusal::NotClipped { .. } | Refusal::NoVote { .. } => Problem::UpdateNotClipped,
            Refusal::Weight { .. } => Problem::WeightNotAllowed,
        }
    }
}

impl From<Refusal> for ProblemDocument {
    fn from(refusal: Refusal) -> ProblemDocument {
        Problem::from(refusal).document(refusal.to_string())
    }
}
