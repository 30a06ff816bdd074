//! Endpoint statistics you can trust, in your own store.

pub mod aggregate;
pub mod clock;
mod endpoint;
mod hit;
pub mod middleware;
pub mod recorder;
pub mod sketch;
pub mod store;
pub mod window;

pub use endpoint::{Endpoint, InvalidName, MAX_ROUTE_BYTES, MAX_SERVICE_BYTES, Method, Route, ServiceName};
pub use hit::{Hit, Outcome};
