//! Named points at which a test can have the process killed, to prove that nothing acknowledged is lost there.
//!
//! They are compiled in with the feature `crash-points` alone, which only tests ask for; otherwise reaching one does
//! nothing. The variable `PRIVET_CRASH_AT`, for example `sum-written:3`, names the point, and which time that it is
//! reached is the last: the process then ends by SIGKILL, so that nothing is flushed and no destructor runs.

/// A point in the work of a coordinator that keeps its state on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// The folder is locked and the tables are there.
    Migrated,
    /// The first model's file is written, the federation is not founded yet.
    FirstModelWritten,
    /// The federation is founded.
    Founded,
    /// The state of an earlier process is read.
    Resumed,
    /// A file is written in part, under its temporary name.
    BlobPartial,
    /// A file is written whole, and neither synchronized nor given its name yet.
    BlobUncompleted,
    /// A file is synchronized and has its name.
    BlobCompleted,
    /// Some transactions have changed the state in memory.
    Applied,
    /// The partial sum's file is written, and nothing points at it yet.
    SumWritten,
    /// The new model's file is written, and nothing points at it yet.
    ModelWritten,
    /// The database's transaction is written, and not committed yet.
    Uncommitted,
    /// The database's transaction is committed, and nobody knows yet.
    Committed,
    /// Whoever waits has been told.
    Told,
    /// The files that nothing points at any more are removed.
    Collected,
    /// An update's receipt is about to be sent.
    Acknowledging,
}

impl CrashPoint {
    /// All points.
    pub const ALL: [CrashPoint; 15] = [
        CrashPoint::Migrated,
        CrashPoint::FirstModelWritten,
        CrashPoint::Founded,
        CrashPoint::Resumed,
        CrashPoint::BlobPartial,
        CrashPoint::BlobUncompleted,
        CrashPoint::BlobCompleted,
        CrashPoint::Applied,
        CrashPoint::SumWritten,
        CrashPoint::ModelWritten,
        CrashPoint::Uncommitted,
        CrashPoint::Committed,
        CrashPoint::Told,
        CrashPoint::Collected,
        CrashPoint::Acknowledging,
    ];

    /// The name by which a test asks for it.
    pub fn name(self) -> &'static str {
        match self {
            CrashPoint::Migrated => "migrated",
            CrashPoint::FirstModelWritten => "first-model-written",
            CrashPoint::Founded => "founded",
            CrashPoint::Resumed => "resumed",
            CrashPoint::BlobPartial => "blob-partial",
            CrashPoint::BlobUncompleted => "blob-uncompleted",
            CrashPoint::BlobCompleted => "blob-completed",
            CrashPoint::Applied => "applied",
            CrashPoint::SumWritten => "sum-written",
            CrashPoint::ModelWritten => "model-written",
            CrashPoint::Uncommitted => "uncommitted",
            CrashPoint::Committed => "committed",
            CrashPoint::Told => "told",
            CrashPoint::Collected => "collected",
            CrashPoint::Acknowledging => "acknowledging",
        }
    }

    /// Goes on, unless a test wants the process to end here.
    #[cfg(not(feature = "crash-points"))]
    #[inline(always)]
    pub(crate) fn reach(self) {}

    /// Goes on, unless a test wants the process to end here.
    #[cfg(feature = "crash-points")]
    pub(crate) fn reach(self) {
        use std::sync::LazyLock;
        use std::sync::atomic::{AtomicU32, Ordering};

        static WANTED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
            let text = std::env::var("PRIVET_CRASH_AT").ok()?;
            let (name, time) = text.split_once(':')?;
            Some((name.to_owned(), time.parse().ok()?))
        });
        static REACHED: AtomicU32 = AtomicU32::new(0);
        let Some((name, time)) = &*WANTED else { return };
        if name == self.name() && REACHED.fetch_add(1, Ordering::Relaxed) + 1 == *time {
            let killed =
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            unreachable!("a process can kill itself: {killed:?}");
        }
    }
}
