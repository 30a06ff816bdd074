//! A watcher changes nothing: what the service says and asks passes through as it is.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::task::{Context, Poll};

use axum::body::Body as AxumBody;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, SizeHint};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::scripted_body::{ScriptedBody, Step};
use crate::recording::Recording;

/// Is ready every second time it is asked, then fails when told to.
#[derive(Debug, Default)]
struct Shy {
    asked: u32,
    broken: bool,
}

impl Service<Request<()>> for Shy {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = Ready<Result<Response<String>, &'static str>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.asked += 1;
        if self.broken {
            return Poll::Ready(Err("broken"));
        }
        if self.asked.is_multiple_of(2) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(String::new())))
    }
}

/// Asks once whether a service is ready.
async fn ask<S: Service<Request<()>>>(service: &mut S) -> Poll<Result<(), S::Error>> {
    poll_fn(|cx| Poll::Ready(service.poll_ready(cx))).await
}

#[tokio::test]
async fn a_service_that_is_not_ready_makes_its_callers_wait() {
    let recording = Recording::new();
    let mut service = recording.layer().layer(Shy::default());

    let first = ask(&mut service).await;
    let second = ask(&mut service).await;

    assert!(first.is_pending());
    assert_eq!(second, Poll::Ready(Ok(())));
    assert_eq!(recording.aggregator().live(), [], "asking is no request");
}

#[tokio::test]
async fn a_service_that_will_never_be_ready_says_why() {
    let recording = Recording::new();
    let mut service = recording.layer().layer(Shy { broken: true, ..Shy::default() });

    let answer = ask(&mut service).await;

    assert_eq!(answer, Poll::Ready(Err("broken")));
    assert_eq!(recording.lines(), [] as [&str; 0]);
}

#[tokio::test]
async fn the_back_pressure_of_a_limit_reaches_the_caller() {
    let recording = Recording::new();
    let one_at_a_time = tower::limit::ConcurrencyLimitLayer::new(1);
    let mut service = recording.layer().layer(
        one_at_a_time.layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new())))),
    );

    let before = ask(&mut service).await;
    let under_way = service.call(Request::new(()));
    let meanwhile = ask(&mut service).await;
    under_way.await.unwrap();
    let afterwards = ask(&mut service).await;

    assert_eq!(before, Poll::Ready(Ok(())));
    assert_eq!(meanwhile, Poll::Pending);
    assert_eq!(afterwards, Poll::Ready(Ok(())));
}

#[tokio::test]
async fn status_headers_version_and_extensions_are_those_of_the_service() {
    let recording = Recording::new();
    let service = recording.layer().layer(service_fn(async |_: Request<()>| {
        Response::builder()
            .status(StatusCode::IM_A_TEAPOT)
            .version(http::Version::HTTP_10)
            .header("x-one", "1")
            .extension(42_u8)
            .body("a body".to_owned())
    }));

    let (head, body) = service.oneshot(Request::new(())).await.unwrap().into_parts();

    assert_eq!(head.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(head.version, http::Version::HTTP_10);
    assert_eq!(head.headers.len(), 1);
    assert_eq!(head.headers["x-one"], "1");
    assert_eq!(head.extensions.get(), Some(&42_u8));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "a body");
}

#[tokio::test]
async fn the_request_is_the_one_that_was_sent() {
    let recording = Recording::new();
    let service = recording.layer().layer(service_fn(async |request: Request<AxumBody>| {
        let (head, body) = request.into_parts();
        assert_eq!(head.method, "PATCH");
        assert_eq!(head.uri, "/hello?a=b");
        assert_eq!(head.headers["x-one"], "1");
        assert_eq!(head.extensions.get(), Some(&42_u8));
        assert_eq!(body.size_hint().exact(), Some(6));
        Ok::<_, axum::Error>(Response::new(Full::new(body.collect().await?.to_bytes())))
    }));
    let request =
        Request::patch("/hello?a=b").header("x-one", "1").extension(42_u8).body(AxumBody::from("a body")).unwrap();

    let response = service.oneshot(request).await.unwrap();

    let body: Bytes = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "a body");
}

#[tokio::test]
async fn the_size_hint_and_the_end_of_a_body_are_those_of_the_service() {
    let mut hint = SizeHint::new();
    hint.set_lower(3);
    hint.set_upper(9);
    let recording = Recording::new();

    let service = recording.layer().layer(service_fn(move |_: Request<()>| {
        let body = ScriptedBody::new([Step::Data("one")]).with_hint(hint);
        ready(Ok::<_, Infallible>(Response::new(body)))
    }));

    let body = service.oneshot(Request::new(())).await.unwrap().into_body();

    assert_eq!(body.size_hint().lower(), 3);
    assert_eq!(body.size_hint().upper(), Some(9));
    assert!(!body.is_end_stream());
}

#[tokio::test]
async fn a_body_that_is_over_says_so() {
    let recording = Recording::new();
    let service = recording.layer().layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"a body"))))
    }));
    let mut body = service.oneshot(Request::new(())).await.unwrap().into_body();

    assert_eq!(body.size_hint().exact(), Some(6));
    assert!(!body.is_end_stream());
    body.frame().await.unwrap().unwrap();

    assert!(body.is_end_stream());
    assert_eq!(recording.lines(), ["GET / 200"], "counted with the last byte");
}
