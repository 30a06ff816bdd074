//! The tower layer: every request counted once, however it ends.
//!
//! [`EndpointStatsLayer`] wraps any `Service<Request<B>>` that answers with an `http::Response`: an axum router, a
//! plain hyper service, a tonic server. Response, error and readiness pass through untouched.
//!
//! A request is counted when the last byte of its response body has been handed on, or when it can no longer be:
//!
//! | what happens | [`Outcome`](crate::Outcome) |
//! |---|---|
//! | the body is sent whole; or there is none to send (HEAD, 1xx, 204, 304, an upgrade) | the status code |
//! | the service, or the response body, returns an error | `Failed` |
//! | the client goes away before the end; the future is dropped, polled or not | `Aborted` |
//! | the service, or the response body, panics | `Panicked` |
//!
//! Which endpoint a request counts for is told by an [`IdentifyEndpoint`]. The raw path is never a key: a request
//! that no route matched is counted as unmatched.
//!
//! ```
//! use endpoint_stats_core::aggregate::{Aggregator, Limits};
//! use endpoint_stats_core::middleware::EndpointStatsLayer;
//! use endpoint_stats_core::window::Timestamp;
//! use endpoint_stats_core::ServiceName;
//! use http::{Request, Response};
//! use tower::{Layer, ServiceExt};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let aggregator = Aggregator::new(ServiceName::new("greeter")?, Limits::default());
//! let layer = EndpointStatsLayer::from_fn(aggregator.clone(), |request| {
//!     (request.uri().path() == "/hello").then_some("/hello".into())
//! });
//! let service = layer.layer(tower::service_fn(async |_: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(String::from("hello")))
//! }));
//!
//! let response = service.oneshot(Request::get("/hello").body(())?).await?;
//! drop(response);
//!
//! let deltas = aggregator.drain(Timestamp::from_unix(0));
//! assert_eq!(deltas[0].endpoint.to_string(), "greeter GET /hello");
//! assert_eq!(deltas[0].counts.hits(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod caller_hasher;
mod caller_key;
mod future;
mod guard;
mod hooks;
mod identify;
mod layer;
mod request_body;
mod request_head;
mod response_body;
mod service;

pub use caller_hasher::CallerHasher;
pub use caller_key::{CallerKey, PeerAddress};
pub use future::ResponseFuture;
#[cfg(feature = "axum")]
pub use identify::AxumRoutes;
pub use identify::{IdentifyEndpoint, IdentifyFn};
pub use layer::EndpointStatsLayer;
pub use request_body::{MeterBody, RequestBody};
pub use request_head::RequestHead;
pub use response_body::ResponseBody;
pub use service::EndpointStatsService;
