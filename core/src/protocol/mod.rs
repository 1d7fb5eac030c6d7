//! What travels between coordinator and client: messages and problems, with their codec. Both sides share it.
//!
//! JSON for control, binary for vectors, safetensors for models.
//!
//! | | | asks | answers |
//! |---|---|---|---|
//! | `GET`  | `/v1/federation`                   |                    | [`FederationState`] |
//! | `POST` | `/v1/clients`                      | [`Enrol`]          | [`Enrolled`] |
//! | `POST` | `/v1/checkins`                     | [`CheckIn`]        | [`CheckInAnswer`] |
//! | `GET`  | `/v1/models/{sha256}`              |                    | a model file |
//! | `PUT`  | `/v1/rounds/{n}/updates/{client}`  | an encoded update  | [`ReceiptMessage`] |
//! | `POST` | `/v1/rounds/{n}/declines/{client}` | [`Decline`]        | nothing |
//! | `GET`  | `/v1/rounds`                       |                    | a list of [`RoundSummary`] |
//!
//! What is refused is answered with a [`Problem`]. Requests that act for a client carry its credential as a bearer
//! token.

mod credential;
mod hex_digest;
mod message;
mod problem;
mod update_codec;

pub use credential::{Credential, CredentialDigest};
pub use hex_digest::{HexDigest, HexDigestError};
pub use message::{
    CheckIn, CheckInAnswer, Decline, DeclineReason, Enrol, Enrolled, FederationState, PhaseName,
    PrivacyState, ReceiptMessage, RoundOutcome, RoundSummary,
};
pub use problem::{Problem, ProblemDocument};
pub use update_codec::{UpdateCodecError, UpdateMessage};
