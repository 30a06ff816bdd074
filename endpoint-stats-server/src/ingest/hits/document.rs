//! A body as one JSON document: a hit, or an array of them.

use std::fmt;

use axum::http::StatusCode;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::row::{Place, RowSeed};
use super::tally::Tally;
use crate::api_error::ApiError;

/// Counts the hits of a document.
///
/// # Errors
///
/// 400 `bad_json` with the offset of the byte where the reading stopped; and what the tally refuses.
pub(super) fn read(bytes: &[u8], mut tally: Tally) -> Result<Tally, ApiError> {
    let mut hits = Hits { tally: &mut tally, place: Place::default(), refusal: None };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = json.deserialize_any(&mut hits).and_then(|()| json.end());
    match (read, hits.refusal) {
        (_, Some(refusal)) => Err(refusal),
        (Err(error), None) => Err(bad_json(&error, offset(bytes, &error), &hits.place)),
        (Ok(()), None) => Ok(tally),
    }
}

/// Says what is wrong, at which byte, and in which field.
pub(super) fn bad_json(error: &serde_json::Error, offset: usize, place: &Place) -> ApiError {
    let text = error.to_string();
    let sentence = text.rsplit_once(" at line ").map_or(text.as_str(), |(sentence, _)| sentence);
    let sentence: String = sentence.chars().take(300).collect();
    let problem = ApiError::new(StatusCode::BAD_REQUEST, "bad_json", format!("byte {offset}: {sentence}"))
        .with_hint("nothing was counted; see docs/ingest.md for the fields of a hit")
        .with_detail("offset", offset as u64);
    match place.field() {
        Some(field) => problem.with_field(field),
        None => problem,
    }
}

/// Where the reading stopped: how many bytes were read before.
fn offset(bytes: &[u8], error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let start = memchr::memchr_iter(b'\n', bytes).take(lines_before).last().map_or(0, |end| end + 1);
    start + error.column().saturating_sub(1)
}

struct Hits<'t> {
    tally: &'t mut Tally,
    place: Place,
    /// Why the tally took no more, while an error without words stands for it.
    refusal: Option<ApiError>,
}

impl<'de> Visitor<'de> for &mut Hits<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hit as an object, or an array of hits")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.deserialize(MapAccessDeserializer::new(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Hits<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let row = RowSeed(&self.place).deserialize(deserializer)?;
        self.tally.count(&row).map_err(|refusal| {
            self.refusal = Some(refusal);
            D::Error::custom("refused")
        })
    }
}
