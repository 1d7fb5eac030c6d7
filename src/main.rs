//! The `privet` command.

mod administration;
mod cli;
mod client;
mod compare;
mod coordinator;
mod document;
mod error;
mod evaluate;
mod explanation;
mod federated;
mod interrupt;
mod keys;
mod metrics;
mod model;
mod noise;
mod output;
mod over_http;
mod plan;
mod privacy;
mod private_baseline;
mod progress;
mod quantity;
mod receipt;
mod records_file;
mod report;
mod results;
mod run_directory;
mod runtime;
mod serving;
mod setting;
mod simulate;
mod table;
mod tune;
mod unprotected;

use clap::Parser;
use cli::{Cli, Command, CoordinatorCommand, LogFormat, ReceiptCommand};
use progress::Progress;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let progress = Progress::new(cli.quiet);
    log(cli.quiet, cli.log_format);
    let done = match &cli.command {
        Command::Compare(args) => compare::run(args, &progress),
        Command::Simulate(args) => simulate::run(args, &progress),
        Command::Tune(args) => tune::run(args, &progress),
        Command::Coordinator(args) => match &args.command {
            Some(CoordinatorCommand::Clients { command }) => administration::clients(command),
            None => coordinator::run(args, &progress),
        },
        Command::Client(args) => client::run(args, &progress),
        Command::Status(args) => administration::show(args),
        Command::Receipt(args) => match &args.command {
            ReceiptCommand::Verify(args) => receipt::verify(args),
        },
        Command::Keys(args) => keys::run(&args.command),
        Command::Plan(args) => plan::run(&args.command),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Privacy(args) => privacy::run(args),
        Command::Model(args) => model::run(&args.command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

/// Warnings of the libraries go to standard error; `PRIVET_LOG` asks for more (`info`, `debug`, ...).
/// They say who asked for what, and never what is secret.
fn log(quiet: bool, format: LogFormat) {
    let usual = if quiet { LevelFilter::ERROR } else { LevelFilter::WARN };
    let filter =
        EnvFilter::builder().with_default_directive(usual.into()).with_env_var("PRIVET_LOG").from_env_lossy();
    let log =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).with_env_filter(filter);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
