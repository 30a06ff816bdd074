//! Hits in, deltas out: everything between the request path and the flush, without a clock and without I/O.
//!
//! An [`Aggregator`] is written by every request and read by a drain once a second, so it is built for the writer:
//!
//! - An endpoint is found in a table of fixed size that readers probe without a lock; only a new endpoint takes one.
//! - Its counters are relaxed atomics, striped so that threads on different cores write to different cache lines.
//! - Histogram and outcome counters are allocated in blocks of 32, the first time a value falls in a block; after
//!   that, recording allocates nothing.
//! - A drain visits only the blocks that changed, swaps their counters for zero, and never stops a writer. What a
//!   request adds during a drain is found by this drain or by the next one, never by both and never by none.
//!
//! ```
//! use std::time::Duration;
//! use endpoint_stats_core::aggregate::{Aggregator, Limits};
//! use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
//! use endpoint_stats_core::window::Timestamp;
//! use endpoint_stats_core::{Hit, Method, Outcome, ServiceName};
//!
//! let aggregator = Aggregator::new(ServiceName::new("shop")?, Limits::default());
//! let arrival = Arrival { method: Method::Get, route: Some("/users/{id}"), consumer: None };
//! let hit = Hit {
//!     outcome: Outcome::Status(200),
//!     latency: Some(Duration::from_millis(3).into()),
//!     duration: Some(Duration::from_millis(4).into()),
//!     response_bytes: 512,
//!     caller: None,
//! };
//! aggregator.begin(arrival).expect("not ignored").end(&hit);
//!
//! let deltas = aggregator.drain(Timestamp::from_unix(1_700_000_000));
//! assert_eq!(deltas[0].endpoint.to_string(), "shop GET /users/{id}");
//! assert_eq!(deltas[0].counts.hits(), 1);
//! # Ok::<(), endpoint_stats_core::InvalidName>(())
//! ```

mod aggregator;
mod block_counters;
mod caller_registers;
mod counts;
mod counts_encoding;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
mod counts_sum;
mod delta;
mod endpoint_counters;
mod outcome_counts;
mod registry;
mod route_patterns;
mod slot_table;
mod stripe;

pub use aggregator::{Aggregator, AggregatorHit, LiveCount};
pub use counts::{ConsumerCounts, ConsumerName, Counts, MAX_CONSUMER_BYTES};
#[cfg(feature = "sqlite")]
pub(crate) use counts_encoding::encode_parts;
#[cfg(all(test, any(feature = "redis", feature = "remote")))]
pub(crate) use counts_encoding::tests::counts as any_counts;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
pub(crate) use counts_sum::CountsSum;
pub use delta::Delta;
pub use outcome_counts::OutcomeCounts;
pub use registry::Limits;
pub use route_patterns::{InvalidPattern, RoutePatterns};
