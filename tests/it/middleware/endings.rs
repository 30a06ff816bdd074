//! How a request ends before its body: counted once, with the right outcome.

use std::convert::Infallible;
use std::future::{Future, Ready, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use http::{Request, Response};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::recording::Recording;

fn request(method: &str) -> Request<()> {
    Request::builder().method(method).uri("/hello").body(()).unwrap()
}

#[derive(Debug, PartialEq, Eq)]
struct OutOfStock;

/// Polls once, and leaves the future where it is.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[tokio::test]
async fn an_answered_request_counts_its_status() {
    for status in [200, 404, 500, 599, 999] {
        let recording = Recording::new();
        let service = recording.layer().layer(service_fn(move |_: Request<()>| {
            let response = Response::builder().status(status);
            std::future::ready(response.body(String::new()))
        }));

        service.oneshot(request("GET")).await.unwrap();

        assert_eq!(recording.lines(), [format!("GET /hello {status}")]);
    }
}

#[tokio::test]
async fn an_error_of_the_service_counts_as_failed_and_is_passed_on() {
    let recording = Recording::new();
    let service = recording.layer().layer(service_fn(async |_: Request<()>| Err::<Response<String>, _>(OutOfStock)));

    let error = service.oneshot(request("GET")).await.unwrap_err();

    assert_eq!(error, OutOfStock);
    assert_eq!(recording.lines(), ["GET /hello failed"]);
}

#[tokio::test]
async fn a_panic_in_the_call_counts_as_panicked_and_goes_on() {
    let recording = Recording::new();
    let mut service =
        recording.layer().layer(service_fn(|_: Request<()>| -> Ready<Result<Response<String>, Infallible>> {
            panic!("in the call, as the test wants")
        }));

    let called = catch_unwind(AssertUnwindSafe(|| service.call(request("GET"))));

    assert!(called.is_err());
    assert_eq!(recording.lines(), ["GET /hello panicked"]);
}

async fn panics(_: Request<()>) -> Result<Response<String>, Infallible> {
    panic!("in the future, as the test wants")
}

#[tokio::test]
async fn a_panic_in_the_future_counts_as_panicked_and_goes_on() {
    let recording = Recording::new();
    let service = recording.layer().layer(service_fn(panics));

    let joined = tokio::spawn(service.oneshot(request("GET"))).await;

    assert!(joined.unwrap_err().is_panic());
    assert_eq!(recording.lines(), ["GET /hello panicked"]);
}

#[tokio::test]
async fn a_panic_that_a_layer_outside_catches_counts_as_panicked_too() {
    let recording = Recording::new();
    let mut service = recording.layer().layer(service_fn(panics));
    let mut future = Box::pin(service.call(request("GET")));

    let caught = poll_fn(|cx| Poll::Ready(catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))))).await;
    drop(future);

    assert!(caught.is_err());
    assert_eq!(recording.lines(), ["GET /hello panicked"]);
}

#[tokio::test]
async fn a_future_that_is_never_polled_counts_as_aborted() {
    let recording = Recording::new();
    let mut service =
        recording.layer().layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));

    drop(service.call(request("GET")));

    assert_eq!(recording.lines(), ["GET /hello aborted"]);
}

#[tokio::test]
async fn a_future_dropped_half_way_counts_as_aborted() {
    let recording = Recording::new();
    let mut service = recording
        .layer()
        .layer(service_fn(async |_: Request<()>| pending::<Result<Response<String>, Infallible>>().await));

    {
        let mut future = pin!(service.call(request("GET")));
        assert!(poll_once(future.as_mut()).await.is_pending());
        assert_eq!(recording.lines(), [] as [&str; 0]);
    }

    assert_eq!(recording.lines(), ["GET /hello aborted"]);
}

#[tokio::test]
async fn an_answer_without_a_body_on_the_wire_ends_with_its_head() {
    for (method, status) in [("HEAD", 200), ("GET", 101), ("GET", 204), ("GET", 304), ("CONNECT", 200)] {
        let recording = Recording::new();
        let service = recording.layer().layer(service_fn(move |_: Request<()>| {
            let response = Response::builder().status(status);
            std::future::ready(response.body("a body".to_owned()))
        }));

        let response = service.oneshot(request(method)).await.unwrap();

        assert_eq!(recording.lines(), [format!("{method} /hello {status}")], "counted at the head");
        drop(response);
        assert_eq!(recording.lines(), [] as [&str; 0], "and not again");
    }
}

#[tokio::test]
async fn a_connect_that_is_refused_ends_with_its_body() {
    let recording = Recording::new();
    let service = recording
        .layer()
        .layer(service_fn(async |_: Request<()>| Response::builder().status(407).body("a body".to_owned())));

    let response = service.oneshot(request("CONNECT")).await.unwrap();

    assert_eq!(recording.lines(), [] as [&str; 0]);
    drop(response);
    assert_eq!(recording.lines(), ["CONNECT /hello aborted"]);
}

#[tokio::test]
async fn clones_of_a_service_count_together() {
    let recording = Recording::new();
    let service =
        recording.layer().layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));

    for _ in 0..3 {
        service.clone().oneshot(request("GET")).await.unwrap();
    }

    assert_eq!(recording.lines(), ["GET /hello 200 x3"]);
}
