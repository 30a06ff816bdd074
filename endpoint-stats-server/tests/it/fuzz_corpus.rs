//! `fuzz/corpus` has what the encoders of today write; `UPDATE_CORPUS=1` writes it there.

use std::fs;
use std::path::Path;

use endpoint_stats_core::aggregate::{ConsumerName, Counts, Delta};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::store::{Batch, WriterId};
use endpoint_stats_core::window::{Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Method, Outcome, Route, ServiceName};
use prost::Message;

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
    for (name, request) in all_kinds() {
        encodings.push(("otlp_protobuf", name, request.encode_to_vec()));
        encodings.push(("otlp_json", name, serde_json::to_vec_pretty(&request).unwrap()));
    }
    encodings
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
