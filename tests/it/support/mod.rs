//! Real servers and a breakable network for tests: [`postgres::PostgresServer`], [`redis::RedisServer`] and
//! [`proxy::Proxy`].
//!
//! Other test binaries and benchmarks include this folder by `#[path]`, so nothing in it names anything outside of it.

#![allow(dead_code, unused_imports, reason = "each binary that includes this folder uses a part of it")]

pub(crate) mod certificates;
mod command;
mod guardian;
mod log;
mod percent_encoding;
mod ports;
pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod redis;
