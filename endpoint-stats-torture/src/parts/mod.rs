//! The parts of a run: real stores, servers and writers, and the network between them.

pub(crate) mod disk;
pub(crate) mod program;
pub(crate) mod server;
pub(crate) mod store;
pub(crate) mod writer;
