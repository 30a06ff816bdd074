//! Apache's common and combined formats, which nginx writes too.
//!
//! `host identity user [time] "request" status bytes` and whatever follows: referer and user agent are not read, so
//! a line that is cut off behind the bytes still counts.

use endpoint_stats_core::window::Timestamp;
use memchr::{memchr, memchr_iter};

use super::time::{TIME_BYTES, TimeReader};
use super::{Line, Request, split_quoted};
use crate::import::RejectReason;

/// Reads one line, without its end.
pub(super) fn read<'a>(line: &'a [u8], times: &mut TimeReader) -> Result<Line<'a>, RejectReason> {
    let host = memchr(b' ', line).ok_or(RejectReason::NoTime)?;
    let (at, rest) = split_time(&line[host..], times)?;
    let (request, rest) = rest.strip_prefix(b" \"").and_then(split_quoted).ok_or(RejectReason::NoRequest)?;
    let (status, rest) = split_status(rest).ok_or(RejectReason::BadStatus)?;
    Ok(Line {
        status,
        response_bytes: leading_size(rest).ok_or(RejectReason::BadSize)?,
        ..Line::new(&line[..host], at, Request::from_line(request))
    })
}

/// Finds the time: a user's name before it may contain spaces and brackets.
fn split_time<'a>(rest: &'a [u8], times: &mut TimeReader) -> Result<(Timestamp, &'a [u8]), RejectReason> {
    let mut reason = RejectReason::NoTime;
    for start in memchr_iter(b'[', rest) {
        reason = RejectReason::BadTime;
        let Some((text, [b']', rest @ ..])) = rest[start + 1..].split_first_chunk::<TIME_BYTES>() else {
            continue;
        };
        if let Some(at) = times.read(text) {
            return Ok((at, rest));
        }
    }
    Err(reason)
}

fn split_status(rest: &[u8]) -> Option<(u16, &[u8])> {
    let [b' ', hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] = rest else {
        return None;
    };
    if rest.first().is_some_and(|next| *next != b' ') {
        return None;
    }
    let digit = |byte: &u8| u16::from(byte - b'0');
    Some((digit(hundreds) * 100 + digit(tens) * 10 + digit(ones), rest))
}

/// Reads ` 1234` or ` -`, then the end or a space.
fn leading_size(rest: &[u8]) -> Option<u64> {
    let [b' ', rest @ ..] = rest else {
        return None;
    };
    let mut size = 0_u64;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'0'..=b'9' => size = size.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
            b' ' if at > 0 => return Some(size),
            b'-' if at == 0 && rest.get(1).is_none_or(|next| *next == b' ') => return Some(0),
            _ => return None,
        }
    }
    (!rest.is_empty()).then_some(size)
}
