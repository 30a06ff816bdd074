//! What the tests rely on, tested: the private servers and the breakable network.

mod postgres;
mod proxy;
