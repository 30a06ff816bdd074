//! Formats in the words of Apache's `LogFormat`, compiled to the pieces of a line.

use std::str::Chars;
use std::time::Duration;

use endpoint_stats_core::window::Timestamp;
use memchr::memchr;

use super::request::{method_of, path_of};
use super::time::{TIME_BYTES, TimeReader};
use super::{Line, Request, split_quoted};
use crate::import::{ImportError, ImportErrorKind, RejectReason};

const SUPPORTED: &str = "%h %a %l %u %t %r %m %U %q %s %>s %b %B %O %I %D %T %{ms}T %{us}T %v %{Header}i %%";

/// The text before a field, and the field.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    before: Vec<u8>,
    field: Field,
    end: End,
}

/// Where a field's value ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Before this byte, or with the line.
    Before(u8),
    Quote,
    Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Caller,
    Time,
    Request,
    Method,
    Path,
    Status,
    Body,
    Sent,
    Received,
    Micros,
    Millis,
    Seconds,
    Ignored,
}

/// Compiles a format; what stands behind the last field that counts is not read.
pub(super) fn compile(format: &str) -> Result<Vec<Piece>, ImportError> {
    let mut pieces = split(format)?;
    for at in 0..pieces.len() {
        pieces[at].end = end_of(&pieces[at], pieces.get(at + 1))?;
    }
    let counted = pieces.iter().rposition(|piece| piece.field != Field::Ignored).map_or(0, |last| last + 1);
    pieces.truncate(counted);
    let has = |field| pieces.iter().any(|piece| piece.field == field);
    if !has(Field::Time) || !has(Field::Status) || !(has(Field::Request) || has(Field::Path)) {
        return Err(wrong("expected at least %t, %>s, and %r or %U"));
    }
    Ok(pieces)
}

/// Reads one line, without its end.
pub(super) fn read<'a>(pieces: &[Piece], mut line: &'a [u8], times: &mut TimeReader) -> Result<Line<'a>, RejectReason> {
    let mut read = Line::new(b"", Timestamp::EPOCH, Request::UNREADABLE);
    let mut has_body = false;
    for piece in pieces {
        let rest = line.strip_prefix(&*piece.before).ok_or(RejectReason::OtherFormat)?;
        let (value, rest) = piece.split(rest).ok_or_else(|| piece.field.reason())?;
        if piece.field != Field::Sent || !has_body {
            piece.field.read(value, &mut read, times).ok_or_else(|| piece.field.reason())?;
        }
        has_body |= piece.field == Field::Body;
        line = rest;
    }
    Ok(read)
}

fn split(format: &str) -> Result<Vec<Piece>, ImportError> {
    let mut pieces = Vec::<Piece>::new();
    let mut before = Vec::new();
    let mut rest = format.chars();
    while let Some(next) = rest.next() {
        if next != '%' {
            before.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
        } else if rest.as_str().starts_with('%') {
            before.push(b'%');
            rest.next();
        } else {
            let directive = directive(&mut rest);
            let is_query_of_path =
                directive == "q" && before.is_empty() && pieces.last().is_some_and(|piece| piece.field == Field::Path);
            if !is_query_of_path {
                let field = field(&directive).ok_or_else(|| unsupported(&directive))?;
                pieces.push(Piece { before: std::mem::take(&mut before), field, end: End::Line });
            }
        }
    }
    if let (Some(last), Some(next)) = (pieces.last_mut(), before.first()) {
        last.end = End::Before(*next);
    }
    Ok(pieces)
}

/// Reads a directive behind its percent sign, up to its letter.
fn directive(rest: &mut Chars<'_>) -> String {
    let mut directive = String::new();
    let mut in_braces = false;
    for next in rest.by_ref() {
        directive.push(next);
        match next {
            '{' => in_braces = true,
            '}' => in_braces = false,
            _ if !in_braces && next.is_ascii_alphabetic() => break,
            _ => {}
        }
    }
    directive
}

fn field(directive: &str) -> Option<Field> {
    Some(match directive {
        "h" | "a" => Field::Caller,
        "t" => Field::Time,
        "r" => Field::Request,
        "m" => Field::Method,
        "U" => Field::Path,
        "s" | ">s" => Field::Status,
        "b" | "B" => Field::Body,
        "O" => Field::Sent,
        "I" => Field::Received,
        "D" | "{us}T" => Field::Micros,
        "{ms}T" => Field::Millis,
        "T" | "{s}T" => Field::Seconds,
        "l" | "u" | "v" | "q" => Field::Ignored,
        header if header.starts_with('{') && header.ends_with("}i") => Field::Ignored,
        _ => return None,
    })
}

