//! The `privet` command.
#![expect(dead_code, reason = "the subcommands that use these modules come with the engine")]

mod document;
mod progress;
mod quantity;
mod report;
mod run_directory;
mod table;

fn main() {}
