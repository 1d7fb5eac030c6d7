//! What is answered when a request is refused: problem documents (RFC 9457) from one exhaustive table.
//!
//! The coordinator turns a [`Problem`] into a [`ProblemDocument`]; the client turns the document back into the
//! same [`Problem`] and knows what to do. The `type` of a problem is stable: clients may depend on it.

use serde::{Deserialize, Serialize};

/// What every `type` begins with. The rest is the problem's name, as in the documentation.
const TYPE_PREFIX: &str = "urn:privet:problem:";

/// A kind of refusal, the same on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// The bytes are no message of this protocol.
    MalformedRequest,
    /// The signature is missing or wrong, or its key is not the client's.
    NotAuthorized,
    /// The request was signed too long ago, or by a clock that is ahead.
    StaleSignature,
    /// The nonce of the signature has been used: sign again with a new one.
    NonceUsed,
    /// The client has sent more requests than it may: try again later.
    TooManyRequests,
    /// The body did not come in time.
    RequestTimeout,
    /// The coordinator has no room for the request: try again later.
    Overloaded,
    /// There is nothing at this address.
    NotFound,
    /// The method does not fit the address.
    MethodNotAllowed,
    /// The body is larger than any message of this federation.
    BodyTooLarge,
    /// The body has another type than this address takes.
    UnsupportedMediaType,
    /// There is no such place in the federation.
    NoSuchPlace,
    /// Another client has the place.
    PlaceTaken,
    /// No place is left.
    FederationFull,
    /// The client is not enrolled.
    NotEnrolled,
    /// The client has been shut out.
    Revoked,
    /// The client is not on the list of those who may enrol, and has no token that is good.
    NotInvited,
    /// The round has not been opened yet.
    RoundNotOpen,
    /// The round was closed before the message arrived.
    TooLate,
    /// The client is not in the cohort of the round.
    NotInCohort,
    /// Another update of this client is counted already.
    AnotherUpdate,
    /// The client declined this round before.
    HasDeclined,
    /// The message does not come under the lease that is good: it has lapsed, or is of something else. Check in, and send
    /// the same again.
    LeaseLapsed,
    /// The update has the wrong number of parameters.
    WrongLength,
    /// The update is longer than the plan's clip.
    UpdateNotClipped,
    /// The update has a weight that the plan does not allow.
    WeightNotAllowed,
    /// The federation's rounds are masked, and the client enrols without a public key.
    KeyNeeded,
    /// The round is masked and the message is not, or the other way round.
    OtherKindOfRound,
    /// The message of a stage is forged, or not what the stage takes.
    StageRefused,
    /// The coordinator is stopping.
    ShuttingDown,
    /// The coordinator has a fault of its own.
    Internal,
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDocument {
    /// Which problem, as a URI that never changes.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// What kind of problem it is, in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time, and what to do.
    pub detail: String,
}

impl Problem {
    /// All problems.
    pub const ALL: [Problem; 31] = [
        Problem::MalformedRequest,
        Problem::NotAuthorized,
        Problem::StaleSignature,
        Problem::NonceUsed,
        Problem::TooManyRequests,
        Problem::RequestTimeout,
        Problem::Overloaded,
        Problem::NotFound,
        Problem::MethodNotAllowed,
        Problem::BodyTooLarge,
        Problem::UnsupportedMediaType,
        Problem::NoSuchPlace,
        Problem::PlaceTaken,
        Problem::FederationFull,
        Problem::NotEnrolled,
        Problem::Revoked,
        Problem::NotInvited,
        Problem::RoundNotOpen,
        Problem::TooLate,
        Problem::NotInCohort,
        Problem::AnotherUpdate,
        Problem::HasDeclined,
        Problem::LeaseLapsed,
        Problem::WrongLength,
        Problem::UpdateNotClipped,
        Problem::WeightNotAllowed,
        Problem::KeyNeeded,
        Problem::OtherKindOfRound,
        Problem::StageRefused,
        Problem::ShuttingDown,
        Problem::Internal,
    ];

