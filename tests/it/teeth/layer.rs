//! Promises 1 and 2: layers that miss a request, count it twice, or change what passes through.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_core::{Hit, Method, Outcome};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower::util::BoxService;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{must_fail, must_pass};
use crate::recording::Recording;

type Wrapped =
    BoxService<Request<()>, Response<Pin<Box<dyn Body<Data = Bytes, Error = Infallible> + Send>>>, Infallible>;

/// Puts a layer around a service.
type Wrap = fn(&Recording) -> Wrapped;

/// What the service under every layer does: it greets, unless asked to never answer.
async fn greet(request: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/never" {
        std::future::pending::<()>().await;
    }
    Ok(Response::new(Full::new(Bytes::from_static(b"hello"))))
}

fn ours(recording: &Recording) -> Wrapped {
    let counted = recording.layer().layer(service_fn(greet));
    let boxed = ServiceExt::<Request<()>>::map_response(counted, |response| response.map(|body| Box::pin(body) as _));
    BoxService::new(boxed)
}

fn count(recording: &Recording, path: &str, outcome: Outcome) {
    let arrival = Arrival { method: Method::Get, route: Some(path), consumer: None };
    let hit = Hit { outcome, latency: None, duration: None, response_bytes: 0, caller: None };
    recording.begin(arrival).unwrap().end(&hit);
}

/// Counts when the response's head is there, as most layers do: misses requests that are cut before or after.
fn at_the_head(recording: &Recording) -> Wrapped {
    let recording = recording.clone();
    BoxService::new(service_fn(move |request: Request<()>| {
        let recording = recording.clone();
        async move {
            let path = request.uri().path().to_owned();
            let response = greet(request).await?;
            count(&recording, &path, Outcome::Status(response.status().as_u16()));
            Ok(response.map(|body| Box::pin(body) as _))
        }
    }))
}

/// Counts at the arrival and at the end.
fn twice(recording: &Recording) -> Wrapped {
    let (counting, inner) = (recording.clone(), ours(recording));
    BoxService::new(inner.map_request(move |request: Request<()>| {
        count(&counting, request.uri().path(), Outcome::Aborted);
        request
    }))
}

/// Is ready whatever the service says.
struct AlwaysReady<S>(S);

impl<S: Service<Request<()>>> Service<Request<()>> for AlwaysReady<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.0.call(request)
    }
}

fn request(path: &str) -> Request<()> {
    Request::get(path).body(()).unwrap()
}

async fn a_request_cut_before_its_head_is_counted(wrap: Wrap) {
    let recording = Recording::new();
    let mut service = wrap(&recording);
    let mut future = service.ready().await.unwrap().call(request("/never"));
    assert!(poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await);
    drop(future);
    assert_eq!(recording.lines(), ["GET /never aborted"]);
}

async fn a_body_cut_by_the_client_is_aborted(wrap: Wrap) {
    let recording = Recording::new();
    let response = wrap(&recording).oneshot(request("/hello")).await.unwrap();
    drop(response);
    assert_eq!(recording.lines(), ["GET /hello aborted"]);
}

async fn a_request_is_counted_once(wrap: Wrap) {
    let recording = Recording::new();
    let response = wrap(&recording).oneshot(request("/hello")).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_eq!(recording.lines(), ["GET /hello 200"]);
}

async fn readiness_passes_through<S>(wrap: impl FnOnce(NeverReady) -> S)
where
    S: Service<Request<()>>,
{
    let mut service = wrap(NeverReady);
    let pending = poll_fn(|cx| Poll::Ready(service.poll_ready(cx).is_pending())).await;
    assert!(pending, "the service is not ready");
}

struct NeverReady;

impl Service<Request<()>> for NeverReady {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        unreachable!("it is never ready")
    }
}

#[test]
fn a_layer_that_counts_at_the_head_is_caught_by_a_client_that_goes_before_it() {
    must_pass(a_request_cut_before_its_head_is_counted(ours));
    must_fail(a_request_cut_before_its_head_is_counted(at_the_head));
}

#[test]
fn a_layer_that_counts_at_the_head_is_caught_by_a_client_that_goes_after_it() {
    must_pass(a_body_cut_by_the_client_is_aborted(ours));
    must_fail(a_body_cut_by_the_client_is_aborted(at_the_head));
}

#[test]
fn a_layer_that_counts_twice_is_caught() {
    must_pass(a_request_is_counted_once(ours));
    must_fail(a_request_is_counted_once(twice));
}

#[test]
fn a_layer_that_hides_back_pressure_is_caught() {
    must_pass(readiness_passes_through(|service| Recording::new().layer().layer(service)));
    must_fail(readiness_passes_through(AlwaysReady));
}
