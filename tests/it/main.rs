//! What the crates do together, on real parts.

mod cached;
mod exposed;
mod flush;
mod layers;
mod live;
mod memory_store;
mod middleware;
mod postgres;
mod random;
mod random_batches;
mod random_requests;
mod recorder_under_load;
mod recording;
mod redis;
mod remote;
mod simulated;
mod small_batches;
mod sqlite_store;
mod support;
#[path = "support/tests/mod.rs"]
mod support_tests;
mod teeth;
mod traced_store;
