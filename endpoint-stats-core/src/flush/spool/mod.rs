//! Batches on a disk before they are sent, so that a crash loses none of them.
//!
//! Without a spool, what was drained is in memory until the store has acknowledged it, and a process that is killed loses it.
//! With one, a batch is written to a folder and synced before it is sent, and sent under the same name after a crash: the
//! store knows a name it has, so nothing is counted twice, and nothing that was sealed is lost.
//!
//! - **A name is given when a batch is sealed** and stands in its record. What changes names later, a batch that the store
//!   refuses or a writer that it lost, is a record of its own, durable before anything is sent under the new name.
//! - **Each run is a writer of its own.** What an earlier run left is sent first, under its names.
//! - **A damaged record costs itself.** Those before and behind it are found; damage is counted and told.
//! - **A failed sync is not repeated.** The batch is written again to another file; if that fails too, it waits in memory
//!   under its name, and is a duplicate wherever it turns up again.
//! - **The folder has a limit**, and belongs to one process at a time.

mod disk;
#[cfg(any(test, feature = "test-util"))]
#[cfg_attr(not(test), expect(dead_code, reason = "its faults are for unit tests"))]
pub(super) mod faulty_disk;
#[cfg(test)]
pub(super) mod forgetful_store;
#[cfg(feature = "test-util")]
pub(crate) mod fuzzed;
pub(super) mod journal;
mod queue;
mod record;
mod segments;
mod step;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub(super) use self::disk::{Disk, Folder};
pub(super) use self::journal::Journal;
use self::journal::{Limits, Recovered};
pub(super) use self::record::Half;
pub(super) use self::step::{Conclusion, Head, Step};

/// The least that [`SpoolOptions::max_bytes`] may be.
const LEAST_BYTES: u64 = 1 << 20;

/// A folder for batches, open and locked; see the [module](self).
#[derive(Debug)]
pub struct Spool {
    journal: Journal<Folder>,
    when_full: WhenFull,
    found: SpoolFound,
    folder: PathBuf,
}

/// How a [`Spool`] keeps batches.
///
/// ```
/// use endpoint_stats_core::flush::spool::{SpoolOptions, WhenFull};
///
/// let options = SpoolOptions { max_bytes: 1 << 30, when_full: WhenFull::DropOldest, ..SpoolOptions::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolOptions {
    /// Bytes that the folder's segments may take, at least 1 MiB; strange files are not counted. Defaults to 256 MiB.
    pub max_bytes: u64,
    /// When a batch counts as written. Defaults to [`SpoolSync::EachBatch`].
    pub sync: SpoolSync,
    /// What happens when the folder is full. Defaults to [`WhenFull::Merge`].
    pub when_full: WhenFull,
}

/// When a batch counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpoolSync {
    /// When the disk has it: a loss of power loses no batch.
    EachBatch,
    /// When the operating system has it: a loss of power may lose batches, and double those that had been given another name. A
    /// process that is killed still loses none.
    Never,
}

/// What happens to new hits when the folder is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// They wait in memory, merged by endpoint, where a crash loses them. No hit is given up.
    Merge,
    /// The oldest batches are given up for them, a file of an eighth of the limit at a time, and counted as dropped.
    DropOldest,
}

/// What was in the folder when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolFound {
    /// Batches that an earlier run had not brought to the store, as far as the folder knows.
    pub batches: usize,
    /// Their hits.
    pub hits: u64,
    /// Places that are damaged; how many hits they held is not known.
    pub damages: u64,
    /// Bytes at the very end that are no record: what a crash cut off was never sealed.
    pub torn_bytes: u64,
    /// Files of another version, that are not a spool's, or that cannot be read; they are left as they are.
    pub strange_files: u64,
}

/// Says that a folder cannot be a spool.
#[derive(Debug)]
pub struct SpoolError {
    folder: PathBuf,
    source: io::Error,
}

// === impl Spool ===

impl Spool {
    /// Opens a folder, which is made if it is not there, and reads what an earlier run left; it blocks while it does.
    ///
    /// What was found is logged, and told by [`found`](Self::found).
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, listed or locked, when another process has it, or when the limit is below 1 MiB.
    pub fn open(folder: impl AsRef<Path>, options: SpoolOptions) -> Result<Self, SpoolError> {
        let folder = folder.as_ref().to_owned();
        let limits = Limits { max_bytes: options.max_bytes, sync: options.sync };
        let opened = checked(limits).and_then(|limits| Journal::open(Folder::open(&folder)?, limits));
        let (journal, recovered) = opened.map_err(|source| SpoolError { folder: folder.clone(), source })?;
        let Recovered { batches, hits, damages, torn_bytes, strange_files } = recovered;
        let found = SpoolFound { batches, hits, damages, torn_bytes, strange_files };
        found.log(&folder);
        Ok(Self { journal, when_full: options.when_full, found, folder })
    }

    /// What was in the folder when it was opened.
    pub fn found(&self) -> SpoolFound {
        self.found
    }

    pub(super) fn into_parts(self) -> (Journal<Folder>, WhenFull) {
        (self.journal, self.when_full)
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn checked(limits: Limits) -> io::Result<Limits> {
    if limits.max_bytes < LEAST_BYTES {
        let problem = format!("its limit is {} bytes; give it {LEAST_BYTES} at least", limits.max_bytes);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    Ok(limits)
}

impl SpoolFound {
    fn log(&self, folder: &Path) {
        let Self { batches, hits, damages, torn_bytes, strange_files } = *self;
        let folder = folder.display();
        if damages > 0 || strange_files > 0 {
            tracing::warn!(%folder, batches, hits, damages, torn_bytes, strange_files, "the spool is damaged, or not all its own");
        } else if batches > 0 || torn_bytes > 0 {
            tracing::info!(%folder, batches, hits, torn_bytes, "the spool holds what an earlier run had not brought to the store");
        }
    }
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self { max_bytes: 256 << 20, sync: SpoolSync::EachBatch, when_full: WhenFull::Merge }
    }
}

impl fmt::Display for SpoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to open the spool {}", self.folder.display())
    }
}

impl Error for SpoolError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
