//! Real servers and a breakable network for tests: [`postgres::PostgresServer`], [`redis::RedisServer`],
//! [`prometheus::Prometheus`] with its [`alertmanager::Alertmanager`] and [`exporters::Exporter`]s, and [`proxy::Proxy`].
//!
//! Other test binaries and benchmarks include this folder by `#[path]`, so nothing in it names anything outside of it.

#![allow(dead_code, unused_imports, reason = "each binary that includes this folder uses a part of it")]

pub(crate) mod alertmanager;
pub(crate) mod certificates;
pub(crate) mod command;
mod daemon;
pub(crate) mod exporters;
pub(crate) mod guardian;
pub(crate) mod log;
pub(crate) mod percent_encoding;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod programs;
pub(crate) mod prometheus;
pub(crate) mod proxy;
pub(crate) mod redis;
