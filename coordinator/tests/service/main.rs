//! The service through its public face: its routes without a socket where that is enough, over loopback where not.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod abuse;
mod administration;
mod bad_input;
mod conformance;
mod connections;
mod harness;
mod http2;
mod masked;
mod masked_bounds;
mod meddled;
mod models;
mod network;
mod polling;
mod privacy;
mod properties;
mod resuming;
mod room;
mod rounds;
mod serving;
mod unkept;
