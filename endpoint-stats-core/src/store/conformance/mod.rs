//! The promises of every [`StatsStore`], as tests to run against one.
//!
//! [`store_conformance!`](crate::store_conformance) makes a test of each function here; each is given a store of its
//! own. [`answers_like_memory`] sends the same batches to a store and to [`MemoryStore`](super::MemoryStore) and compares
//! every answer.
//!
//! ```
//! // In a crate's tests, with tokio's `macros` and `rt`:
//! async fn fresh_store() -> Box<endpoint_stats_core::store::MemoryStore> {
//!     Box::default()
//! }
//!
//! endpoint_stats_core::store_conformance!(fresh_store);
//! # fn main() {}
//! ```

#![expect(clippy::missing_panics_doc, reason = "a test panics when its promise is broken")]

mod answers;
mod batches;
mod like_memory;
mod rolling_up;

pub use self::answers::*;
pub use self::batches::*;
pub use self::like_memory::answers_like_memory;
pub use self::rolling_up::*;

use crate::aggregate::{Counts, Delta};
use crate::endpoint::{Endpoint, Method, Route, ServiceName};
use crate::hit::Outcome;
use crate::store::{Applied, Batch, StatsQuery, StatsReport, StatsStore, WriterId};
use crate::window::{TimeRange, Timestamp, Width, Window};

/// Makes a test of each promise in [`conformance`](crate::store::conformance), for the stores that an async function
/// makes: a `Box` or `Arc` of one, or anything else that derefs to a store and cleans up when it is dropped.
///
/// With `hands_on` behind the function, it leaves out what a store does not keep that hands batches on to a server: rolling
/// up, and counts near the end of numbers, which the server refuses.
#[macro_export]
macro_rules! store_conformance {
    ($fresh:path) => {
        $crate::store_conformance!($fresh, hands_on);
        $crate::store_conformance! { $fresh;
            a_writer_is_remembered_for_its_time,
            the_largest_counts_do_not_wrap,
            rolling_up_changes_no_sum,
            a_late_batch_is_rolled_up_later,
            only_retention_deletes,
        }
    };
    ($fresh:path, hands_on) => {
        $crate::store_conformance! { $fresh;
            a_batch_is_there_once_applied,
            a_batch_sent_twice_counts_once,
            an_old_batch_is_a_duplicate,
            a_batch_raced_by_many_counts_once,
            a_skipped_number_is_a_gap_and_changes_nothing,
            an_unknown_writer_starts_at_one,
            the_same_number_with_other_content_is_a_conflict,
            a_batch_is_told_by_its_identity_if_it_has_one,
            the_number_zero_is_rejected,
            an_empty_batch_takes_its_number,
            a_checkpoint_is_kept_with_its_batch,
            two_writers_add_up,
            sketches_merge,
            consumers_add_up,
            an_empty_store_answers_with_nothing,
            a_range_counts_the_windows_it_touches,
            a_filter_selects_endpoints,
            a_series_adds_up_to_the_totals,
            first_and_last_hits_are_known,
            a_registered_endpoint_that_was_never_called_is_told,
            names_are_kept_to_the_letter,
            a_store_in_order_is_healthy,
        }
    };
    ($fresh:path; $($promise:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let store = $fresh().await;

                $crate::store::conformance::$promise(&*store).await;
            }
        )*
    };
}

const NOON: Timestamp = Timestamp::from_unix(1_700_049_600);

fn endpoint(service: &str, method: Method, route: &str) -> Endpoint {
    let service = ServiceName::new(service).expect("a valid service name");
    Endpoint::new(service, method, Route::new(route).expect("a valid route template"))
}

fn users() -> Endpoint {
    endpoint("shop", Method::Get, "/users/{id}")
}

fn orders() -> Endpoint {
    endpoint("shop", Method::Post, "/orders")
}

fn delta(endpoint: Endpoint, at: Timestamp, counts: Counts) -> Delta {
    Delta { endpoint, window: Window::containing(at, Width::TenSeconds), first_at: at, last_at: at, counts }
}

fn hits(count: u64) -> Counts {
    Counts { outcomes: [(Outcome::Status(200), count)].into_iter().collect(), ..Counts::default() }
}

fn one_batch(deltas: Vec<Delta>) -> Batch {
    Batch::new(WriterId::random(), 1, deltas)
}

async fn apply(store: &dyn StatsStore, batch: &Batch) {
    assert_eq!(store.apply(batch).await.expect("the batch is accepted"), Applied::Applied);
}

async fn report(store: &dyn StatsStore) -> StatsReport {
    store.query(&StatsQuery::over(TimeRange::ALL)).await.expect("the store answers")
}

async fn total(store: &dyn StatsStore) -> u64 {
    report(store).await.totals.counts.hits()
}
