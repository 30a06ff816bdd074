//! The layer on real services and servers: every request once, and nothing of it changed.

mod allocations;
mod axum_server;
mod body_endings;
mod bytes;
mod endings;
mod hyper_server;
mod keys;
mod pass_through;
mod scripted_body;
mod server;
mod tonic_server;
mod upgrades;
mod who;

pub(crate) use scripted_body::{ScriptedBody, Step};
