//! How a response body ends: the hit is counted with its last byte, or when no more can come.

use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use endpoint_stats_core::middleware::ResponseBody;
use http::{HeaderMap, Request, Response};
use http_body::{Body, SizeHint};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};

use super::scripted_body::{ScriptedBody, Step, Torn};
use crate::recording::{Recording, RecordingHit};

type CountedBody = ResponseBody<ScriptedBody, RecordingHit<endpoint_stats_core::aggregate::AggregatorHit>>;

/// Sends one request that is answered with a body, and with a header if one is given.
async fn answered(recording: &Recording, body: ScriptedBody, content_length: Option<&'static str>) -> CountedBody {
    let mut response = Response::new(body);
    if let Some(length) = content_length {
        let length = length.parse().unwrap();
        response.headers_mut().insert("content-length", length);
    }
    let mut response = Some(response);
    let service = recording
        .layer()
        .layer(service_fn(move |_: Request<()>| std::future::ready(Ok::<_, Infallible>(response.take().unwrap()))));
    let request = Request::get("/hello").body(()).unwrap();
    service.oneshot(request).await.unwrap().into_body()
}

fn nothing() -> [&'static str; 0] {
    []
}

#[tokio::test]
async fn a_streaming_body_is_counted_when_it_ends() {
    let recording = Recording::new();
    let frames = ScriptedBody::new([Step::Data("one"), Step::Data("two"), Step::Data("three")]);
    let mut body = answered(&recording, frames, None).await;

    for expected in ["one", "two", "three"] {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), expected);
        assert_eq!(recording.lines(), nothing());
    }

    assert!(body.frame().await.is_none());
    assert_eq!(recording.counts().response_bytes, 11);
}

#[tokio::test]
async fn trailers_pass_through_and_are_not_bytes_of_the_body() {
    let recording = Recording::new();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let frames = ScriptedBody::new([Step::Data("one"), Step::Trailers(trailers.clone())]);

    let collected = answered(&recording, frames, None).await.collect().await.unwrap();

    assert_eq!(collected.trailers(), Some(&trailers));
    let counts = recording.counts();
    assert_eq!((counts.hits(), counts.response_bytes), (1, 3));
}

#[tokio::test]
async fn an_empty_stream_is_counted_when_it_ends() {
    let recording = Recording::new();
    let mut body = answered(&recording, ScriptedBody::new([]), None).await;

    assert!(body.frame().await.is_none());
    assert!(body.frame().await.is_none(), "asking again changes nothing");
    drop(body);

    assert_eq!(recording.lines(), ["GET /hello 200"]);
}

#[tokio::test]
async fn an_error_of_the_body_counts_as_failed_and_is_passed_on() {
    let recording = Recording::new();
    let frames = ScriptedBody::new([Step::Data("one"), Step::Fail]);
    let mut body = answered(&recording, frames, None).await;

    body.frame().await.unwrap().unwrap();
    let error = body.frame().await.unwrap().unwrap_err();
    drop(body);

    assert_eq!(error, Torn);
    assert_eq!(recording.lines(), ["GET /hello failed"]);
}

#[tokio::test]
async fn a_panic_in_the_body_counts_as_panicked() {
    let recording = Recording::new();
    let frames = ScriptedBody::new([Step::Data("one"), Step::Panic]);
    let body = answered(&recording, frames, None).await;

    let joined = tokio::spawn(body.collect()).await;

    assert!(joined.unwrap_err().is_panic());
    assert_eq!(recording.lines(), ["GET /hello panicked"]);
}

#[tokio::test]
async fn a_panic_in_the_body_that_a_layer_outside_catches_counts_as_panicked_too() {
    let recording = Recording::new();
    let mut body = answered(&recording, ScriptedBody::new([Step::Panic]), None).await;

    let caught = poll_fn(|cx| {
        let poll = AssertUnwindSafe(|| Pin::new(&mut body).poll_frame(cx).map(drop));
        Poll::Ready(catch_unwind(poll))
    })
    .await;
    drop(body);

    assert!(caught.is_err());
    assert_eq!(recording.lines(), ["GET /hello panicked"]);
}

#[tokio::test]
async fn a_body_that_is_never_polled_counts_as_aborted() {
    let recording = Recording::new();
    let body = answered(&recording, ScriptedBody::new([Step::Data("one")]), None).await;

    assert_eq!(recording.lines(), nothing());
    drop(body);

    assert_eq!(recording.lines(), ["GET /hello aborted"]);
}

#[tokio::test]
async fn a_body_dropped_half_way_counts_as_aborted_with_the_bytes_so_far() {
    let recording = Recording::new();
    let frames = ScriptedBody::new([Step::Data("one"), Step::Hang]);
    let mut body = answered(&recording, frames, None).await;
    body.frame().await.unwrap().unwrap();

    let waiting = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx).is_pending())).await;
    drop(body);

    assert!(waiting);
    let counts = recording.counts();
    assert_eq!(counts.outcomes.of(endpoint_stats_core::Outcome::Aborted), 1);
    assert_eq!(counts.response_bytes, 3);
}

#[tokio::test]
async fn a_body_whose_promised_length_was_reached_is_whole_without_its_end() {
    let recording = Recording::new();
    let frames = ScriptedBody::new([Step::Data("one"), Step::Data("two"), Step::Hang]);
    let mut body = answered(&recording, frames, Some("6")).await;

    body.frame().await.unwrap().unwrap();
    body.frame().await.unwrap().unwrap();
    drop(body);

    assert_eq!(recording.lines(), ["GET /hello 200"]);
}

#[tokio::test]
async fn a_body_cut_before_its_promised_length_counts_as_aborted() {
    for content_length in ["7", "7, 7", "seven"] {
        let recording = Recording::new();
        let frames = ScriptedBody::new([Step::Data("one"), Step::Data("two")]);
        let mut body = answered(&recording, frames, Some(content_length)).await;

        body.frame().await.unwrap().unwrap();
        body.frame().await.unwrap().unwrap();
        drop(body);

        assert_eq!(recording.lines(), ["GET /hello aborted"], "{content_length}");
    }
}

#[tokio::test]
async fn an_exact_size_hint_is_a_promise_too() {
    let recording = Recording::new();
    let frames = ScriptedBody::new([Step::Data("one"), Step::Hang]);
    let hinted = frames.with_hint(SizeHint::with_exact(3));
    let mut body = answered(&recording, hinted, None).await;

    body.frame().await.unwrap().unwrap();
    drop(body);

    assert_eq!(recording.lines(), ["GET /hello 200"]);
}
