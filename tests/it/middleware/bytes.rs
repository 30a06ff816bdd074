//! Bytes: counted as they stream, exactly, also when they stop half way.

use std::convert::Infallible;
use std::future::pending;

use axum::body::Body;
use bytes::Bytes;
use endpoint_stats_core::Outcome;
use endpoint_stats_core::aggregate::AggregatorHit;
use endpoint_stats_core::middleware::RequestBody;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Channel, Full};
use tower::{Layer, ServiceExt, service_fn};

use crate::recording::{Recording, RecordingHit, soon};

async fn echo(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(request.into_body()))
}

async fn post(recording: &Recording, body: Body) -> Response<impl http_body::Body<Error = axum::Error>> {
    let service = recording.layer().layer(service_fn(echo));
    let request = Request::post("/echo").body(body).unwrap();
    service.oneshot(request).await.unwrap()
}

#[tokio::test]
async fn bytes_of_both_bodies_are_exact() {
    for size in [0, 1, 65_536, 1_000_003] {
        let recording = Recording::new();
        let sent = vec![7; size];

        let response = post(&recording, Body::from(sent)).await;
        let received = response.into_body().collect().await.unwrap().to_bytes();

        assert_eq!(received.len(), size);
        let counts = recording.counts();
        assert_eq!(counts.outcomes.of(Outcome::Status(200)), 1);
        assert_eq!(counts.request_bytes, size as u64);
        assert_eq!(counts.response_bytes, size as u64);
    }
}

#[tokio::test]
async fn frames_and_trailers_of_an_upload_pass_through() {
    let recording = Recording::new();
    let (mut upload, body) = Channel::<Bytes, Infallible>::new(8);
    for frame in ["one", "two"] {
        upload.send_data(Bytes::from(frame)).await.unwrap();
    }
    upload
        .send(Frame::trailers([("x-sum".parse().unwrap(), "6".parse().unwrap())].into_iter().collect()))
        .await
        .unwrap();
    drop(upload);

    let response = post(&recording, Body::new(body)).await;
    let collected = soon(response.into_body().collect()).await.unwrap();

    assert_eq!(collected.trailers().unwrap()["x-sum"], "6");
    assert_eq!(collected.to_bytes(), "onetwo");
    assert_eq!(recording.counts().request_bytes, 6);
}

#[tokio::test]
async fn an_upload_that_the_service_does_not_read_counts_no_bytes() {
    let recording = Recording::new();
    let service =
        recording.layer().layer(service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty()))));

    let request = Request::post("/echo").body(Body::from("never read"));
    service.oneshot(request.unwrap()).await.unwrap();

    let counts = recording.counts();
    assert_eq!((counts.hits(), counts.request_bytes), (1, 0));
}

#[tokio::test]
async fn an_upload_cut_by_the_client_counts_the_bytes_that_came() {
    let recording = Recording::new();
    let service = recording.layer().layer(service_fn(async |request: Request<Body>| {
        let mut body = request.into_body();
        body.frame().await.unwrap().unwrap();
        pending::<Result<Response<Body>, Infallible>>().await
    }));
    let (mut upload, body) = Channel::<Bytes, Infallible>::new(8);
    upload.send_data(Bytes::from("half")).await.unwrap();

    let request = Request::post("/echo").body(Body::new(body)).unwrap();
    let under_way = tokio::spawn(service.oneshot(request));
    recording.begun(1).await;
    // The current-thread runtime runs the service until it waits for the second half.
    tokio::task::yield_now().await;
    under_way.abort();
    assert!(under_way.await.unwrap_err().is_cancelled());

    let counts = recording.counts();
    assert_eq!(counts.outcomes.of(Outcome::Aborted), 1);
    assert_eq!(counts.request_bytes, 4);
}

#[tokio::test]
async fn an_upload_read_after_the_answer_is_counted_too() {
    let recording = Recording::new();
    let (later, kept) = tokio::sync::oneshot::channel();
    let mut later = Some(later);
    let service = recording.layer().layer(service_fn(move |request: Request<Body>| {
        later.take().unwrap().send(request.into_body()).unwrap();
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    }));
    let request = Request::post("/echo").body(Body::from("later")).unwrap();
    service.oneshot(request).await.unwrap();
    assert_eq!(recording.lines(), ["POST /echo 200"]);

    kept.await.unwrap().collect().await.unwrap();

    let counts = recording.counts();
    assert_eq!((counts.hits(), counts.request_bytes), (0, 5));
}

#[tokio::test]
async fn a_body_type_without_a_feature_is_counted_too() {
    type Counted = RequestBody<String, RecordingHit<AggregatorHit>>;
    let recording = Recording::new();
    let service = recording.layer().layer(service_fn(async |request: Request<Counted>| {
        let text = request.into_body().collect().await?.to_bytes();
        Ok::<_, Infallible>(Response::new(Full::new(text)))
    }));

    let request = Request::post("/echo").body("a body".to_owned()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();

    let counts = recording.counts();
    assert_eq!((counts.request_bytes, counts.response_bytes), (6, 6));
}
