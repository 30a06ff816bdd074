//! The flusher before a real store that fails in every way there is: exactly once, nothing lost, books in balance.

mod faulty_store;
mod refusals;
mod roll_up;
mod shutdown;
mod time;
mod writer;
