//! [`ErrorForm`]: how refusals are told, by OTLP as a [`Status`].

use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use prost::Message;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Encoding, PATH, PROTOBUF};
use crate::api_error::ApiError;

/// How a request is told that it is refused, whoever refuses it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ErrorForm {
    /// As the API does everywhere.
    Api,
    /// As a [`Status`], written as the request is; as JSON if it is written in no way that is known.
    Status(Encoding),
}

/// A `google.rpc.Status` without its code, which OTLP does not use: the HTTP status tells it.
#[derive(Clone, PartialEq, Message, Serialize, ToSchema)]
#[schema(as = OtlpStatus)]
pub(super) struct Status {
    /// The error's code, what went wrong, what to do, and the id of the request.
    #[prost(string, tag = "2")]
    message: String,
}

// === impl ErrorForm ===

impl ErrorForm {
    pub(crate) fn of(request: &Request) -> Self {
        match request.uri().path() {
            PATH => Self::Status(Encoding::of(request.headers()).unwrap_or(Encoding::Json)),
            _ => Self::Api,
        }
    }

    pub(crate) fn respond(self, error: &ApiError, request_id: &str) -> Response {
        match self {
            Self::Api => error.respond(Some(request_id)),
            Self::Status(encoding) => Status::of(error, request_id).respond(error, encoding),
        }
    }
}

// === impl Status ===

impl Status {
    fn of(error: &ApiError, request_id: &str) -> Self {
        let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        Self { message: format!("{}: {}{hint} (request {request_id})", error.code(), error.message()) }
    }

    fn respond(self, error: &ApiError, encoding: Encoding) -> Response {
        match encoding {
            Encoding::Protobuf => error.respond_with(([(header::CONTENT_TYPE, PROTOBUF)], self.encode_to_vec())),
            Encoding::Json => error.respond_with(axum::Json(self)),
        }
    }
}
