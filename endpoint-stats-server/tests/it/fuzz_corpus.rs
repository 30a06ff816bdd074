//! `fuzz/corpus` has what the encoders of today write; `UPDATE_CORPUS=1` writes it there.

use std::fs;
use std::path::Path;

use endpoint_stats_core::aggregate::{ConsumerName, Counts, Delta};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::store::{Batch, MemoryStore, StatsQuery, StatsStore, WriterId};
use endpoint_stats_core::window::{TimeRange, Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Method, Outcome, Route, ServiceName};
use prost::Message;
use tokio::runtime::Builder;

use crate::otlp::all_kinds;
use crate::takers::NOON;

fn counts() -> Counts {
    let mut counts = Counts::default();
    for (status, millis) in [(200, 3), (200, 40), (404, 1), (503, 9_000)] {
        let took = std::time::Duration::from_millis(millis);
        counts.outcomes.add(Outcome::Status(status), 1);
        counts.latency.record(took);
        counts.duration.record(took * 2);
        counts.callers.insert(CallerHash::from_u64(millis.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let consumer = counts.consumers.entry(ConsumerName::new("team-a").unwrap()).or_default();
        consumer.hits += 1;
    }
    counts.outcomes.add(Outcome::Aborted, 2);
    (counts.request_bytes, counts.response_bytes) = (300, 7_000);
    counts
}

fn batch(routes: &[&str]) -> Batch {
    let at = Timestamp::from_unix(NOON);
    let delta = |route: &&str| Delta {
        endpoint: Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new(route).unwrap()),
        window: Window::containing(at, Width::TenSeconds),
        first_at: at,
        last_at: at.plus_secs(3),
        counts: counts(),
    };
    Batch::new(WriterId::from_bytes([7; 16]), 1, routes.iter().map(delta).collect())
}

/// Each input: its target, its name, and what is in it.
fn encodings() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let counts = counts();
    let mut encodings = vec![
        ("batch", "one_endpoint", batch(&["/users/{id}"]).encode()),
        ("batch", "three_endpoints", batch(&["/", "/users/{id}", "/orders"]).encode()),
        ("batch", "with_a_checkpoint", batch(&["/"]).with_checkpoint(b"here".to_vec()).encode()),
        ("sketch", "callers", counts.callers.encode()),
        ("sketch", "counts", counts.encode()),
        ("sketch", "latency", counts.latency.encode()),
        ("sketch", "outcome_counts", counts.outcomes.encode()),
    ];
    encodings.extend(endpoint_stats_core::fuzzing::examples(&batch(&["/", "/users/{id}"])));
    encodings.extend(messages());
    for (name, request) in all_kinds() {
        encodings.push(("otlp_protobuf", name, request.encode_to_vec()));
        encodings.push(("otlp_json", name, serde_json::to_vec_pretty(&request).unwrap()));
    }
    encodings
}

/// What a store answers, each behind the number that stands for its kind.
fn messages() -> [(&'static str, &'static str, Vec<u8>); 5] {
    let (store, batch) = (MemoryStore::default(), batch(&["/", "/users/{id}"]));
    let query = StatsQuery {
        step_secs: Some(10),
        ..StatsQuery::over(TimeRange::new(Timestamp::from_unix(NOON), Timestamp::from_unix(NOON + 60)))
    };
    let runtime = Builder::new_current_thread().build().unwrap();
    let (report, endpoints, writer) = runtime.block_on(async {
        store.apply(&batch).await.unwrap();
        let report = store.query(&query).await.unwrap();
        (report, store.endpoints().await.unwrap(), store.writer(batch.writer).await.unwrap())
    });
    let registered: Vec<Endpoint> = endpoints.iter().map(|status| status.endpoint.clone()).collect();
    [
        ("message", "report", kind_of_message(0, &report)),
        ("message", "endpoints", kind_of_message(1, &endpoints)),
        ("message", "writer", kind_of_message(2, &writer)),
        ("message", "question", kind_of_message(3, &query)),
        ("message", "registered", kind_of_message(4, &(Timestamp::from_unix(NOON), registered))),
    ]
}

fn kind_of_message(kind: u8, message: &impl endpoint_stats_core::store::Message) -> Vec<u8> {
    let mut bytes = vec![kind];
    message.encode(&mut bytes, usize::MAX).unwrap();
    bytes
}

#[test]
fn what_is_encoded_today_is_in_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (target, name, bytes) in encodings() {
        let path = corpus.join(target).join(name);
        if std::env::var_os("UPDATE_CORPUS").is_some() {
            fs::write(&path, &bytes).unwrap();
        }
        assert!(fs::read(&path).is_ok_and(|kept| kept == bytes), "{target}/{name}: run with UPDATE_CORPUS=1");
    }
}
