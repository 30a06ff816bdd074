//! Deltas to a store, exactly once.
//!
//! A [`Flusher`] drains an [`Aggregator`](crate::aggregate::Aggregator) every second, seals what it gained into a
//! [`Batch`](crate::store::Batch) with this process's writer id and the next number, and sends it. Nothing leaves
//! memory before the store has acknowledged it:
//!
//! - One batch is under way at a time. A failed one is sent again as it is, under the same number, after a pause that
//!   doubles from 0.2 to 8 seconds with jitter, for as long as the process lives.
//! - What is drained meanwhile merges into what is pending, so an outage costs memory by the number of endpoints, not
//!   by the number of hits. When it lasts, narrow windows are merged into wider ones.
//! - A batch that the store will never take is halved until the delta at fault is alone; that one is dropped, counted
//!   and logged, and everything else goes on.
//! - [`Flusher::shutdown`] drains once more and sends what is left, within a deadline, and says what it could not.
//!
//! With the feature `spool`, batches are on a disk before they are sent, and a crash loses none of them: [`spool`].
//!
//! The [`Books`] say where every hit is: `observed + found = stored + pending + spooled + dropped`. They are published through
//! the `metrics` facade ([`telemetry`](crate::telemetry)).

mod backoff;
mod books;
#[cfg(feature = "spool")]
mod condition;
mod config;
mod fleet;
mod flusher;
mod outbox;
mod pending;
mod roller;
mod sender;
#[cfg(feature = "spool")]
pub mod spool;
#[cfg(feature = "spool")]
mod spooled;
mod task;
mod visit;

pub use books::{Books, BooksView};
pub use config::FlushConfig;
pub use fleet::{FleetCount, FleetView};
pub use flusher::{Flusher, ShutdownReport};
