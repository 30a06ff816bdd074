//! One line of an access log, read: who asked when for what, and how it ended.

mod combined;
mod custom;
mod format;
mod request;
mod time;

#[cfg(test)]
mod tests;

use std::time::Duration;

use endpoint_stats_core::window::Timestamp;
use memchr::memchr_iter;

use super::RejectReason;
pub use format::LineFormat;
use format::Shape;
pub use request::Request;
use time::TimeReader;

/// What a line of an access log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The client's address or name, as it stands in the log.
    pub caller: &'a [u8],
    /// When the request was received, or answered, as the log has it.
    pub at: Timestamp,
    /// What was asked for.
    pub request: Request<'a>,
    /// The status of the response, 100 to 999.
    pub status: u16,
    /// Bytes of the response, 0 for `-`.
    pub response_bytes: u64,
    /// Bytes of the request; 0 when the format has none.
    pub request_bytes: u64,
    /// How long the request took, when the format has it.
    pub duration: Option<Duration>,
}

/// Reads lines in one format.
///
/// ```
/// use endpoint_stats_server::import::{LineFormat, LineParser};
///
/// let mut parser = LineParser::new(LineFormat::combined());
/// let line = parser.read(br#"192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /users/7?full=1 HTTP/1.1" 200 512"#).unwrap();
///
/// assert_eq!(line.request.path, Some(&b"/users/7"[..]));
/// assert_eq!(line.at.as_unix(), 1_431_857_103);
/// ```
#[derive(Clone, Debug)]
pub struct LineParser {
    format: LineFormat,
    times: TimeReader,
}

// === impl Line ===

impl<'a> Line<'a> {
    fn new(caller: &'a [u8], at: Timestamp, request: Request<'a>) -> Self {
        Self { caller, at, request, status: 0, response_bytes: 0, request_bytes: 0, duration: None }
    }
}

// === impl LineParser ===

impl LineParser {
    /// Creates a parser of one format.
    pub fn new(format: LineFormat) -> Self {
        Self { format, times: TimeReader::default() }
    }

    /// Reads one line, without its line feed.
    ///
    /// # Errors
    ///
    /// Why the line cannot be counted.
    #[inline]
    pub fn read<'a>(&mut self, line: &'a [u8]) -> Result<Line<'a>, RejectReason> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Err(RejectReason::Empty);
        }
        match self.format.shape() {
            Shape::Combined => combined::read(line, &mut self.times),
            Shape::Custom(pieces) => custom::read(pieces, line, &mut self.times),
        }
    }
}

/// Splits behind the quote that ends a field; quotes in the field are written `\"`.
fn split_quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr_iter(b'"', text).find(|quote| {
        let backslashes = text[..*quote].iter().rev().take_while(|byte| **byte == b'\\').count();
        backslashes % 2 == 0
    })?;
    Some((&text[..end], &text[end + 1..]))
}
