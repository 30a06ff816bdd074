//! Endpoint statistics you can trust, in your own store.
//!
//! Add one tower layer to a service, and know of each endpoint how many hits it had, how they ended, how long they
//! took, how many bytes they moved, how many different callers made them, and when the last one was.
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "sqlite"))]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # runtime.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("stats.db");
//! use std::time::Duration;
//!
//! use axum::{Router, body::Body, http::Request, routing::get};
//! use endpoint_stats_core::store::{SqliteStore, StatsQuery};
//! use endpoint_stats_core::window::TimeRange;
//! use endpoint_stats_core::{EndpointStats, ServiceName};
//! use tower::ServiceExt;
//!
//! let stats = EndpointStats::builder(ServiceName::new("shop")?)
//!     .with_store(SqliteStore::open(&file).await?)
//!     .start();
//! let app = Router::new().route("/users/{id}", get(async || "Ada")).layer(stats.layer());
//!
//! let response = app.oneshot(Request::get("/users/7").body(Body::empty())?).await?;
//! axum::body::to_bytes(response.into_body(), 1024).await?;
//!
//! let store = stats.store().clone();
//! let written = stats.shutdown(Duration::from_secs(5)).await;
//! assert_eq!(written.books.stored, 1);
//! let report = store.query(&StatsQuery::over(TimeRange::ALL)).await?;
//! assert_eq!(report.endpoints[0].endpoint.to_string(), "shop GET /users/{id}");
//! assert_eq!(report.totals.counts.hits(), 1);
//! # Ok(())
//! # })
//! # }
//! # #[cfg(not(all(feature = "axum", feature = "sqlite")))]
//! # fn main() {}
//! ```
//!
//! The parts, from the request path to the disk:
//!
//! - [`middleware`]: the layer; every request counted once, however it ends.
//! - [`aggregate`]: counters in memory; recording a known endpoint takes tens of nanoseconds.
//! - [`flush`]: deltas to a store, exactly once.
//! - [`store`]: where windows are kept, and the questions they answer.
//! - [`telemetry`]: what the process says about itself, to Prometheus and others.
//! - [`sketch`]: percentiles and callers that add up over windows and processes.

pub mod aggregate;
pub mod clock;
mod endpoint;
pub mod flush;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod fuzzing;
mod hit;
pub mod middleware;
mod nanos;
pub mod recorder;
pub mod sketch;
mod stats;
pub mod store;
mod stripes;
mod sync;
pub mod telemetry;
pub mod window;

pub use endpoint::{Endpoint, InvalidName, MAX_ROUTE_BYTES, MAX_SERVICE_BYTES, Method, Route, ServiceName};
pub use hit::{Hit, Outcome};
pub use nanos::Nanos;
pub use stats::{EndpointStats, EndpointStatsBuilder, RegisterError};
