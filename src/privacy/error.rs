//! What can be wrong with a question about privacy.

use privet_core::privacy::EventError;
use privet_core::privacy::accounting::AccountingError;
use std::path::PathBuf;

/// Why `privet privacy` has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrivacyError {
    /// The accountants refuse.
    #[error(transparent)]
    Accounting(#[from] AccountingError),
    /// Poisson sampling without its rate.
    #[error("--sampling poisson needs --q, the probability with which a unit takes part in a round")]
    NoRate,
    /// Fixed-size sampling without its sizes.
    #[error(
        "--sampling fixed needs --population and --sample: how many units there are, and how many of them a round takes"
    )]
    NoSample,
    /// A flag of another sampling rule.
    #[error("{flag} does not go with --sampling {sampling}: leave it out, or choose --sampling {other}")]
    OtherSampling {
        /// The flag.
        flag: &'static str,
        /// The rule that was chosen.
        sampling: &'static str,
        /// The rule it belongs to.
        other: &'static str,
    },
    /// A chart of another kind.
    #[error("{}: a chart is written as .svg or .html", .0.display())]
    ChartKind(PathBuf),
}

impl From<EventError> for PrivacyError {
    fn from(error: EventError) -> PrivacyError {
        PrivacyError::Accounting(error.into())
    }
}
