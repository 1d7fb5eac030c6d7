//! The asynchronous runtime of the commands that talk over a network.

use crate::error::CommandError;
use tokio::runtime::{Builder, Runtime};

/// A runtime in which at most `training` threads compute at a time beside those that carry messages.
pub(crate) fn new(training: usize) -> Result<Runtime, CommandError> {
    Builder::new_multi_thread()
        .max_blocking_threads(training)
        .enable_all()
        .build()
        .map_err(CommandError::Runtime)
}
