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
mod faulty_disk;
#[cfg(feature = "test-util")]
pub(crate) mod fuzzed;
mod journal;
mod queue;
mod record;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub(super) use self::disk::Folder;
pub(super) use self::journal::{Journal, NotSealed};
use self::journal::{Limits, Recovered};

/// A folder for batches, open and locked; see the [module](self).
#[derive(Debug)]
pub struct Spool {
    journal: Journal<Folder>,
    when_full: WhenFull,
    found: SpoolFound,
    folder: PathBuf,
}

/// How a [`Spool`] keeps batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolOptions {
    /// Bytes that the folder may take. Defaults to 256 MiB.
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
    /// When the operating system has it: a loss of power may lose batches, and double those that were being sent. A
    /// process that is killed still loses none.
    Never,
}

/// What happens to new hits when the folder is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// They wait in memory, merged by endpoint, where a crash loses them. No hit is given up.
    Merge,
    /// The oldest batches are given up for them, and counted as dropped.
    DropOldest,
}

/// What was in the folder when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolFound {
    /// Hits that an earlier run had not brought to the store.
    pub hits: u64,
    /// Places that are damaged; how many hits they held is not known.
    pub damages: u64,
    /// Files of another version, or that are not a spool's, left as they are.
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
    /// Opens a folder, which is made if it is not there, and reads what an earlier run left.
    ///
    /// # Errors
    ///
    /// When it cannot be made, read or written, or another process has it.
    pub fn open(folder: impl AsRef<Path>, options: SpoolOptions) -> Result<Self, SpoolError> {
        let folder = folder.as_ref().to_owned();
        let limits = Limits { max_bytes: options.max_bytes, sync: options.sync };
        let opened = Folder::open(&folder).and_then(|disk| Journal::open(disk, limits));
        let (journal, Recovered { hits, damages, strange_files, .. }) =
            opened.map_err(|source| SpoolError { folder: folder.clone(), source })?;
        Ok(Self { journal, when_full: options.when_full, found: SpoolFound { hits, damages, strange_files }, folder })
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
