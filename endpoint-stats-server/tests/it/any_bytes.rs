//! Whatever bytes are sent, the answer is never that the server failed.

use std::sync::Arc;

use endpoint_stats_core::store::MemoryStore;
use endpoint_stats_server::ingest::Limits;
use proptest::prelude::*;
use tokio::runtime::Builder;

use crate::takers::Taker;

const GOOD_HIT: &str = r#"{"service":"shop","method":"GET","route":"/a","status":200,"latency_ms":1.5,"count":2,"time":1800014400,"caller":"x","consumer":"y"}"#;

const GOOD_EXPORT: &str = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"http.server.request.duration","unit":"s","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"count":"3","scale":-2,"zeroCount":"1","positive":{"offset":-1,"bucketCounts":["2"]},"timeUnixNano":"5"}]}}]}]}]}"#;

/// A good body with some bytes replaced by others, or cut off.
fn broken(good: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((0..good.len(), any::<u8>()), 1..4);
    (changes, 0..=good.len()).prop_map(|(changes, len)| {
        let mut bytes = good.as_bytes().to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(len.max(good.len() / 2));
        bytes
    })
}

fn status(path: &str, content_type: &str, body: Vec<u8>) -> u16 {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let taker = Taker::before(Arc::new(MemoryStore::default()), Limits::default());
    runtime.block_on(taker.post(path, &[("content-type", content_type)], body)).status
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn broken_hits_are_counted_or_refused(body in broken(GOOD_HIT)) {
        for content_type in ["application/json", "application/x-ndjson"] {
            prop_assert!([200, 400, 422].contains(&status("/v1/hits", content_type, body.clone())));
        }
    }

    #[test]
    fn broken_exports_are_counted_or_refused(body in broken(GOOD_EXPORT)) {
        prop_assert!([200, 400].contains(&status("/v1/metrics", "application/json", body)));
    }

    #[test]
    fn any_bytes_are_counted_or_refused(body: Vec<u8>) {
        prop_assert!([200, 400].contains(&status("/v1/metrics", "application/x-protobuf", body.clone())));
        prop_assert!([200, 400, 422].contains(&status("/v1/hits", "application/x-ndjson", body)));
    }
}

#[test]
fn the_bodies_that_are_broken_are_good_ones() {
    assert_eq!(status("/v1/hits", "application/json", GOOD_HIT.into()), 200);
    assert_eq!(status("/v1/metrics", "application/json", GOOD_EXPORT.into()), 200);
}
