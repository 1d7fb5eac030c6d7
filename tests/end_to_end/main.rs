//! The command as its users meet it: real processes, real files, loopback only.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod bit_for_bit;
mod commands;
#[cfg(unix)]
mod crashes;
mod harness;
mod masked;
mod metrics;
mod model_file;
mod own_limit;
mod privacy_command;
mod private_runs;
mod purity;
mod service;
mod tools;
