//! The recorder under loom: the source files of `endpoint-stats-core`, with loom's locks and atomics.
//!
//! The files name what they synchronise with as `crate::sync`, so this crate includes them as they are and puts another
//! [`sync`] beside them: no flag for the compiler, and no second build of anything.

// Their unit tests run where they belong.
#![cfg(not(test))]
#![expect(dead_code, reason = "the models use a part of what the files hold")]
#![allow(unexpected_cfgs, reason = "the files name features of the crate they belong to")]
#![allow(rustdoc::broken_intra_doc_links, reason = "so do their texts")]

// Their hash tables have a seed of their own in each run, and loom wants each run to do the same.
extern crate self as foldhash;

#[path = "../../../endpoint-stats-core/src/aggregate/mod.rs"]
pub mod aggregate;
#[path = "../../../endpoint-stats-core/src/endpoint.rs"]
mod endpoint;
#[path = "../../../endpoint-stats-core/src/hit.rs"]
mod hit;
#[path = "../../../endpoint-stats-core/src/nanos.rs"]
mod nanos;
#[path = "../../../endpoint-stats-core/src/recorder.rs"]
pub mod recorder;
#[path = "../../../endpoint-stats-core/src/sketch/mod.rs"]
pub mod sketch;
#[path = "../../../endpoint-stats-core/src/stripes.rs"]
mod stripes;
mod sync;
#[path = "../../../endpoint-stats-core/src/window.rs"]
pub mod window;

pub use endpoint::{Endpoint, InvalidName, MAX_ROUTE_BYTES, MAX_SERVICE_BYTES, Method, Route, ServiceName};
pub use hit::{Hit, Outcome};
pub use nanos::Nanos;

/// In place of foldhash's.
#[doc(hidden)]
pub mod fast {
    use std::collections::hash_map::DefaultHasher;
    use std::hash::BuildHasherDefault;

    /// Hashes with the same seed always.
    pub type RandomState = BuildHasherDefault<DefaultHasher>;
}
