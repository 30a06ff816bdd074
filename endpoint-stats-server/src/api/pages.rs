//! `/openapi.json` and `/docs`: the API described, for programs and for people.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use crate::api_error::ApiError;

/// Its own scripts, styles and pictures, and questions to this server; its script makes styles of its own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document, and a page that renders it without a network; all links are relative.
pub(super) fn router(document: Arc<OpenApi>) -> Router {
    let page = Arc::new(Config::from("../openapi.json").validator_url("none"));
    Router::new()
        .route("/openapi.json", get(show_document).with_state(document))
        .route("/docs", get(to_folder))
        .route("/docs/", get(index).with_state(Arc::clone(&page)))
        .route("/docs/{file}", get(file).with_state(page))
}

async fn show_document(State(document): State<Arc<OpenApi>>) -> Response {
    (revalidated(), Json(document)).into_response()
}

/// The page names its files beside itself. `Redirect` would do, were it not for those who mount it under a prefix.
async fn to_folder() -> Response {
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, "docs/")]).into_response()
}

async fn index(State(page): State<Arc<Config<'static>>>) -> Result<Response, ApiError> {
    serve("index.html", page)
}

async fn file(State(page): State<Arc<Config<'static>>>, Path(name): Path<String>) -> Result<Response, ApiError> {
    serve(&name, page)
}

fn serve(name: &str, page: Arc<Config<'static>>) -> Result<Response, ApiError> {
    let file = utoipa_swagger_ui::serve(name, page).ok().flatten().ok_or_else(missing)?;
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    let content_type = [(header::CONTENT_TYPE, file.content_type)];
    Ok((revalidated(), headers, content_type, file.bytes.into_owned()).into_response())
}

/// Another version of the program describes something else.
fn revalidated() -> [(HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))]
}

fn missing() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "the page has no such file").with_hint("open /docs/")
}
