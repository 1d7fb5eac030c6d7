//! The coordinator of a privet federation: rounds of federated averaging, served over HTTP.
//!
//! The rounds themselves are [`privet_core::round`], a pure state machine. This crate carries messages to it:
//!
//! ```text
//! routes/   one file per resource: read a request, ask the store, answer           HTTP
//! admin/    health, figures, and who may take part: for whoever runs it, apart from the public addresses
//! service   what all requests share: store, clock, charter, journal               |
//! store/    named transactions over the federation's state                        v
//! serve/    connections: TLS, limits, time                                        |
//! room      room for what arrives, until it is dealt with                        |
//! ticker    closes a round that is over its deadline                             state
//! unmasker  takes masks off, beside everything else
//! run       the service from the first connection to the last
//! ```
//!
//! No handler holds state: whatever must survive is behind [`Store`]. What a request may be refused for is one
//! table, [`privet_core::protocol::Problem`].
//!
//! [`app`] gives the routes alone, [`run`] serves them until the federation has finished.

mod admin;
mod clock;
mod crash;
mod enrolment;
mod extract;
mod journal;
mod meter;
mod occupancy;
mod request_error;
mod room;
mod routes;
mod run;
mod serve;
mod service;
mod signed;
mod store;
mod ticker;
mod unmasker;

pub use admin::{NewToken, administration};
pub use clock::{Clock, SystemClock};
pub use crash::CrashPoint;
pub use enrolment::{AllowListError, Enrolment, Invitation};
pub use journal::{ClosedRound, Journal, ServiceEvent, Traffic};
pub use routes::app;
pub use run::{BindError, Conclusion, Ending, RunError, bind, run};
pub use serve::{Doors, Limits, Listener, TlsError, tls_from_files};
pub use service::{Charter, Options, Service, check_folder};
pub use store::{
    CheckError, Checked, Denial, Finding, MemoryStore, ModelDecoder, ModelEncoder, ModelFormat, Orders,
    PastRound, Spending, SqliteError, SqliteStore, Stage, Standing, Store, StoreError, Totals, check,
};
