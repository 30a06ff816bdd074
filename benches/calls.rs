//! Calls of a service as hyper makes them: polled until it is ready, called, its answer's body read to its end.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::Full;
use tower::Service;

/// A service made of a function that answers 13 bytes.
pub(super) fn hello()
-> impl Service<Request<()>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Sized> + Clone + Sync + 'static
{
    tower::service_fn(async |_: Request<()>| Ok(Response::new(Full::new(Bytes::from_static(b"Hello, World!")))))
}

/// Calls a service's own copy on each thread, again and again.
pub(super) fn calls<S, B, R, ResB>(service: S, request: R) -> impl Fn() -> Box<dyn FnMut()> + Sync
where
    S: Service<Request<B>, Response = Response<ResB>, Error = Infallible> + Clone + Sync + 'static,
    R: Fn() -> Request<B> + Clone + Sync + 'static,
    ResB: HttpBody,
{
    move || {
        let (mut service, request) = (service.clone(), request.clone());
        Box::new(move || call(&mut service, request()))
    }
}

fn call<S, B, ResB>(service: &mut S, request: Request<B>)
where
    S: Service<Request<B>, Response = Response<ResB>, Error = Infallible>,
    ResB: HttpBody,
{
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(())) = service.poll_ready(&mut cx) else { unreachable!("these services are always ready") };
    let Poll::Ready(Ok(response)) = pin!(service.call(black_box(request))).poll(&mut cx) else {
        unreachable!("these services answer at once")
    };
    let (head, body) = response.into_parts();
    black_box(head.status);
    let mut body = pin!(body);
    while !body.is_end_stream() {
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(Some(frame)) => drop(black_box(frame)),
            Poll::Ready(None) => break,
            Poll::Pending => unreachable!("these bodies are there at once"),
        }
    }
}
