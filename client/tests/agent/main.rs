//! The agent against a hand-made coordinator that can be made to fail in every way. No socket, and no time passes.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod ending;
mod faults;
mod hidden;
mod peer;
mod refusals;
