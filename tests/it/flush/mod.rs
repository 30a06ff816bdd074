//! The flusher before a real store that fails in every way there is: exactly once, nothing lost, books in balance.

mod faulty_store;
mod refusals;
mod shutdown;
mod writer;
