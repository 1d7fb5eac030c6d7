//! The participant's agent of a privet federation.
//!
//! It trains on rows that stay where they are and sends updates to a coordinator. What is computed is
//! [`privet_core::participant`], which is pure; this crate carries the messages:
//!
//! ```text
//! agent        enrols, checks in, has a round trained, sends the update, until the federation has finished
//! masked       takes an update through the stages of a masked round
//! connection   one method for each request of the protocol; repeats what may be repeated
//! signer       signs requests with the client's key
//! lease        a task as it is lent, and what came of it sent under that
//! patience     how long to wait before the next attempt, and when to give up
//! transport    a request there, a response back: over HTTP in production, over anything in tests
//! ```

mod agent;
mod agent_error;
mod answered_rounds;
mod call;
mod connection;
mod event;
mod http_transport;
mod key_file;
mod lease;
mod masked;
mod patience;
mod receipt_file;
mod seen_keys;
mod shutdown;
mod signer;
mod task;
mod transport;

pub use agent::{Agent, Membership};
pub use agent_error::AgentError;
pub use answered_rounds::{AnsweredRounds, AnsweredRoundsError};
pub use call::{CallError, Refused};
pub use connection::Connection;
pub use event::{AgentEvent, Ending, Outcome};
pub use http_transport::{AddressError, HttpTransport, Trust};
pub use key_file::{KeyFileError, key_from, new_key, read_key, write_private};
pub use lease::HeldLease;
pub use masked::Masks;
pub use patience::Patience;
pub use receipt_file::{KeptReceipt, ReceiptFile, ReceiptFileError, read_receipts};
pub use seen_keys::{SeenKeys, SeenKeysError, doubled};
pub use signer::NoNonce;
pub use transport::{Transport, TransportError};
