//! A page as a response: its headers, and what is shown instead when it cannot be made.

use std::future::Future;

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::frame::Frame;
use super::place::Place;
use super::visit::Visit;
use crate::api_error::ApiError;

/// Nothing but our own files; no script, style or frame that stands in a page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(header::HeaderName, &str); 6] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::VARY, "accept"),
];

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    error: &'a ApiError,
}

/// A page that is made anew for each visit.
pub(crate) trait Page: Template + Sized {
    /// Makes the page.
    fn of(visit: &Visit) -> impl Future<Output = Result<Self, ApiError>> + Send;
}

/// Shows a page, or what is wrong.
pub(crate) async fn show<P: Page>(place: Place, visit: Result<Visit, ApiError>) -> Response {
    match made::<P>(visit).await {
        Ok(html) => with_headers(Response::new(Body::from(html))),
        Err(error) => wrong(&place, &error),
    }
}

async fn made<P: Page>(visit: Result<Visit, ApiError>) -> Result<String, ApiError> {
    P::of(&visit?).await?.render().map_err(|error| broken(&error))
}

/// The page of an error keeps what the error says in its head: when to come again, how to say who one is.
fn wrong(place: &Place, error: &ApiError) -> Response {
    let mut response = error.respond(None);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    let page = ErrorPage { frame: Frame::bare(place.clone(), heading(error.status())), error };
    *response.body_mut() = Body::from(page.render().unwrap_or_else(|_| error.message().to_owned()));
    with_headers(response)
}

fn heading(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "That cannot be shown",
        StatusCode::UNAUTHORIZED => "This needs a token",
        StatusCode::FORBIDDEN => "That is not yours to see",
        StatusCode::NOT_FOUND => "There is nothing here",
        StatusCode::SERVICE_UNAVAILABLE => "The store cannot be reached",
        _ => "Something went wrong here",
    }
}

fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn broken(error: &askama::Error) -> ApiError {
    tracing::warn!(%error, "a page could not be put together");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "page_failed", "the page could not be put together")
}
