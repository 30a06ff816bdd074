//! Recording a known endpoint allocates nothing.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use bytes::Bytes;
use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::clock::SystemClock;
use endpoint_stats_core::middleware::{CallerHasher, CallerKey, EndpointStatsLayer, PeerAddress};
use endpoint_stats_core::{Outcome, ServiceName};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{Layer, Service, service_fn};

use crate::recording::PathIsTemplate;

type PlainLayer = EndpointStatsLayer<Aggregator, PathIsTemplate>;

/// Sends one request through a layer and reads the response's body, without a runtime.
fn send_one(layer: &PlainLayer, request: Request<()>) {
    let body = Full::new(Bytes::from_static(b"hello"));
    let mut body = Some(body);
    let mut service =
        layer.layer(service_fn(move |_: Request<()>| ready(Ok::<_, Infallible>(Response::new(body.take().unwrap())))));
    let mut cx = Context::from_waker(Waker::noop());

    let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut cx) else {
        unreachable!("the service is ready at once");
    };
    let mut body = response.into_body();
    while let Poll::Ready(Some(_)) = Pin::new(&mut body).poll_frame(&mut cx) {}
}

fn aggregator() -> Aggregator {
    Aggregator::new(ServiceName::new("shop").unwrap(), Limits::default())
}

fn request() -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = "/users".parse().unwrap();
    let peer = PeerAddress("192.0.2.1:1".parse().unwrap());
    request.extensions_mut().insert(peer);
    request
}

/// How many allocations 1,000 requests cost once the first 1,000 have found their buckets.
fn allocations(layer: &PlainLayer) -> u64 {
    let requests = || (0..1_000).map(|_| request()).collect::<Vec<_>>();
    let send_all = |requests: Vec<_>| {
        for request in requests {
            send_one(layer, request);
        }
    };
    send_all(requests());
    let again = requests();
    measure(|| send_all(again)).count_total
}

#[test]
fn a_known_endpoint_is_counted_without_an_allocation() {
    let aggregator = aggregator();
    let layer = EndpointStatsLayer::new(aggregator.clone(), PathIsTemplate);
    let hasher = Arc::new(CallerHasher::from_secret(b"secret", &SystemClock));
    let layers = [
        layer.clone(),
        EndpointStatsLayer::new(aggregator.clone(), PathIsTemplate).with_callers(CallerKey::peer_address(), hasher),
        EndpointStatsLayer::new(aggregator.clone(), PathIsTemplate).with_consumers(|_| Some("acme".into())),
    ];

    for layer in &layers {
        let fewest = (0..10).map(|_| allocations(layer)).min();
        assert_eq!(fewest, Some(0));
    }

    let deltas = aggregator.drain(endpoint_stats_core::window::Timestamp::EPOCH);
    assert_eq!(deltas[0].counts.outcomes.of(Outcome::Status(200)), 60_000);
}
