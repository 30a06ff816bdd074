//! [`Outbox`]: what was drained and waits for the store, in memory or on a disk.

use std::sync::Arc;

use super::pending::Pending;
use super::sender::{Sender, Verdict};
#[cfg(feature = "spool")]
use super::spooled::Spooled;
use crate::store::{Applied, Batch, StoreError};

/// Batches on their way to the store.
#[derive(Debug)]
pub(super) enum Outbox {
    /// One at a time; the rest is pending.
    Memory(Sender),
    /// As many as were drained, each on the disk before it is sent.
    #[cfg(feature = "spool")]
    Disk(Box<Spooled>),
}

impl Outbox {
    /// The batch to send now, if there is one.
    pub(super) fn next(&mut self, pending: &mut Pending, max: usize) -> Option<Arc<Batch>> {
        match self {
            Self::Memory(sender) => sender.next(pending, max),
            #[cfg(feature = "spool")]
            Self::Disk(spooled) => spooled.next(pending, max),
        }
    }

    /// Draws the conclusions from the answer to the batch that [`next`](Self::next) gave.
    pub(super) fn judge(&mut self, answer: &Result<Applied, StoreError>) -> Verdict {
        match self {
            Self::Memory(sender) => sender.judge(answer),
            #[cfg(feature = "spool")]
            Self::Disk(spooled) => spooled.judge(answer),
        }
    }

    /// Begins to write down what became of batches, and what is pending if the disk may be asked to take it; not while something
    /// is being written, and not at all without a disk.
    #[cfg_attr(not(feature = "spool"), expect(unused_variables, reason = "memory has nothing to write down"))]
    pub(super) fn write_down(&mut self, pending: &mut Pending, max: usize, may_seal: bool) {
        match self {
            Self::Memory(_) => {}
            #[cfg(feature = "spool")]
            Self::Disk(spooled) => spooled.write_down(pending, max, may_seal),
        }
    }

    /// Waits until something was written down; for ever if nothing is being written.
    #[cfg_attr(not(feature = "spool"), expect(unused_variables, reason = "memory has nothing to write down"))]
    pub(super) async fn written(&mut self, pending: &mut Pending) -> Written {
        match self {
            Self::Memory(_) => std::future::pending().await,
            #[cfg(feature = "spool")]
            Self::Disk(spooled) => spooled.written(pending).await,
        }
    }

    /// Hits that a crash would lose, beside those that are pending.
    pub(super) fn hits_in_memory(&self) -> u64 {
        match self {
            Self::Memory(sender) => sender.hits(),
            #[cfg(feature = "spool")]
            Self::Disk(spooled) => spooled.hits_in_memory(),
        }
    }

    pub(super) fn has_disk(&self) -> bool {
        !matches!(self, Self::Memory(_))
    }

    /// Tells how the disk is, if there is one.
    #[cfg(feature = "spool")]
    pub(super) fn publish(&self, service: &str) {
        if let Self::Disk(spooled) = self {
            spooled.condition().publish(service);
        }
    }

    /// Hits that wait on the disk.
    pub(super) fn hits_on_disk(&self) -> u64 {
        match self {
            Self::Memory(_) => 0,
            #[cfg(feature = "spool")]
            Self::Disk(spooled) => spooled.hits_on_disk(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Memory(sender) => sender.is_empty(),
            #[cfg(feature = "spool")]
            Self::Disk(spooled) => spooled.is_empty(),
        }
    }
}

/// What became of what was to be written down.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    /// Hits that were given up for newer ones.
    pub(super) dropped_full: u64,
    /// Hits that cannot be read any more.
    pub(super) dropped_unreadable: u64,
    /// The disk gave no batch, or did not take what became of one: it is asked again after a pause.
    pub(super) failed: bool,
    /// The disk took no new batch: the next one is sealed after a pause.
    pub(super) took_none: bool,
    /// What the disk did, if it was asked for anything.
    #[cfg(feature = "spool")]
    pub(super) disk: Option<DiskAnswer>,
}

/// What a disk did that was asked to take something.
#[cfg(feature = "spool")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DiskAnswer {
    TookBatch,
    /// It may have taken something else beside.
    Refused,
}
