//! What a process says about itself, to people who watch it.
//!
//! Two ways lead out, and neither touches the request path:
//!
//! - **The `metrics` facade** takes what there is one of, or a few: the books, flushes, pools, the cache. Whoever installs a
//!   recorder has them; this library never installs one. [`describe`] tells a recorder their units and texts.
//! - **[`EndpointTotals`]** holds what there is one of for each endpoint: hits by outcome, a histogram of latencies, bytes.
//!   It grows by what a drain takes, so it costs a request nothing, and its histograms are the sketches themselves: exact
//!   as a native histogram, and within 1.1 % of the bounds of a classic one. The facade has no way to hand over a
//!   histogram that has been counted already.
//!
//! A service with an exporter of its own adds the second to the first:
//!
//! ```
//! use endpoint_stats_core::{EndpointStats, ServiceName};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # runtime.block_on(async {
//! let stats = EndpointStats::builder(ServiceName::new("shop")?).start();
//! let exporter = String::from("# what the exporter of the `metrics` facade renders\n");
//! let page = exporter + &stats.totals().to_prometheus();
//! assert!(page.ends_with('\n'));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every metric is described once, in `catalog`; `docs/metrics.md` is made of it.

pub(crate) mod catalog;
mod endpoint_totals;
mod metric;
mod prometheus;

pub use self::catalog::{EndpointMetric, describe, descriptions};
pub use self::endpoint_totals::{EndpointTotal, EndpointTotals};
pub use self::metric::{Description, Kind, Label, Metric, Unit};
pub use self::prometheus::LATENCY_BOUNDS;
