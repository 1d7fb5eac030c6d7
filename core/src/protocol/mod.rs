//! What travels between coordinator and client: messages and problems, with their codec. Both sides share it.
//!
//! JSON for control, binary for vectors, safetensors for models.
//!
//! | | | asks | answers |
//! |---|---|---|---|
//! | `GET`  | `/v1/federation`                   |                    | [`FederationState`] |
//! | `POST` | `/v1/clients`                      | [`Enrol`]          | [`Enrolled`] |
//! | `GET`  | `/v1/clients`                      |                    | a list of [`EnrolledClient`] |
//! | `POST` | `/v1/checkins`                     | [`CheckIn`]        | [`CheckInAnswer`] |
//! | `GET`  | `/v1/models/{sha256}`              |                    | a model file |
//! | `PUT`  | `/v1/rounds/{n}/updates/{client}?lease={token}` | an encoded update  | [`ReceiptMessage`] |
//! | `POST` | `/v1/rounds/{n}/declines/{client}` | [`Decline`]        | nothing |
//! | `GET`  | `/v1/rounds`                       |                    | a list of [`RoundSummary`] |
//! | `GET`  | `/v1/rounds/{n}/stages/{stage}/{client}` |              | what the client needs for its part in a stage |
//! | `PUT`  | `/v1/rounds/{n}/stages/{stage}/{client}?lease={token}` | its message  | [`StageReceipt`] |
//! | `GET`  | `/v1/clients/{client}/records`     |                    | the records of the rounds, to check receipts by |
//!
//! A task comes with a lease ([`TaskLease`]), whose token goes back with what is sent: what begins to arrive when the lease
//! has lapsed is refused as [`Problem::LeaseLapsed`], and the client checks in, gets the next lease of the same task if it is
//! still awaited, and sends the same bytes. What was acknowledged is acknowledged again under any lease, and without one.
//!
//! What is refused is answered with a [`Problem`]. Requests that act for a client are signed by it: [`signature`].

mod hex_digest;
mod lease_token;
mod message;
mod problem;
pub mod signature;
mod token;
mod update_codec;

pub use hex_digest::{HexDigest, HexDigestError};
pub use lease_token::{LeaseToken, LeaseTokenError};
pub use message::{
    CheckIn, CheckInAnswer, Decline, DeclineReason, Enrol, Enrolled, EnrolledClient, FederationState,
    MaskedSummary, PhaseName, PrivacyState, ReceiptMessage, RoundOutcome, RoundSummary, StageReceipt,
    TaskLease,
};
pub use problem::{Problem, ProblemDocument};
pub use token::Token;
pub use update_codec::{UpdateCodecError, UpdateMessage};
