//! What breaks between a service and its server, and what it leaves behind: nothing lost, nothing doubled.

use std::sync::Arc;

use endpoint_stats_core::store::MemoryStore;

use super::{PrivateStore, behind_a_proxy};
use crate::redis::network::{
    cuts_lose_and_double_nothing, dropped_futures_leave_no_batch_half_applied, ended_connections_are_replaced,
    lost_acknowledgements_count_once, no_answer_is_given_up_in_time_and_healed,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_acknowledgement_was_lost_counts_once() {
    let (store, proxy, kept, _server) = behind_a_proxy().await;

    lost_acknowledgements_count_once(&store, &proxy, &*kept).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_at_any_byte_leaves_nothing_lost_or_doubled() {
    let (store, proxy, _, _server) = behind_a_proxy().await;

    cuts_lose_and_double_nothing(&store, &proxy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_in_which_no_answer_comes_is_given_up_in_time_and_healed() {
    let (store, proxy, _, _server) = behind_a_proxy().await;

    no_answer_is_given_up_in_time_and_healed(&store, &proxy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_end_are_replaced() {
    let (store, proxy, kept, _server) = behind_a_proxy().await;

    ended_connections_are_replaced(&store, &proxy, &*kept).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn futures_that_are_dropped_leave_no_batch_half_applied() {
    let store = PrivateStore::over(Arc::new(MemoryStore::default())).await;

    dropped_futures_leave_no_batch_half_applied(&*store).await;
}
