//! The layer on real services and servers: every request once, and nothing of it changed.

mod body_endings;
mod endings;
mod scripted_body;
