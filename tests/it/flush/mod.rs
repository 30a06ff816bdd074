//! The flusher before a real store that fails in every way there is: exactly once, nothing lost, books in balance.

mod crash;
mod disk;
mod faulty_store;
mod fleet;
mod lost_replies;
mod outage;
mod refusals;
mod roll_up;
mod shutdown;
mod spool;
mod spool_crash;
mod spool_disk;
mod spool_told;
mod start;
mod time;
mod told;
mod writer;

pub(crate) use faulty_store::{Fault, FaultyStore, times};
pub(crate) use writer::{NOON, Writer, hit};
