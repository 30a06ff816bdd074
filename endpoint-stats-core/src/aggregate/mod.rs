//! Hits in, deltas out: everything between the request path and the flush, without a clock and without I/O.
mod counts;
mod delta;
mod outcome_counts;

pub use counts::{ConsumerCounts, ConsumerName, Counts};
pub use delta::Delta;
pub use outcome_counts::OutcomeCounts;