    /// The table: name, HTTP status, title.
    fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Problem::MalformedRequest => ("malformed-request", 400, "The request cannot be read"),
            Problem::NotAuthorized => ("not-authorized", 401, "The signature does not fit"),
            Problem::StaleSignature => ("stale-signature", 401, "The signature is too old or too new"),
            Problem::NonceUsed => ("nonce-used", 401, "The nonce has been used"),
            Problem::TooManyRequests => ("too-many-requests", 429, "Too many requests"),
            Problem::RequestTimeout => ("request-timeout", 408, "The body did not come in time"),
            Problem::Overloaded => ("overloaded", 503, "There is no room at present"),
            Problem::NotFound => ("not-found", 404, "There is nothing here"),
            Problem::MethodNotAllowed => ("method-not-allowed", 405, "The method does not fit the address"),
            Problem::BodyTooLarge => ("body-too-large", 413, "The body is too large"),
            Problem::UnsupportedMediaType => ("unsupported-media-type", 415, "The body has another type"),
            Problem::NoSuchPlace => ("no-such-place", 422, "There is no such place"),
            Problem::PlaceTaken => ("place-taken", 409, "The place is taken"),
            Problem::FederationFull => ("federation-full", 409, "The federation is full"),
            Problem::NotEnrolled => ("not-enrolled", 403, "The client is not enrolled"),
            Problem::Revoked => ("revoked", 403, "The client has been shut out"),
            Problem::NotInvited => ("not-invited", 403, "The client is not invited"),
            Problem::RoundNotOpen => ("round-not-open", 409, "The round is not open yet"),
            Problem::TooLate => ("too-late", 409, "The round is closed"),
            Problem::NotInCohort => ("not-in-cohort", 403, "The client was not asked"),
            Problem::AnotherUpdate => ("another-update", 409, "Another update is counted already"),
            Problem::HasDeclined => ("has-declined", 409, "The client has declined"),
            Problem::LeaseLapsed => ("lease-lapsed", 409, "The lease has lapsed"),
            Problem::WrongLength => ("wrong-length", 422, "The update does not fit the model"),
            Problem::UpdateNotClipped => ("update-not-clipped", 422, "The update is not clipped"),
            Problem::WeightNotAllowed => ("weight-not-allowed", 422, "The weight is not allowed"),
            Problem::KeyNeeded => ("key-needed", 422, "A public key is needed"),
            Problem::OtherKindOfRound => ("other-kind-of-round", 409, "The round is of another kind"),
            Problem::StageRefused => ("stage-refused", 422, "The message does not fit the stage"),
            Problem::ShuttingDown => ("shutting-down", 503, "The coordinator is stopping"),
            Problem::Internal => ("internal", 500, "The coordinator has a fault"),
        }
    }

    /// Its name, as in the `type` of its documents.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Its HTTP status.
    pub fn status(self) -> u16 {
        self.row().1
    }

    /// The document that says so, with what was wrong this time.
    pub fn document(self, detail: impl Into<String>) -> ProblemDocument {
        let (name, status, title) = self.row();
        ProblemDocument {
            type_uri: format!("{TYPE_PREFIX}{name}"),
            title: title.into(),
            status,
            detail: detail.into(),
        }
    }
}

impl ProblemDocument {
    /// Which problem it tells of. `None` for a type that this version does not know.
    pub fn problem(&self) -> Option<Problem> {
        let name = self.type_uri.strip_prefix(TYPE_PREFIX)?;
        Problem::ALL.into_iter().find(|problem| problem.row().0 == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_problem_is_read_back_from_its_document() {
        let mut types = BTreeSet::new();
        for problem in Problem::ALL {
            let document = problem.document("why");
            let text = serde_json::to_string(&document).unwrap();
            let read: ProblemDocument = serde_json::from_str(&text).unwrap();
            assert_eq!(read.problem(), Some(problem));
            assert!(types.insert(document.type_uri), "{problem:?} shares its type");
            assert!((400..600).contains(&document.status));
        }
    }

    #[test]
    fn an_unknown_type_is_no_problem_of_ours() {
        let mut document = Problem::Internal.document("why");
        document.type_uri = "about:blank".into();
        assert_eq!(document.problem(), None);
    }
}
