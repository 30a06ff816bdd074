//! [`Draining`]: whether the server is about to end.

use axum::Extension;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use tokio::sync::watch;

/// Whether the server is about to end; in the extensions of every request.
///
/// Streams of events end by themselves then. Other answers that go on for long have to watch it.
#[derive(Clone, Debug)]
pub struct Draining(watch::Receiver<bool>);

impl Draining {
    pub(super) fn new(stop: watch::Receiver<bool>) -> Self {
        Self(stop)
    }

    /// Waits until the end begins.
    pub async fn begun(mut self) {
        // Whoever would tell is gone: that is an end, too.
        let _ = self.0.wait_for(|is_over| *is_over).await;
    }
}

/// Ends streams of events when the server is about to end, so that their clients go elsewhere at once.
pub(super) async fn end_streams(Extension(draining): Extension<Draining>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if !is_event_stream(&response) {
        return response;
    }
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(draining.begun()))))
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