fn end_of(piece: &Piece, next: Option<&Piece>) -> Result<End, ImportError> {
    let Some(next) = next else {
        return Ok(match piece.end {
            End::Before(b'"') if piece.before.ends_with(b"\"") => End::Quote,
            end => end,
        });
    };
    match next.before.first() {
        Some(b'"') if piece.before.ends_with(b"\"") => Ok(End::Quote),
        Some(byte) => Ok(End::Before(*byte)),
        None => Err(wrong("two directives stand side by side, with nothing to tell where the first one ends")),
    }
}

fn unsupported(directive: &str) -> ImportError {
    wrong(&format!("unsupported directive %{directive}, supported are {SUPPORTED}"))
}

fn wrong(what: &str) -> ImportError {
    ImportError::new(ImportErrorKind::Setting, format!("read the line format: {what}"))
}

// === impl Piece ===

impl Piece {
    fn split<'a>(&self, rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        if self.field == Field::Time {
            return (rest.len() >= TIME_BYTES + 2).then(|| rest.split_at(TIME_BYTES + 2));
        }
        match self.end {
            End::Line => Some((rest, b"")),
            End::Before(byte) => Some(memchr(byte, rest).map_or((rest, b""), |end| rest.split_at(end))),
            // The quote stays: it is the start of the text before the next field.
            End::Quote => split_quoted(rest).map(|(value, _)| rest.split_at(value.len())),
        }
    }
}

// === impl Field ===

impl Field {
    fn read<'a>(self, value: &'a [u8], line: &mut Line<'a>, times: &mut TimeReader) -> Option<()> {
        match self {
            Self::Caller => line.caller = value,
            Self::Time => {
                let text = value.strip_prefix(b"[")?.strip_suffix(b"]")?;
                line.at = times.read(text.try_into().ok()?)?;
            }
            Self::Request => line.request = Request::from_line(value),
            Self::Method => {
                line.request.method = method_of(value).unwrap_or(Request::UNREADABLE.method);
            }
            Self::Path => line.request.path = path_of(value),
            Self::Status => line.status = status(value)?,
            Self::Body | Self::Sent => line.response_bytes = size(value)?,
            Self::Received => line.request_bytes = size(value)?,
            Self::Micros | Self::Millis | Self::Seconds if value == b"-" => {}
            Self::Micros => line.duration = Some(scaled(value, 1_000)?),
            Self::Millis => line.duration = Some(scaled(value, 1_000_000)?),
            Self::Seconds => line.duration = Some(scaled(value, 1_000_000_000)?),
            Self::Ignored => {}
        }
        Some(())
    }

    fn reason(self) -> RejectReason {
        match self {
            Self::Time => RejectReason::BadTime,
            Self::Status => RejectReason::BadStatus,
            Self::Body | Self::Sent | Self::Received => RejectReason::BadSize,
            Self::Micros | Self::Millis | Self::Seconds => RejectReason::BadDuration,
            Self::Request => RejectReason::NoRequest,
            Self::Caller | Self::Method | Self::Path | Self::Ignored => RejectReason::OtherFormat,
        }
    }
}

fn status(value: &[u8]) -> Option<u16> {
    let status = u16::try_from(digits(value)?).ok()?;
    (value.len() == 3 && status >= 100).then_some(status)
}

fn size(value: &[u8]) -> Option<u64> {
    if value == b"-" { Some(0) } else { digits(value) }
}

/// Reads `1.234` units of so many nanoseconds; digits below a nanosecond are dropped.
fn scaled(value: &[u8], unit_nanos: u64) -> Option<Duration> {
    let (whole, fraction) = memchr(b'.', value).map_or((value, &b"0"[..]), |dot| (&value[..dot], &value[dot + 1..]));
    let mut nanos = digits(whole)?.checked_mul(unit_nanos)?;
    digits(&fraction[..fraction.len().min(9)])?;
    let mut unit = unit_nanos;
    for digit in fraction {
        unit /= 10;
        nanos = nanos.checked_add(u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?) * unit)?;
    }
    Some(Duration::from_nanos(nanos))
}

fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
