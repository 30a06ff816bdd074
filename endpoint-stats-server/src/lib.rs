//! Endpoint statistics as an application: a service that counts itself, access logs imported, reports read back.
//!
//! The counting is [`endpoint_stats_core`]'s; this crate adds HTTP, configuration, log files and text.

pub mod access;
pub mod api;
pub mod api_error;
pub mod cli;
pub mod commands;
pub mod config;
pub mod export;
pub mod exposition;
#[doc(hidden)]
pub mod fuzzing;
pub mod healthcheck;
pub mod import;
pub mod ingest;
pub mod pages;
pub mod reading;
pub mod report;
mod retry;
pub mod serve;
pub mod settings;
mod telemetry;
mod window_sum;

pub use pages::Dashboard;
