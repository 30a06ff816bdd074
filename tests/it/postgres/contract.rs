//! The contract of every store, and the comparison with memory.

use std::cell::Cell;

use endpoint_stats_core::store::conformance::answers_like_memory;
use endpoint_stats_core::store_conformance;
use proptest::test_runner::{Config, TestRunner};

use super::{PrivateStore, migrated};
use crate::random_batches::scenario;
use crate::support::postgres::PostgresServer;

async fn fresh_store() -> PrivateStore {
    PrivateStore::start().await
}

store_conformance!(fresh_store);

#[test]
fn random_batches_are_answered_as_memory_answers_them() {
    let server = PostgresServer::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let cases = Cell::new(0);
    let config = Config { cases: 16, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&scenario(), |(batches, roll_ups)| {
            runtime.block_on(async {
                let store = migrated(&server, &format!("case_{}", cases.replace(cases.get() + 1))).await;
                answers_like_memory(&store, &batches, &roll_ups).await;
            });
            Ok(())
        })
        .unwrap();
}
