//! [`Time`] and [`Span`]: seconds, as JSON and CSV show them.

use endpoint_stats_core::window::{TimeRange, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// A time in RFC 3339, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = DateTime, example = "2015-05-17T10:00:00Z")]
pub struct Time(String);

/// A stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Span {
    /// The first second that belongs to it.
    pub from: Time,
    /// The first second after it.
    pub to: Time,
}

impl Time {
    /// The time as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Timestamp> for Time {
    /// A time that no calendar has is shown as a number of seconds.
    fn from(at: Timestamp) -> Self {
        let time = jiff::Timestamp::from_second(at.as_unix());
        Self(time.map_or_else(|_| at.as_unix().to_string(), |time| time.to_string()))
    }
}

impl From<TimeRange> for Span {
    fn from(range: TimeRange) -> Self {
        Self { from: range.from.into(), to: range.to.into() }
    }
}
