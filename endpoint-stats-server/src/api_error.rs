//! [`ApiError`]: what a client did wrong, or what is wrong here, as JSON.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use endpoint_stats_core::store::{StoreError, StoreErrorKind};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What went wrong with a request: a status, a code that stays, a sentence, and what to do about it.
///
/// Shown as `{"error": {"code", "message", "field", "hint", "request_id"}}`, and what else belongs to the code. It
/// never holds SQL, secrets, or names of hosts.
#[derive(Clone, Debug)]
pub struct ApiError(Box<Problem>);

#[derive(Clone, Debug)]
struct Problem {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    hint: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    details: Map<String, Value>,
}

/// What every answer to a request that failed holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// What programs tell errors apart by; it stays.
    #[schema(example = "bad_query")]
    code: &'static str,
    /// A sentence for people.
    message: Cow<'static, str>,
    /// The part of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<Cow<'static, str>>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<Cow<'static, str>>,
    /// The id of the request, also in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// What else belongs to the code, such as `last_seq` to a gap.
    #[serde(flatten)]
    details: Map<String, Value>,
}

impl ApiError {
    /// Creates an error from its status, its code and a sentence.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self(Box::new(Problem {
            status,
            code,
            message,
            field: None,
            hint: None,
            retry_after: None,
            details: Map::new(),
        }))
    }

    /// A parameter of the query string is wrong.
    pub fn bad_query(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_query", message).with_field(field)
    }

    /// What the store said, in the log; for the client that it should come again.
    pub fn from_store(error: StoreError) -> Self {
        let kind = error.kind();
        tracing::warn!("a request found the store unwell: {:#}", anyhow::Error::new(error));
        match kind {
            StoreErrorKind::Unavailable => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "the store cannot be reached or takes nothing now",
            )
            .with_hint("send the same request again")
            .with_retry_after(Duration::from_secs(1)),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store_failed", "the store could not do this")
                .with_hint("the server's log says why, under this request id"),
        }
    }

    /// Names the part of the request that is wrong.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says when to come again, in whole seconds, at least one.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds what belongs to this code, such as `last_seq` to a gap.
    #[must_use]
    pub fn with_detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.details.insert(name.to_owned(), value.into());
        self
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The code that stays.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What went wrong, as a sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The response, with the id of the request if it is known.
    pub fn respond(&self, request_id: Option<&str>) -> Response {
        self.respond_with(Json(self.body(request_id)))
    }

    /// The response with a body of another form.
    pub(crate) fn respond_with(&self, body: impl IntoResponse) -> Response {
        let mut response = (self.0.status, body).into_response();
        if let Some(wait) = self.0.retry_after {
            let secs = HeaderValue::from(wait.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, secs);
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            let ways = HeaderValue::from_static("Bearer, Basic realm=\"endpoint-stats, the token as password\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, ways);
        }
        response
    }

    fn body(&self, request_id: Option<&str>) -> ErrorBody {
        let problem = &self.0;
        ErrorBody {
            error: ErrorDetail {
                code: problem.code,
                message: problem.message.clone(),
                field: problem.field.clone(),
                hint: problem.hint.clone(),
                request_id: request_id.map(str::to_owned),
                details: problem.details.clone(),
            },
        }
    }
}

/// The response carries the error itself too, so that a layer further out can add the request's id.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.respond(None);
        response.extensions_mut().insert(self);
        response
    }
}
