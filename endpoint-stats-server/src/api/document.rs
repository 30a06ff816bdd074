//! The `OpenAPI` document: what all routes share.

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::server::Server;
use utoipa::{IntoResponses, Modify, OpenApi};

use crate::api_error::ErrorBody;

/// The document without a route.
pub(super) fn empty() -> utoipa::openapi::OpenApi {
    Shared::openapi()
}

/// Without a server of its own: the routes stand beside the document, whatever prefix they are mounted under.
#[derive(OpenApi)]
#[openapi(
    info(title = "endpoint-stats", description = "Endpoint statistics you can trust, in your own store."),
    tags((name = "query", description = "What was counted.")),
    components(schemas(ErrorBody)),
    security(("bearer" = []), ("basic" = []), ()),
    modifiers(&Surroundings),
)]
struct Shared;

struct Surroundings;

impl Modify for Surroundings {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        document.servers = Some(vec![Server::new(".")]);
        let components = document.components.get_or_insert_default();
        let bearer = Http::builder().scheme(HttpAuthScheme::Bearer).description(Some("A token.")).build();
        let basic = Http::builder().scheme(HttpAuthScheme::Basic).description(Some("A token as the password.")).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("basic", SecurityScheme::Http(basic));
    }
}

/// How any route may refuse.
#[derive(Debug, IntoResponses)]
pub enum Refusals {
    /// Something of the request is wrong: `code` says what, `field` where, `hint` what is taken.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// A token is needed.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// The token does not allow this.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// Too many requests; `Retry-After` says when to come again.
    #[response(status = 429)]
    TooManyRequests(ErrorBody),
    /// The store or the server is busy; `Retry-After` says when to come again.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// The client has the answer already: `If-None-Match` names it.
#[derive(Debug, IntoResponses)]
#[response(status = 304)]
pub(super) struct Unchanged;

/// This process does not keep it.
#[derive(Debug, IntoResponses)]
#[response(status = 404)]
#[expect(dead_code, reason = "describes an answer that `ApiError` gives")]
pub(super) struct NotKept(ErrorBody);
