//! What can go wrong with a command, and the exit code that says so.

use crate::privacy::PrivacyError;
use crate::report::ReportError;
use crate::run_directory::RunDirectoryError;
use privet_client::{
    AddressError, AgentError, AnsweredRoundsError, CallError, KeyFileError, ReceiptFileError, SeenKeysError,
};
use privet_coordinator::{AllowListError, BindError, CheckError, RunError, SqliteError, TlsError};
use privet_core::data::{FoldsError, HoldingsError, LoadError, NoReference, SplitError};
use privet_core::nn::{EvaluateError, ModelFileError};
use privet_core::participant::OwnLimitError;
use privet_core::plan::{PlanError, SearchError};
use privet_core::protocol::HexDigest;
use privet_core::round::InclusionError;
use privet_core::simulation::{BaselineError, SimulationError};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::task::JoinError;

/// Something failed on the way.
const FAILED: u8 = 1;
/// The command line or the plan is wrong. The parser of the command line uses the same code.
const MISUSED: u8 = 2;
/// Data or a model file cannot be used.
const UNUSABLE: u8 = 3;
/// Ctrl-C, as shells report it: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// Why a command ends before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The plan cannot be read.
    #[error(
        "{plan} cannot be read: {source}; give the path of a plan, or the name of a built-in one: digits, heart"
    )]
    ReadPlan {
        /// The path.
        plan: String,
        /// Why.
        source: io::Error,
    },
    /// The plan is not sound.
    #[error("{plan}: {source}")]
    Plan {
        /// The path.
        plan: String,
        /// Why.
        source: Box<PlanError>,
    },
    /// The network of the plan does not fit its data.
    #[error("the plan does not fit its data: {0}")]
    Network(Box<PlanError>),
    /// A search looks at private rows again and again.
    #[error(
        "a search trains on private rows once for every candidate and fold, and nobody accounts for that: \
         search with a plan without [privacy], on rows that may be looked at"
    )]
    SearchSpendsPrivacy,
    /// Nobody vanishes from a real network on demand.
    #[error("--dropout is for a federation in memory: leave out --over http")]
    DropoutOverHttp,
    /// The coordinator works by another plan than the client was given.
    #[error(
        "the coordinator works by a plan with digest {found}, and {} is one with {expected}: ask whoever runs it; `privet plan \
         show` writes a plan as it is digested",
        path.display()
    )]
    OtherPlan {
        /// The file.
        path: PathBuf,
        /// The coordinator's.
        found: HexDigest,
        /// The file's.
        expected: HexDigest,
    },
    /// The client asks for masks, and the plan has none.
    #[error(
        "--minimum-cohort and --roster are for masked rounds, and the coordinator's plan has none: its coordinator sees every \
         update; leave them out if that is meant"
    )]
    NoMasks,
    /// The client cannot take part within what it allows itself to spend.
    #[error("--maximum-epsilon: {0}")]
    OwnLimit(#[from] OwnLimitError),
    /// What the client has spent before is not known.
    #[error(
        "--maximum-epsilon: this key has answered {rounds} rounds by another plan, and what those spent is not in its account: \
         give each federation a key of its own"
    )]
    SpentElsewhere {
        /// How many.
        rounds: u32,
    },
    /// The roster names somebody twice.
    #[error("the roster {} names one client or one key twice: {one} and {other}", path.display())]
    DoubledRoster {
        /// The file.
        path: PathBuf,
        /// A client.
        one: u32,
        /// Another, or the same again.
        other: u32,
    },
    /// The keys of other clients cannot be told.
    #[error(transparent)]
    SeenKeys(#[from] SeenKeysError),
    /// The roster cannot be read.
    #[error(
        "the roster {} cannot be read: {source}; it is a list like [{{\"client\": 1, \"key\": \"...\"}}], as GET /v1/clients \
         gives it",
        path.display()
    )]
    Roster {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no built-in plan of that name.
    #[error("there is no built-in plan \"{0}\": there are digits and heart")]
    NoSuchBuiltIn(String),
    /// The file for a new plan is there already.
    #[error("{} exists and is left as it is; choose another name", .0.display())]
    PlanExists(PathBuf),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The rows cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// No test rows can be held back.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The rows cannot be dealt.
    #[error(transparent)]
    Deal(#[from] HoldingsError),
    /// A model file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    ReadModel {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A model file is not one.
    #[error("{}: {source}", path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ModelFileError,
    },
    /// The model cannot be judged on the data.
    #[error("the model and the data do not fit: {0}")]
    Evaluate(#[from] EvaluateError),
    /// The rows cannot be seen as the plan says.
    #[error(transparent)]
    NoReference(#[from] NoReference),
    /// It is not clear what data are meant.
    #[error(
        "{0} is no built-in set, no plan (*.toml) and no folder of IDX files; for a CSV file say with --plan what its \
         columns are"
    )]
    UnknownData(String),
    /// The search has nothing to search.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The training rows cannot be divided into folds.
    #[error(transparent)]
    Folds(#[from] FoldsError),
    /// No candidate of a search could be trained.
    #[error("no candidate could be trained; the first failed because: {0}")]
    NothingTuned(String),
    /// The threads cannot be started.
    #[error("cannot start {threads} threads: {source}")]
    Threads {
        /// How many.
        threads: usize,
        /// Why.
        source: rayon::ThreadPoolBuildError,
    },
    /// The report cannot be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The simulation stopped.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// A baseline stopped.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// Clients with files of their own could disagree on what the plan leaves open.
    #[error(
        "the plan does not declare {0}: clients that bring their own files could each find others; declare them \
         under [data]"
    )]
    Undeclared(String),
    /// Nobody knows how many inputs the network has.
    #[error("the plan does not tell how many features the rows have: put the test files where the plan says")]
    UnknownShape,
    /// The client asks for a part of another division than the plan's.
    #[error("the plan deals its rows to {clients} clients, not to {of}: ask for a part K/{clients}")]
    OtherPartition {
        /// How many parts were asked for.
        of: u32,
        /// How many the plan has.
        clients: u32,
    },
    /// The asynchronous runtime or the network of this machine fails.
    #[error("this machine's network or threads cannot be used: {0}")]
    Runtime(io::Error),
    /// There is no place to serve at.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] SqliteError),
    /// The state folder is not sound.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The service broke off.
    #[error(transparent)]
    Service(#[from] RunError),
    /// The service panicked.
    #[error("the service broke off: {0}; please report this")]
    ServiceBrokeOff(JoinError),
    /// A simulated client panicked.
    #[error("a client broke off: {0}; please report this")]
    AgentBrokeOff(JoinError),
    /// The coordinator's address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The coordinator cannot be asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The client stopped.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// Plain HTTP would leave the machine.
    #[error(
        "{0} can be reached from other machines, and plain HTTP shows everybody in between what is sent: give --tls-cert \
         and --tls-key (`privet keys tls` makes them), or say --insecure"
    )]
    PlainHttp(SocketAddr),
    /// The administration would be open to other machines.
    #[error(
        "{0} can be reached from other machines, and the administration asks nobody who they are: use a loopback \
             address, or say --insecure"
    )]
    OpenAdministration(SocketAddr),
    /// Nothing of privet answers there.
    #[error("what answers at {0} is no coordinator's administration: say with --admin where it is")]
    NoAdministration(SocketAddr),
    /// The administration refused.
    #[error("the coordinator refused: {0}")]
    Administration(String),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Certificates cannot be made.
    #[error("the certificates cannot be made: {0}")]
    Certificates(#[from] rcgen::Error),
    /// The allow-list cannot be read.
    #[error("{}: {source}", path.display())]
    ReadAllowList {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The allow-list is none.
    #[error("{}: {source}", path.display())]
    AllowList {
        /// The file.
        path: PathBuf,
        /// Why.
        source: AllowListError,
    },
    /// Receipts cannot be kept or read.
    #[error(transparent)]
    Receipts(#[from] ReceiptFileError),
    /// There are no receipts to verify.
    #[error("the file holds no receipts: name the one that was given as --receipts")]
    NoReceipts,
    /// The receipts are of several federations.
    #[error("the receipts are of federations with several plans: keep those of each in a file of their own")]
    ReceiptsOfSeveral,
    /// Nobody said where the records are.
    #[error("say where the records are: --records FILE, or --coordinator URL with --key FILE")]
    WhereAreRecords,
    /// The records cannot be read.
    #[error("{}: {source}", path.display())]
    ReadRecords {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds no records.
    #[error("{} holds no records of rounds: {source}", path.display())]
    NoRecords {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A receipt is not borne out.
    #[error("NOT verified: {0}")]
    NotIncluded(#[from] InclusionError),
    /// There is no key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// It is not known which rounds a client has answered.
    #[error(transparent)]
    Answered(#[from] AnsweredRoundsError),
    /// The results cannot be kept.
    #[error(transparent)]
    RunDirectory(#[from] RunDirectoryError),
    /// Standard output is closed.
    #[error("cannot write the result: {0}")]
    Output(io::Error),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// A question about privacy has no answer.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    /// The user pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> CommandError {
        CommandError::Network(Box::new(error))
    }
}

impl CommandError {
    /// What is wrong with the plan of that name.
    pub(crate) fn plan(plan: impl Into<String>, error: PlanError) -> CommandError {
        CommandError::Plan { plan: plan.into(), source: Box::new(error) }
    }

    /// The exit code that tells scripts what kind of failure it is.
    pub(crate) fn exit_code(&self) -> ExitCode {
        use CommandError as E;
        ExitCode::from(match self {
            E::ReadPlan { .. } | E::Plan { .. } | E::Network(_) | E::PlanExists(_) => MISUSED,
            E::NoSuchBuiltIn(_) | E::UnknownData(_) | E::Privacy(_) => MISUSED,
            E::Search(_) | E::Folds(_) | E::SearchSpendsPrivacy => MISUSED,
            E::DropoutOverHttp | E::Roster { .. } | E::DoubledRoster { .. } => MISUSED,
            E::OwnLimit(OwnLimitError::Ledger(_)) => MISUSED,
            E::OtherPlan { .. } | E::NoMasks | E::OwnLimit(_) | E::SpentElsewhere { .. } => FAILED,
            E::SeenKeys(_) => FAILED,
            E::Load(_) | E::Split(_) | E::Deal(_) | E::NoReference(_) => UNUSABLE,
            E::ReadModel { .. } | E::ModelFile { .. } | E::Evaluate(_) => UNUSABLE,
            E::NothingTuned(_) | E::Simulation(_) | E::Baseline(_) | E::RunDirectory(_) => FAILED,
            E::Write { .. } | E::Output(_) | E::Report(_) | E::Threads { .. } => FAILED,
            E::Undeclared(_) | E::UnknownShape | E::OtherPartition { .. } | E::Address(_) => MISUSED,
            E::Runtime(_) | E::Bind(_) | E::Service(_) | E::ServiceBrokeOff(_) => FAILED,
            E::AgentBrokeOff(_) | E::Call(_) | E::Agent(_) | E::Key(_) => FAILED,
            E::Answered(_) => FAILED,
            E::Random(_) | E::NoAdministration(_) | E::Administration(_) => FAILED,
            E::PlainHttp(_) | E::OpenAdministration(_) | E::Tls(_) | E::Certificates(_) => MISUSED,
            E::NoReceipts | E::ReceiptsOfSeveral | E::WhereAreRecords => MISUSED,
            E::Receipts(_) | E::NotIncluded(_) => FAILED,
            E::ReadRecords { .. } | E::NoRecords { .. } => UNUSABLE,
            E::ReadAllowList { .. } | E::AllowList { .. } => MISUSED,
            E::State(SqliteError::AnotherPlan { .. }) => MISUSED,
            E::State(SqliteError::GivenNoise | SqliteError::SecretNoise) => MISUSED,
            E::State(_) | E::Check(_) => FAILED,
            E::Interrupted => INTERRUPTED,
        })
    }
}
