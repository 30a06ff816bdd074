//! [`Row`]: a hit as it was sent, taken apart but not yet understood.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::scalar::{Number, Scalar, Text};

/// A hit as it was sent; a field that is missing or null is `None`.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    pub(super) service: Option<Text<'a>>,
    pub(super) method: Option<Text<'a>>,
    pub(super) route: Option<Text<'a>>,
    pub(super) status: Option<Scalar<'a>>,
    pub(super) latency_secs: Option<Number>,
    pub(super) latency_ms: Option<Number>,
    pub(super) duration_secs: Option<Number>,
    pub(super) duration_ms: Option<Number>,
    pub(super) request_bytes: Option<Number>,
    pub(super) response_bytes: Option<Number>,
    pub(super) caller: Option<Text<'a>>,
    pub(super) consumer: Option<Text<'a>>,
    pub(super) time: Option<Scalar<'a>>,
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
