//! The command line of what speaks over a network: the coordinator, its clients, and their keys.

use super::PlanArgs;
use clap::{Args, Subcommand};
use privet_core::protocol::Token;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Coordinator {
    #[command(subcommand)]
    pub(crate) command: Option<CoordinatorCommand>,
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7310")]
    pub(crate) listen: SocketAddr,
    /// Draw the noise of a private plan from this seed: the federation then carries no privacy guarantee. From the
    /// operating system if left out.
    #[arg(long, value_name = "SEED")]
    pub(crate) noise_seed: Option<u64>,
    /// Keep the federation in this folder, so that it goes on where it was after a restart or a crash. Without it the
    /// state lasts as long as the process.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// The address of the administration: health, metrics, and who may take part. On loopback, at the port that follows
    /// that of --listen, if left out.
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,
    /// Only clients whose public key is in this file, one a line, may enrol, and those that bring a token.
    #[arg(long, value_name = "FILE")]
    pub(crate) allow_list: Option<PathBuf>,
    /// Only clients that bring a one-time token may enrol (`privet coordinator clients token`), and those on the list.
    #[arg(long)]
    pub(crate) invite: bool,
    /// The coordinator's certificate and those that vouch for it, in PEM; plain HTTP without it.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Let only clients in that have a certificate of this authority, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// Speak plain HTTP at an address that other machines reach, and let them reach the administration.
    #[arg(long)]
    pub(crate) insecure: bool,
    /// A name that the coordinator goes by, with its port unless that is the scheme's own; once for each. Requests that are
    /// signed for another one are refused. Any if left out.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) name: Vec<String>,
    /// Serve nothing: check a state folder that no coordinator has, every digest and every record of it.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["state", "listen", "admin", "out", "json", "noise_seed"])]
    pub(crate) check: Option<PathBuf>,
    /// Print one JSON document at the end (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder for the results; a new one under runs/ if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Where the administration is, unless it is said otherwise.
const ADMINISTRATION: &str = "127.0.0.1:7311";

#[derive(Debug, Subcommand)]
pub(crate) enum CoordinatorCommand {
    /// Who takes part in the federation of a coordinator that is running.
    Clients {
        #[command(subcommand)]
        command: ClientsCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientsCommand {
    /// The clients with their public keys.
    List {
        /// Where the coordinator's administration is.
        #[arg(long, value_name = "ADDR", default_value = ADMINISTRATION)]
        admin: SocketAddr,
        /// Print one JSON document (docs/json.md).
        #[arg(long)]
        json: bool,
    },
    /// Shut a client out for good.
    Revoke {
        /// Its number.
        client: u32,
        /// Where the coordinator's administration is.
        #[arg(long, value_name = "ADDR", default_value = ADMINISTRATION)]
        admin: SocketAddr,
    },
    /// Make a token with which one client can enrol.
    Token {
        /// Where the coordinator's administration is.
        #[arg(long, value_name = "ADDR", default_value = ADMINISTRATION)]
        admin: SocketAddr,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The coordinator's address, for example `https://federation.example:7310`.
    #[arg(value_name = "URL")]
    pub(crate) coordinator: String,
    /// Whom to believe who the coordinator is: certificates in PEM. Those of the system if left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Speak plain HTTP to another machine.
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Print one JSON document (docs/json.md).
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Client {
    /// The coordinator's address, for example http://127.0.0.1:7310.
    #[arg(long, value_name = "URL")]
    pub(crate) coordinator: String,
    /// The client's rows: a CSV file, a folder of IDX files, or `built-in` for the plan's built-in set.
    #[arg(long, value_name = "FILE|built-in")]
    pub(crate) data: String,
    /// Take the Kth of N parts of these rows, as the plan deals them; all rows if left out.
    #[arg(long, value_name = "K/N")]
    pub(crate) partition: Option<PartitionNumber>,
    /// The file of the client's key, by which the federation knows it; made if it is not there. Without it the client
    /// loses its place when it is stopped.
    #[arg(long, value_name = "FILE", alias = "state")]
    pub(crate) key: Option<PathBuf>,
    /// Add the receipts of the client's updates to this file; `privet receipt verify` checks them later. Masked rounds give
    /// none.
    #[arg(long, value_name = "FILE")]
    pub(crate) receipts: Option<PathBuf>,
    /// The token by which the client is invited.
    #[arg(long)]
    pub(crate) token: Option<Token>,
    /// Whom to believe who the coordinator is: certificates in PEM. Those of the system if left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The client's own certificate with its key, in PEM, for a coordinator that asks for one.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Speak plain HTTP to another machine: everybody in between sees what is sent.
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Take part by this plan only: a copy of the plan, from somebody whom the client trusts. Without it the client works
    /// by whatever plan the coordinator has, with the privacy and the masks that this one happens to ask for.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// Spend no more than this epsilon in the federation, by the client's own account: a round that would pass it is refused.
    #[arg(
        long,
        value_name = "EPSILON",
        alias = "max-epsilon",
        requires = "key",
        allow_negative_numbers = true
    )]
    pub(crate) maximum_epsilon: Option<f64>,
    /// The delta at which --maximum-epsilon is measured; that of the plan if left out.
    #[arg(long, requires = "maximum_epsilon", allow_negative_numbers = true)]
    pub(crate) delta: Option<f64>,
    /// Take part in masked rounds only, and in none of fewer clients than this, whatever the plan says.
    #[arg(long, value_name = "CLIENTS", default_value_t = 0)]
    pub(crate) minimum_cohort: u32,
    /// Take part in masked rounds only, with these clients: a file like the answer of GET /v1/clients, from somebody whom
    /// the client trusts. Without it the client believes the keys that the coordinator publishes, each at first sight.
    #[arg(long, value_name = "FILE")]
    pub(crate) roster: Option<PathBuf>,
    /// Give up after so many seconds without an answer from the coordinator; never if left out.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) patience: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Receipt {
    #[command(subcommand)]
    pub(crate) command: ReceiptCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Check receipts against the chain of the rounds' records.
    Verify(VerifyReceipts),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyReceipts {
    /// The receipts that `privet client --receipts` kept.
    #[arg(value_name = "FILE")]
    pub(crate) receipts: PathBuf,
    /// The records that the coordinator left in its results, `records.json`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["coordinator", "key"])]
    pub(crate) records: Option<PathBuf>,
    /// The address of a coordinator that is running; it tells its records to those who have enrolled.
    #[arg(long, value_name = "URL", requires = "key")]
    pub(crate) coordinator: Option<String>,
    /// The key of the client.
    #[arg(long, value_name = "FILE", requires = "coordinator")]
    pub(crate) key: Option<PathBuf>,
    /// Whom to believe who the coordinator is: certificates in PEM. Those of the system if left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Speak plain HTTP to another machine.
    #[arg(long)]
    pub(crate) insecure: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Draw a key, keep it in a file that only its owner can read, and print its public half.
    New {
        /// The file to write; it must not exist.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Make an authority of one's own, and a certificate of it for a coordinator.
    Tls {
        /// The folder for ca.pem, ca.key, coordinator.pem and coordinator.key; none of them may exist.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// A name or an address that clients reach the coordinator by; once for each.
        #[arg(long, value_name = "HOST", default_value = "localhost")]
        host: Vec<String>,
    },
    /// Print the public half of a key.
    Show {
        /// The key file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// `K/N`: the `K`th of `N` parts, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionNumber {
    /// Which part, from 1.
    pub(crate) number: u32,
    /// How many there are.
    pub(crate) of: u32,
}

impl FromStr for PartitionNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<PartitionNumber, String> {
        let expected =
            || format!("\"{text}\" is no partition: write K/N, for example 3/10, with K from 1 to N");
        let (number, of) = text.split_once('/').ok_or_else(expected)?;
        let (number, of) = (number.parse().map_err(|_| expected())?, of.parse().map_err(|_| expected())?);
        if (1..=of).contains(&number) { Ok(PartitionNumber { number, of }) } else { Err(expected()) }
    }
}
