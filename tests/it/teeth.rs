//! Each check of a promise fails on a variant that breaks the promise; a check that cannot fail proves nothing.

mod layer;
mod postgres;
mod recorder;
mod redis;
pub(crate) mod store;
mod writer;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Expects a check to fail on what it is given, in a runtime of its own.
fn must_fail(check: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(check)));
    assert!(outcome.is_err(), "the check passes on a variant that breaks the promise");
}

/// Expects the same check to pass on the real thing, so that it fails on the variant for the right reason.
fn must_pass(check: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(check);
}
