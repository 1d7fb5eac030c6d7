//! The participant's agent of a privet federation.
//!
//! It trains on rows that stay where they are and sends updates to a coordinator. What is computed is
//! [`privet_core::participant`], which is pure; this crate carries the messages:
//!
//! ```text
//! agent        enrols, checks in, has a round trained, sends the update, until the federation has finished
//! connection   one method for each request of the protocol; repeats what may be repeated
//! patience     how long to wait before the next attempt, and when to give up
//! transport    a request there, a response back: over HTTP in production, over anything in tests
//! ```

mod agent;
mod agent_error;
mod call;
mod connection;
mod credential_file;
mod event;
mod http_transport;
mod patience;
mod shutdown;
mod transport;

pub use agent::{Agent, Membership};
pub use agent_error::AgentError;
pub use call::{CallError, Refused};
pub use connection::Connection;
pub use credential_file::{CredentialFileError, credential_from};
pub use event::{AgentEvent, Ending, Outcome};
pub use http_transport::{AddressError, HttpTransport};
pub use patience::Patience;
pub use transport::{Transport, TransportError};
