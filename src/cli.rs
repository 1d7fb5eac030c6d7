//! What can be typed. What it means is in the file of each subcommand.

mod network;

pub(crate) use network::{
    Client, ClientsCommand, Coordinator, CoordinatorCommand, Keys, KeysCommand, PartitionNumber, Receipt,
    ReceiptCommand, Status, VerifyReceipts,
};

use crate::privacy::Questions;
use clap::{Args, Parser, Subcommand, ValueEnum};
use privet_core::simulation::Regime;
use std::path::PathBuf;

/// Federated learning that keeps private data where it is.
#[derive(Debug, Parser)]
#[command(name = "privet", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done; 1 failed on the way; 2 the command line or the plan is wrong;\n\
                        3 data or a model file cannot be used; 130 interrupted.")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Show no progress, only the result and errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// How the log on standard error is written. `PRIVET_LOG` says how much of it: error, warn, info, debug.
    #[arg(long, value_enum, global = true, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What does federated learning cost in accuracy? Centralized, local-only and federated on the same data.
    Compare(Compare),
    /// Run a federation with all its clients in this process.
    Simulate(Simulate),
    /// Which values of a plan do best? A grid or random search by cross-validation on the training rows.
    Tune(Tune),
    /// Serve the federation of a plan.
    Coordinator(Coordinator),
    /// Take part in a federation with one's own rows.
    Client(Client),
    /// How far is the federation of a coordinator?
    Status(Status),
    /// Are a client's updates in the rounds that acknowledged them?
    Receipt(Receipt),
    /// Make or show the key by which a client is known, or certificates.
    Keys(Keys),
    /// Begin, check or show a plan.
    Plan(Plan),
    /// Judge a model file on data.
    Evaluate(Evaluate),
    /// What does privacy cost? Epsilon, noise, rounds or sampling, by a tight accountant.
    Privacy(Questions),
    /// Look into a model file, or write it for other runtimes.
    Model(Model),
}

/// The plan, and what the command line puts in the place of its values.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// A plan file, or the name of a built-in plan: digits, heart.
    #[arg(value_name = "PLAN", default_value = "digits")]
    pub(crate) plan: String,
    /// Instead of the plan's number of rounds.
    #[arg(long)]
    pub(crate) rounds: Option<u32>,
    /// Instead of the plan's number of clients.
    #[arg(long)]
    pub(crate) clients: Option<u32>,
    /// Instead of the plan's seed.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// Where a federation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Over {
    /// In this process, without messages.
    Memory,
    /// Through a coordinator on a free loopback port, with the same clients.
    Http,
}

/// How a federation is run and where its results go.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Where the federation runs. The model is the same.
    #[arg(long, value_enum, default_value_t = Over::Memory)]
    pub(crate) over: Over,
    /// How many threads train; all cores if left out. The model is the same.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Draw the noise of a private plan from this seed, so that the run can be repeated: it then carries no privacy
    /// guarantee. From the operating system if left out.
    #[arg(long, value_name = "SEED")]
    pub(crate) noise_seed: Option<u64>,
    /// Let each participant vanish from each round with this chance, at a stage drawn at random: the same ones for the
    /// same seed. In memory only.
    #[arg(long, value_name = "FRACTION", default_value = "0", value_parser = fraction)]
    pub(crate) dropout: f64,
    /// Print one JSON document instead of a table (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder for the results; a new one under runs/ if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// A number from 0 to 1.
fn fraction(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(fraction) if (0.0..=1.0).contains(&fraction) => Ok(fraction),
        _ => Err(format!("\"{text}\" is no fraction: write a number from 0 to 1, for example 0.1")),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    /// How many seeds: the plan's and those that follow it. Two or more give confidence intervals.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) seeds: u16,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Tune {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    /// A key of the plan and the values to try, for example `training.learning-rate=0.01,0.1` or
    /// `model.hidden=[16],[32,16]`, or with --random a range, `training.learning-rate=0.001..1:log`; once for each key. They
    /// come on top of those under `[tune.over]` in the plan.
    #[arg(long, value_name = "KEY=VALUES")]
    pub(crate) over: Vec<String>,
    /// How many folds the training rows are divided into; that of `[tune]` in the plan if left out, or else 5.
    #[arg(long)]
    pub(crate) folds: Option<u32>,
    /// Try so many of the combinations, drawn at random, instead of all; needed where a key has a range.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) random: Option<u32>,
    /// How candidates are trained.
    #[arg(long, value_enum, default_value_t = TuneRegime::Federated)]
    pub(crate) regime: TuneRegime,
    /// How many candidates are trained at once; as many as there are cores if left out. The result is the same.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Print one JSON document instead of a table (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder for the results; a new one under runs/ if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// How the candidates of a search are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TuneRegime {
    /// By the plan's clients, in rounds.
    Federated,
    /// On the pooled rows, with as many example-gradients.
    Centralized,
}

impl TuneRegime {
    /// The word the documents use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            TuneRegime::Federated => "federated",
            TuneRegime::Centralized => "centralized",
        }
    }
}

impl From<TuneRegime> for Regime {
    fn from(regime: TuneRegime) -> Regime {
        match regime {
            TuneRegime::Federated => Regime::Federated,
            TuneRegime::Centralized => Regime::Centralized,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(subcommand)]
    pub(crate) command: PlanCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Write a commented plan to start from.
    New {
        /// The file to write; it must not exist. Printed if left out.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// The built-in plan to start from: digits, heart.
        #[arg(long, default_value = "digits")]
        from: String,
    },
    /// Check a plan, without running it.
    Check {
        /// A plan file, or the name of a built-in plan.
        #[arg(value_name = "PLAN")]
        plan: String,
    },
    /// Show every value of a plan, defaults included.
    Show {
        #[command(flatten)]
        plan: PlanArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// The model file.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// A built-in set (digits, heart: its test rows), a plan file (its test rows), a folder of IDX files (its test
    /// files), or a CSV file (all its rows; --plan says what its columns are).
    #[arg(long, value_name = "DATA")]
    pub(crate) data: String,
    /// The plan that says what the columns of a CSV file are.
    #[arg(long, value_name = "PLAN")]
    pub(crate) plan: Option<String>,
    /// Print one JSON document (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Model {
    #[command(subcommand)]
    pub(crate) command: ModelCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Show the layers, the parameters and the digest of a model file.
    Show {
        /// The model file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Print one JSON document (docs/json.md).
        #[arg(long)]
        json: bool,
    },
    /// Write a model for other runtimes. It takes rows as they were in training: scaled and standardized as the plan
    /// says.
    Export {
        /// The model file.
        #[arg(long, value_name = "FILE")]
        model: PathBuf,
        /// The ONNX file to write.
        #[arg(long, value_name = "FILE")]
        onnx: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_fraction_lies_between_0_and_1() {
        assert_eq!((fraction("0.25"), fraction("1")), (Ok(0.25), Ok(1.0)));
        assert!(["-0.1", "1.1", "nan", "half"].into_iter().all(|text| fraction(text).is_err()));
    }

    #[test]
    fn a_partition_is_one_of_several() {
        assert_eq!("3/10".parse(), Ok(PartitionNumber { number: 3, of: 10 }));
        for text in ["0/10", "11/10", "3", "3/", "a/b", "-1/3", "3/0"] {
            assert!(text.parse::<PartitionNumber>().is_err(), "{text}");
        }
    }
}
