//! Who made a request: callers that leave the layer as hashes only, and consumers that the service names.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use endpoint_stats_core::Route;
use endpoint_stats_core::aggregate::{ConsumerCounts, ConsumerName, Limits};
use endpoint_stats_core::clock::SystemClock;
use endpoint_stats_core::middleware::{CallerHasher, CallerKey, EndpointStatsLayer, PeerAddress};
use endpoint_stats_core::window::Timestamp;
use http::{HeaderName, Request, Response};
use tower::{Layer, ServiceExt, service_fn};

use crate::recording::Recording;

fn hasher() -> Arc<CallerHasher> {
    Arc::new(CallerHasher::from_secret(b"secret", &SystemClock))
}

/// Sends one request from each peer, with each header value, and returns how many callers were told apart.
async fn callers(key: CallerKey, requests: &[(&str, &str)]) -> u64 {
    let recording = Recording::new();
    let layer = recording.layer().with_callers(key, hasher());
    let service = layer.layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));
    for (peer, forwarded_for) in requests {
        let peer: SocketAddr = peer.parse().unwrap();
        let request = Request::get("/hello")
            .extension(PeerAddress(peer))
            .header("x-forwarded-for", *forwarded_for)
            .body(())
            .unwrap();
        service.clone().oneshot(request).await.unwrap();
    }
    let counts = recording.counts();
    assert_eq!(counts.hits(), requests.len() as u64);
    counts.callers.count()
}

#[tokio::test]
async fn one_address_is_one_caller_whatever_its_port() {
    let requests = [("192.0.2.1:1", ""), ("192.0.2.1:2", ""), ("192.0.2.2:1", ""), ("[::ffff:192.0.2.2]:9", "")];

    assert_eq!(callers(CallerKey::peer_address(), &requests).await, 2);
}

#[tokio::test]
async fn a_forwarding_header_is_not_trusted_unless_configured() {
    let requests = [("192.0.2.1:1", "198.51.100.1"), ("192.0.2.1:1", "198.51.100.2"), ("192.0.2.1:1", "198.51.100.3")];
    let proxies = ["10.0.0.0/8".parse().unwrap()];

    assert_eq!(callers(CallerKey::peer_address(), &requests).await, 1);
    assert_eq!(callers(CallerKey::forwarded_by(&proxies), &requests).await, 1);
}

#[tokio::test]
async fn a_forwarding_header_from_a_configured_proxy_tells_callers_apart() {
    let requests =
        [("10.0.0.1:1", "198.51.100.1"), ("10.0.0.2:1", "198.51.100.1"), ("10.0.0.1:1", "1.1.1.1, 198.51.100.2")];
    let proxies = ["10.0.0.0/8".parse().unwrap()];

    assert_eq!(callers(CallerKey::forwarded_by(&proxies), &requests).await, 2);
}

#[tokio::test]
async fn a_header_can_be_the_caller_and_without_it_there_is_none() {
    let recording = Recording::new();
    let key = CallerKey::header(HeaderName::from_static("x-api-key"));
    let layer = recording.layer().with_callers(key, hasher());
    let service = layer.layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));

    for value in [Some("one"), Some("two"), Some("one"), None] {
        let mut request = Request::get("/hello").body(()).unwrap();
        if let Some(value) = value {
            let headers = request.headers_mut();
            headers.insert("x-api-key", value.parse().unwrap());
        }
        service.clone().oneshot(request).await.unwrap();
    }

    let counts = recording.counts();
    assert_eq!((counts.hits(), counts.callers.count()), (4, 2));
}

#[tokio::test]
async fn without_a_caller_key_no_caller_is_kept() {
    let recording = Recording::new();
    let service =
        recording.layer().layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));
    let peer = PeerAddress("192.0.2.1:1".parse().unwrap());
    let request = Request::get("/hello").extension(peer).body(()).unwrap();

    service.oneshot(request).await.unwrap();

    assert!(recording.counts().callers.is_empty());
}

/// Sends a request for each name, `None` for a request without one, and returns what was counted by name.
async fn consumers(limits: Limits, names: &[Option<&str>]) -> Vec<(String, ConsumerCounts)> {
    let recording = Recording::with_limits(limits);
    let layer = recording.layer().with_consumers(|request| {
        let name = request.headers().get("x-tenant")?;
        Some(String::from_utf8_lossy(name.as_bytes()).into_owned().into())
    });
    let service = layer.layer(service_fn(async |_: Request<()>| Response::builder().status(503).body(String::new())));
    for name in names {
        let mut request = Request::get("/hello").body(()).unwrap();
        if let Some(name) = name {
            let headers = request.headers_mut();
            headers.insert("x-tenant", name.parse().unwrap());
        }
        service.clone().oneshot(request).await.unwrap();
    }
    let counts = recording.counts();
    assert_eq!(counts.hits(), names.len() as u64);
    let by_name = counts.consumers.into_iter();
    by_name.map(|(name, counts)| (name.as_str().to_owned(), counts)).collect()
}

fn errors(hits: u64) -> ConsumerCounts {
    ConsumerCounts { hits, errors: hits, response_bytes: 0 }
}

#[tokio::test]
async fn hits_and_errors_of_a_consumer_are_kept_by_name() {
    let names = [Some("acme"), None, Some("zoo"), Some("acme")];

    let counted = consumers(Limits::default(), &names).await;

    assert_eq!(counted, [("acme".to_owned(), errors(2)), ("zoo".to_owned(), errors(1))]);
}

#[tokio::test]
async fn consumers_over_the_limit_and_names_that_are_refused_fold_into_one() {
    let limits = Limits { max_consumers: 1, ..Limits::default() };
    let too_long = "x".repeat(129);
    let names = [Some("acme"), Some("zoo"), Some("bar"), Some(&too_long), Some("acme")];

    let counted = consumers(limits, &names).await;

    let overflow = ConsumerName::overflow().as_str().to_owned();
    assert_eq!(counted, [(overflow, errors(3)), ("acme".to_owned(), errors(2))]);
}

#[tokio::test]
async fn a_closure_that_panics_finds_nothing_and_the_request_goes_on() {
    let recording = Recording::new();
    let layer = EndpointStatsLayer::from_fn(recording.aggregator().clone(), |_| panic!("on purpose"))
        .with_callers(CallerKey::from_fn(|_| panic!("on purpose")), hasher())
        .with_consumers(|_| panic!("on purpose"));
    let service = layer.layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));

    let response = service.oneshot(Request::get("/hello").body(()).unwrap()).await.unwrap();
    drop(response);

    let deltas = recording.aggregator().drain(Timestamp::EPOCH);
    assert_eq!(deltas.len(), 1);
    assert_eq!(deltas[0].endpoint.route(), &Route::unmatched());
    assert_eq!(deltas[0].counts.hits(), 1);
}

#[tokio::test]
async fn a_layer_that_is_configured_further_leaves_its_clones_as_they_were() {
    let recording = Recording::new();
    let plain = recording.layer();
    let named = plain.clone().with_consumers(|_| Some("acme".into()));

    for layer in [plain, named] {
        let service = layer.layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));
        service.oneshot(Request::get("/hello").body(()).unwrap()).await.unwrap();
    }

    let counts = recording.counts();
    assert_eq!(counts.hits(), 2);
    assert_eq!(counts.consumers.values().map(|consumer| consumer.hits).sum::<u64>(), 1);
}
