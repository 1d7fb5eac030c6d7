//! Where a result comes from: which privet, which plan, which data. Shared by the documents of whole runs.

use serde::{Deserialize, Serialize};

/// What it takes to run the same thing again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Version of privet that wrote the document.
    pub(crate) version: String,
    /// Start of the run, UTC, RFC 3339 to the second.
    pub(crate) started: String,
    /// How updates travelled. The model does not depend on it.
    pub(crate) over: Transport,
    /// Worker threads. The model does not depend on them.
    pub(crate) threads: usize,
    /// The plan that was followed.
    pub(crate) plan: PlanIdentity,
    /// The data that was learnt from.
    pub(crate) data: DataIdentity,
    /// Participants in the federation.
    pub(crate) clients: u32,
}

/// How updates travel from a participant to the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    /// Handed over inside one process.
    Memory,
    /// Sent over HTTP.
    Http,
}

impl Transport {
    /// The word the documents use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Transport::Memory => "memory",
            Transport::Http => "http",
        }
    }
}

/// Which plan was followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlanIdentity {
    /// The plan's name.
    pub(crate) name: String,
    /// SHA-256 of the resolved plan (`plan.toml` in the run directory), lower-case hexadecimal.
    pub(crate) sha256: String,
}

/// Which data was learnt from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DataIdentity {
    /// Name of the data set, or the file it was read from.
    pub(crate) name: String,
    /// Whom to cite and under which licence; `null` when the data set does not say.
    pub(crate) attribution: Option<String>,
    /// Rows all clients hold together.
    pub(crate) training_rows: u64,
    /// Rows of the fixed test split.
    pub(crate) test_rows: u64,
}
