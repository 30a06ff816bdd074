//! Endpoint statistics as an application.

fn main() {}
