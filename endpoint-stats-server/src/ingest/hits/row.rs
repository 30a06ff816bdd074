//! [`Row`]: a hit as it was sent, taken apart but not yet understood.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use utoipa::ToSchema;

use super::described::{At, status};
use super::scalar::{Number, Scalar, Text};

/// A hit as it was sent; a field that is missing or null is `None`.
#[derive(Debug, Default, ToSchema)]
#[schema(as = Hit)]
#[serde(deny_unknown_fields)]
pub(super) struct Row<'a> {
    /// The service, if the URL names none.
    #[schema(value_type = Option<String>, pattern = "^[a-z0-9._-]{1,64}$", example = "shop")]
    pub(super) service: Option<Text<'a>>,
    /// The method; one outside of the standards is `_OTHER`.
    #[schema(value_type = String, example = "GET")]
    pub(super) method: Option<Text<'a>>,
    /// The route's template, `/users/{id}` and not `/users/7`; `_UNMATCHED` where there is none.
    #[schema(value_type = String, min_length = 1, max_length = 512, example = "/users/{id}")]
    pub(super) route: Option<Text<'a>>,
    #[schema(schema_with = status, required)]
    pub(super) status: Option<Scalar<'a>>,
    /// Seconds until the response's head.
    #[schema(value_type = Option<f64>, minimum = 0)]
    pub(super) latency_secs: Option<Number>,
    /// The same in milliseconds.
    #[schema(value_type = Option<f64>, minimum = 0)]
    pub(super) latency_ms: Option<Number>,
    /// Seconds until the last byte of the response.
    #[schema(value_type = Option<f64>, minimum = 0)]
    pub(super) duration_secs: Option<Number>,
    /// The same in milliseconds.
    #[schema(value_type = Option<f64>, minimum = 0)]
    pub(super) duration_ms: Option<Number>,
    /// Bytes of the request's body, of each hit.
    #[schema(value_type = Option<u64>)]
    pub(super) request_bytes: Option<Number>,
    /// Bytes of the response's body, of each hit.
    #[schema(value_type = Option<u64>)]
    pub(super) response_bytes: Option<Number>,
    /// An address, a session, anything: only a keyed hash of it is kept.
    #[schema(value_type = Option<String>)]
    pub(super) caller: Option<Text<'a>>,
    /// The name of an API key or a tenant, kept as it is.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    pub(super) consumer: Option<Text<'a>>,
    /// When it was; the time of arrival without it.
    #[schema(value_type = Option<At>, inline)]
    pub(super) time: Option<Scalar<'a>>,
    /// So many equal hits; 1 without it.
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 1_000_000_000_000_i64)]
    pub(super) count: Option<Number>,
}

const FIELDS: &[&str] = &[
    "service",
    "method",
    "route",
    "status",
    "latency_secs",
    "latency_ms",
    "duration_secs",
    "duration_ms",
    "request_bytes",
    "response_bytes",
    "caller",
    "consumer",
    "time",
    "count",
];

/// Where in a row the reading is, to say so when it fails.
#[derive(Debug, Default)]
pub(super) struct Place {
    field: Cell<Option<&'static str>>,
    unknown: OnceCell<Box<str>>,
}

/// Reads a row, and keeps its place.
#[derive(Clone, Copy)]
pub(super) struct RowSeed<'p>(pub(super) &'p Place);

struct FieldSeed<'p>(&'p Place);

// === impl Place ===

impl Place {
    /// The field that was being read.
    pub(super) fn field(&self) -> Option<String> {
        let known = || self.field.get().map(str::to_owned);
        self.unknown.get().map(|name| name.chars().take(64).collect()).or_else(known)
    }
}

// === impl RowSeed ===

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = Row<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Row<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = Row<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hit as an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<'de>, A::Error> {
        let mut row = Row::default();
        let mut seen = 0_u16;
        while let Some(field) = map.next_key_seed(FieldSeed(self.0))? {
            if seen & (1 << field) != 0 {
                return Err(A::Error::duplicate_field(FIELDS[field]));
            }
            seen |= 1 << field;
            match field {
                0 => row.service = map.next_value()?,
                1 => row.method = map.next_value()?,
                2 => row.route = map.next_value()?,
                3 => row.status = map.next_value()?,
                4 => row.latency_secs = map.next_value()?,
                5 => row.latency_ms = map.next_value()?,
                6 => row.duration_secs = map.next_value()?,
                7 => row.duration_ms = map.next_value()?,
                8 => row.request_bytes = map.next_value()?,
                9 => row.response_bytes = map.next_value()?,
                10 => row.caller = map.next_value()?,
                11 => row.consumer = map.next_value()?,
                12 => row.time = map.next_value()?,
                _ => row.count = map.next_value()?,
            }
            self.0.field.set(None);
        }
        Ok(row)
    }
}

// === impl FieldSeed ===

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for FieldSeed<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    #[inline]
    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        let Some(field) = FIELDS.iter().position(|known| *known == name) else {
            let _ = self.0.unknown.set(name.into());
            return Err(E::unknown_field(&shortened(name), FIELDS));
        };
        self.0.field.set(Some(FIELDS[field]));
        Ok(field)
    }
}

fn shortened(name: &str) -> Cow<'_, str> {
    if name.len() <= 64 { name.into() } else { name.chars().take(64).chain(['…']).collect() }
}
