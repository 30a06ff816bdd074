//! Answers that are those of memory.

use std::sync::Arc;

use crate::store::{Batch, EndpointFilter, MemoryStore, Retention, StatsQuery, StatsStore};
use crate::window::{TimeRange, Timestamp};

/// Sends batches to a store and to memory, rolls both up in between, and compares every answer.
pub async fn answers_like_memory(store: &dyn StatsStore, batches: &[Batch], roll_ups: &[Timestamp]) {
    let memory = Arc::new(MemoryStore::default());
    let mut roll_ups = roll_ups.iter();
    for batch in batches {
        let (found, expected) = (store.apply(batch).await, memory.apply(batch).await);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert_eq!(found.kind(), expected.kind()),
            (found, expected) => panic!("the store says {found:?}, memory says {expected:?}"),
        }
        if let Some(now) = roll_ups.next() {
            let retention = Retention { day_secs: Some(86_400 * 3_000), ..Retention::default() };
            let found = store.roll_up(*now, &retention).await.expect("the store rolls up");
            let expected = memory.roll_up(*now, &retention).await.expect("memory rolls up");
            assert_eq!(found, expected);
        }
    }
    for query in questions(batches) {
        let found = store.query(&query).await.expect("the store answers");
        assert_eq!(found, memory.query(&query).await.expect("memory answers"), "{query:?}");
    }
    let found = store.endpoints().await.expect("the store answers");
    assert_eq!(found, memory.endpoints().await.expect("memory answers"));
    for batch in batches {
        let found = store.writer(batch.writer).await.expect("the store answers");
        assert_eq!(found, memory.writer(batch.writer).await.expect("memory answers"));
    }
}

fn questions(batches: &[Batch]) -> Vec<StatsQuery> {
    let mut questions = vec![StatsQuery::over(TimeRange::ALL).with_step_secs(86_400)];
    for delta in batches.iter().flat_map(|batch| &batch.deltas) {
        let at = delta.window.start();
        questions.push(StatsQuery::over(TimeRange::new(at, at.plus_secs(61))).with_step_secs(10));
        questions.push(StatsQuery::over(TimeRange::new(at.minus_secs(100_000), at)).with_step_secs(3_600));
        let route = Some(delta.endpoint.route().clone());
        let filter = EndpointFilter { route, ..EndpointFilter::default() };
        questions.push(StatsQuery::over(TimeRange::ALL).with_filter(filter));
    }
    questions
}
