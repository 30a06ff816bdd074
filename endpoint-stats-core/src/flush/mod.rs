//! Deltas to a store, exactly once.
//!
//! A [`Flusher`] drains an [`Aggregator`](crate::aggregate::Aggregator) every second, seals what it gained into a
//! [`Batch`](crate::store::Batch) with this process's writer id and the next number, and sends it. Nothing leaves
//! memory before the store has acknowledged it:
//!
//! - One batch is under way at a time. A failed one is sent again as it is, under the same number, after a pause that
//!   doubles from 0.2 to 30 seconds with jitter, for as long as the process lives.
//! - What is drained meanwhile merges into what is pending, so an outage costs memory by the number of endpoints, not
//!   by the number of hits. When it lasts, narrow windows are merged into wider ones.
//! - A batch that the store will never take is halved until the delta at fault is alone; that one is dropped, counted
//!   and logged, and everything else goes on.
//! - [`Flusher::shutdown`] drains once more and sends what is left, within a deadline, and says what it could not.
//!
//! The [`Books`] say where every hit is: `observed = stored + pending + dropped`. They are published through the
//! `metrics` facade, together with those in the table.
//!
//! | metric | kind | what |
//! |---|---|---|
//! | `endpoint_stats_hits_total{service,method,route,outcome}` | counter | hits of one endpoint of this process |
//! | `endpoint_stats_hits_observed_total` | counter | hits drained from the recorder |
//! | `endpoint_stats_hits_stored_total` | counter | hits that the store acknowledged |
//! | `endpoint_stats_hits_dropped_total{reason}` | counter | hits given up, `rejected` by the store |
//! | `endpoint_stats_hits_pending` | gauge | hits drained and not yet acknowledged; a crash loses them, and what was counted since the last drain |
//! | `endpoint_stats_hits_folded_total` | counter | hits counted under the overflow key |
//! | `endpoint_stats_hits_refused_total` | counter | hits counted under the refused key |
//! | `endpoint_stats_flushes_total{result}` | counter | batches sent: `applied`, `duplicate`, `gap`, `failed`, `rejected`, `conflict` |
//! | `endpoint_stats_flush_duration_seconds` | histogram | from sending a batch to its answer |

mod backoff;
mod books;
mod config;
mod fleet;
mod flusher;
mod pending;
mod sender;

pub use books::{Books, BooksView};
pub use config::FlushConfig;
pub use fleet::{FleetCount, FleetView};
pub use flusher::{Flusher, ShutdownReport};
