//! What the crates do together, on real parts.

mod memory_store;
mod random_batches;
mod sqlite_store;
