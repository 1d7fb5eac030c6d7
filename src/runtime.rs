//! The threads of a command: those that carry messages, and those that compute.

use crate::error::CommandError;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::runtime::{Builder, Runtime};

/// A runtime in which at most `training` threads compute at a time beside those that carry messages.
pub(crate) fn new(training: usize) -> Result<Runtime, CommandError> {
    Builder::new_multi_thread()
        .max_blocking_threads(training)
        .enable_all()
        .build()
        .map_err(CommandError::Runtime)
}

/// So many threads that compute together.
pub(crate) fn pool(threads: usize) -> Result<ThreadPool, CommandError> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|source| CommandError::Threads { threads, source })
}
