//! The command as its users meet it: real processes, real files, loopback only.

mod bad_input;
mod bit_for_bit;
mod commands;
mod harness;
mod model_file;
mod purity;
