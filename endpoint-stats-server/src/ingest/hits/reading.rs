//! [`Reading`]: what a row says, checked.

use std::borrow::Cow;
use std::time::Duration;

use endpoint_stats_core::aggregate::{ConsumerCounts, Counts};
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_core::{Method, Outcome};

use super::row::Row;
use super::scalar::{Number, Scalar};

/// The most hits that one row may stand for.
const MAX_COUNT: u64 = 1_000_000_000_000;

/// What a row says of its hits, but for their service and route.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) method: Method,
    pub(super) outcome: Outcome,
    pub(super) latency: Option<Duration>,
    pub(super) duration: Option<Duration>,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) at: Option<Timestamp>,
    pub(super) count: u64,
}

/// What is wrong with a row: the field, and what was expected.
#[derive(Debug)]
pub(super) struct BadHit {
    pub(super) field: &'static str,
    pub(super) expected: Cow<'static, str>,
}

impl BadHit {
    pub(super) fn new(field: &'static str, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { field, expected: expected.into() }
    }
}

impl Reading {
    #[inline]
    pub(super) fn of(row: &Row<'_>) -> Result<Self, BadHit> {
        let count = count(row.count)?;
        Ok(Self {
            method: method(row)?,
            outcome: outcome(row.status.as_ref())?,
            latency: span("latency_secs", row.latency_secs, "latency_ms", row.latency_ms)?,
            duration: span("duration_secs", row.duration_secs, "duration_ms", row.duration_ms)?,
            request_bytes: bytes("request_bytes", row.request_bytes, count)?,
            response_bytes: bytes("response_bytes", row.response_bytes, count)?,
            at: row.time.as_ref().map(time).transpose()?,
            count,
        })
    }

    /// Adds all hits; the sums of a request were found not to overflow.
    #[inline]
    pub(super) fn add_to(&self, counts: &mut Counts) {
        counts.outcomes.add(self.outcome, self.count);
        if let Some(latency) = self.latency {
            counts.latency.record_many(latency, self.count);
        }
        if let Some(duration) = self.duration {
            counts.duration.record_many(duration, self.count);
        }
        counts.request_bytes += self.request_bytes;
        counts.response_bytes += self.response_bytes;
    }

    pub(super) fn add_to_consumer(&self, counts: &mut ConsumerCounts) {
        counts.hits += self.count;
        counts.errors += if self.outcome.is_error() { self.count } else { 0 };
        counts.response_bytes += self.response_bytes;
    }
}

fn method(row: &Row<'_>) -> Result<Method, BadHit> {
    let name = row.method.as_ref().ok_or_else(|| BadHit::new("method", "a method, such as GET"))?;
    Ok(Method::from_bytes(name.0.as_bytes()))
}

fn outcome(status: Option<&Scalar<'_>>) -> Result<Outcome, BadHit> {
    let found = match status {
        Some(Scalar::Text(text)) => match text.as_ref() {
            "failed" => Some(Outcome::Failed),
            "aborted" => Some(Outcome::Aborted),
            "panicked" => Some(Outcome::Panicked),
            _ => None,
        },
        Some(Scalar::Number(number)) => {
            let code = number.whole().and_then(|code| u16::try_from(code).ok());
            code.filter(|code| (100..=999).contains(code)).map(Outcome::Status)
        }
        None => None,
    };
    found.ok_or_else(|| BadHit::new("status", r#"a number from 100 to 999, or "failed", "aborted" or "panicked""#))
}

fn span(
    secs_field: &'static str,
    secs: Option<Number>,
    ms_field: &'static str,
    ms: Option<Number>,
) -> Result<Option<Duration>, BadHit> {
    let (field, secs) = match (secs, ms) {
        (None, None) => return Ok(None),
        (Some(secs), None) => (secs_field, secs.as_f64()),
        (None, Some(ms)) => (ms_field, ms.as_f64() / 1_000.0),
        (Some(_), Some(_)) => return Err(BadHit::new(ms_field, format!("only one of it and `{secs_field}`"))),
    };
    let span = Duration::try_from_secs_f64(secs).map_err(|_| BadHit::new(field, "a number from 0 on"))?;
    Ok(Some(span))
}

/// The bytes of all hits of a row, of which each has so many.
fn bytes(field: &'static str, each: Option<Number>, count: u64) -> Result<u64, BadHit> {
    let Some(each) = each else { return Ok(0) };
    let all = each.whole().and_then(|each| each.checked_mul(count)).filter(|all| i64::try_from(*all).is_ok());
    all.ok_or_else(|| BadHit::new(field, "a whole number from 0 on; times `count`, below 2^63"))
}

fn count(count: Option<Number>) -> Result<u64, BadHit> {
    let Some(count) = count else { return Ok(1) };
    let count = count.whole().filter(|count| (1..=MAX_COUNT).contains(count));
    count.ok_or_else(|| BadHit::new("count", format!("a whole number from 1 to {MAX_COUNT}")))
}

fn time(time: &Scalar<'_>) -> Result<Timestamp, BadHit> {
    match time {
        Scalar::Number(secs) => Ok(Timestamp::from_unix(secs.as_secs())),
        Scalar::Text(text) => {
            let time: Result<jiff::Timestamp, _> = text.parse();
            let expected = "RFC 3339 with a zone, such as 2026-05-04T12:00:00Z, or seconds since 1970";
            time.map(|time| Timestamp::from_unix(time.as_second())).map_err(|_| BadHit::new("time", expected))
        }
    }
}
