//! The program as its users run it: a process, its flags, its ports and its exit codes.
//!
//! These tests stand here and not at the top because cargo tells a program's path only to the tests of its package.

mod access;
mod api;
mod command;
mod hardening;
mod http;
mod import;
mod import_kill;
mod kill;
mod log_lines;
mod postgres;
mod redis;
mod report;
mod request_ids;
mod serve;
mod settings;
mod slow_clients;
mod store_faults;
#[path = "../../../tests/it/support/mod.rs"]
mod support;
mod token;
mod tls;
