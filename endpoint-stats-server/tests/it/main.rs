//! The program as its users run it: a process, its flags, its ports and its exit codes.
//!
//! These tests stand here and not at the top because cargo tells a program's path only to the tests of its package.

mod access;
mod any_bytes;
mod api;
mod books_page;
mod browser;
mod caller_secret;
mod command;
mod completions;
mod config;
mod configuration_docs;
mod export;
mod first_hit;
mod fuzz_corpus;
mod fuzzing;
mod gated_store;
mod hardening;
mod healthcheck;
mod hits;
mod http;
mod import;
mod import_kill;
mod kill;
mod log_lines;
mod metrics_docs;
mod monitoring;
mod otlp;
mod overloaded;
mod postgres;
mod redis;
mod remote;
mod report;
mod request_ids;
mod roll_up;
mod serve;
mod settings;
mod slow_clients;
mod spool;
mod store_faults;
#[path = "../../../tests/it/support/mod.rs"]
mod support;
mod takers;
mod tls;
mod token;
mod tracing;
