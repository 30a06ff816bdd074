//! Promises 6 and 11: recorders that grow without an end or lose what goes over the limit, and keys without a secret.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::clock::SystemClock;
use endpoint_stats_core::middleware::CallerHasher;

use super::{must_fail, must_pass};
use crate::flush::{NOON, hit};

/// Counts hits by route.
trait Count {
    fn new(max_endpoints: usize) -> Self;
    fn hit(&mut self, route: &str);
    /// How many keys there are, and how many hits they have together.
    fn keys_and_hits(&mut self) -> (usize, u64);
}

impl Count for Aggregator {
    fn new(max_endpoints: usize) -> Self {
        Self::new(ServiceName::new("shop").unwrap(), Limits { max_endpoints, ..Limits::default() })
    }

    fn hit(&mut self, route: &str) {
        hit(self, route, 1);
    }

    fn keys_and_hits(&mut self) -> (usize, u64) {
        let deltas = self.drain(NOON);
        (deltas.len(), deltas.iter().map(|delta| delta.counts.hits()).sum())
    }
}

/// A map of counters as they are often written: no limit, or one beyond which hits are lost.
struct Naive<const LIMITED: bool> {
    max: usize,
    hits: HashMap<String, u64>,
}

impl<const LIMITED: bool> Count for Naive<LIMITED> {
    fn new(max: usize) -> Self {
        Self { max, hits: HashMap::new() }
    }

    fn hit(&mut self, route: &str) {
        if !LIMITED || self.hits.contains_key(route) || self.hits.len() < self.max {
            *self.hits.entry(route.to_owned()).or_default() += 1;
        }
    }

    fn keys_and_hits(&mut self) -> (usize, u64) {
        (self.hits.len(), self.hits.values().sum())
    }
}

fn keys_are_bounded_and_totals_exact<C: Count>() {
    let mut counter = C::new(100);
    for i in 0..1_000 {
        counter.hit(&format!("/{i}"));
    }
    let (keys, hits) = counter.keys_and_hits();
    assert!(keys <= 101, "{keys} keys");
    assert_eq!(hits, 1_000);
}

#[test]
fn a_recorder_without_a_limit_is_caught() {
    must_pass(async { keys_are_bounded_and_totals_exact::<Aggregator>() });
    must_fail(async { keys_are_bounded_and_totals_exact::<Naive<false>>() });
}

#[test]
fn a_recorder_without_an_overflow_key_is_caught() {
    must_fail(async { keys_are_bounded_and_totals_exact::<Naive<true>>() });
}

/// What leaves the layer for a caller, as bytes.
fn callers_are_keyed(hash_of: impl Fn(&[u8], &[u8]) -> Vec<u8>) {
    let address = [192, 0, 2, 1];
    assert_ne!(hash_of(b"one secret", &address), hash_of(b"another", &address), "who knows the address knows the hash");
}

/// The callers sketch of one hit from an address, under a secret.
fn sketch(secret: &[u8], address: &[u8]) -> Vec<u8> {
    use std::sync::Arc;

    use endpoint_stats_core::middleware::CallerKey;
    use http::{HeaderValue, Request, Response};
    use tower::{Layer, Service, service_fn};

    use crate::recording::Recording;

    let recording = Recording::new();
    let hasher = Arc::new(CallerHasher::from_secret(secret, &SystemClock));
    let layer = recording.layer().with_callers(CallerKey::header(http::header::FROM), hasher);
    let mut request = Request::new(());
    request.headers_mut().insert(http::header::FROM, HeaderValue::from_bytes(address).unwrap());
    let mut service =
        layer.layer(service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(String::new()))));
    drop(service.call(request));
    recording.counts().callers.encode()
}

#[test]
fn a_hash_without_a_key_is_caught() {
    let unkeyed = |_: &[u8], address: &[u8]| {
        let mut hasher = DefaultHasher::new();
        address.hash(&mut hasher);
        hasher.finish().to_le_bytes().to_vec()
    };

    must_pass(async { callers_are_keyed(|secret, _| sketch(secret, b"192.0.2.1")) });
    must_fail(async { callers_are_keyed(unkeyed) });
}
