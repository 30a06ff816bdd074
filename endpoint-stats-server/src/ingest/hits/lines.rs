//! [`Lines`]: a body as a stream of lines, each a hit.

use axum::http::StatusCode;
use memchr::{memchr, memchr_iter};
use serde::de::DeserializeSeed;

use super::document::bad_json;
use super::row::{Place, RowSeed};
use super::tally::Tally;
use crate::api_error::ApiError;
use crate::ingest::body::Sink;

/// Counts the hits of lines as they arrive; never holds more than one line.
#[derive(Debug)]
pub(super) struct Lines {
    tally: Tally,
    /// The start of a line whose end has not arrived.
    started: Vec<u8>,
    line: u64,
    max_bytes: usize,
}

// === impl Lines ===

impl Lines {
    pub(super) fn new(tally: Tally, max_bytes: usize) -> Self {
        Self { tally, started: Vec::new(), line: 0, max_bytes }
    }

    /// Counts the last line, which may lack its line feed.
    pub(super) fn finish(mut self) -> Result<Tally, ApiError> {
        let last = std::mem::take(&mut self.started);
        self.count(&last)?;
        Ok(self.tally)
    }

    #[inline]
    fn count(&mut self, line: &[u8]) -> Result<(), ApiError> {
        self.line += 1;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let place = Place::default();
        let mut json = serde_json::Deserializer::from_slice(line);
        match RowSeed(&place).deserialize(&mut json).and_then(|row| json.end().map(|()| row)) {
            Ok(row) => self.tally.count(&row).map_err(|refusal| refusal.with_detail("line", self.line)),
            Err(error) => {
                let offset = error.column().saturating_sub(1);
                Err(bad_json(&error, offset, &place).with_detail("line", self.line))
            }
        }
    }

    /// Keeps the start of a line.
    fn keep(&mut self, start: &[u8]) -> Result<(), ApiError> {
        if self.started.len() + start.len() > self.max_bytes {
            return Err(self.too_long());
        }
        self.started.extend_from_slice(start);
        Ok(())
    }

    fn too_long(&self) -> ApiError {
        let line = self.line + 1;
        let message = format!("line {line} is longer than {} bytes", self.max_bytes);
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "line_too_long", message)
            .with_hint("nothing was counted: write each hit on a line of its own")
            .with_detail("line", line)
    }
}

impl Sink for Lines {
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), ApiError> {
        if !self.started.is_empty() {
            let Some(end) = memchr(b'\n', bytes) else {
                return self.keep(bytes);
            };
            self.keep(&bytes[..end])?;
            let mut line = std::mem::take(&mut self.started);
            self.count(&line)?;
            line.clear();
            self.started = line;
            bytes = &bytes[end + 1..];
        }
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            if end - start > self.max_bytes {
                return Err(self.too_long());
            }
            self.count(&bytes[start..end])?;
            start = end + 1;
        }
        self.keep(&bytes[start..])
    }
}
