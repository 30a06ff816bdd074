//! What a body of `POST /v1/hits` holds, where the types that read it cannot say it themselves.

use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, OneOf, Schema, Type};

use super::row::Row;
use crate::report::Time;

/// One hit, or many.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what `document` reads")]
pub(super) enum OneOrMany<'a> {
    One(Box<Row<'a>>),
    Many(Vec<Row<'a>>),
}

/// RFC 3339 with a zone, or seconds since 1970.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what `reading` takes")]
pub(super) enum At {
    Text(Time),
    Secs(f64),
}

/// A number, or a word where there was none.
pub(super) fn status() -> Schema {
    let number = Object::builder().schema_type(Type::Integer).minimum(Some(100)).maximum(Some(999));
    let word = Object::builder().schema_type(Type::String).enum_values(Some(["failed", "aborted", "panicked"]));
    let description = "The status; without one `failed`, `aborted` by the client, or `panicked`.";
    OneOf::builder().item(number).item(word).description(Some(description)).build().into()
}
