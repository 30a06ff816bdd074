//! [`Counts`]: everything one endpoint did in some stretch of time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::OutcomeCounts;
use crate::endpoint::InvalidName;
use crate::hit::Hit;
use crate::sketch::{CallersSketch, LatencySketch, capped_sum};

/// The longest consumer name, in bytes.
pub const MAX_CONSUMER_BYTES: usize = 128;

/// What one endpoint did in some stretch of time; two of them merge into one.
///
/// Sums stop at 2^63 - 1, the largest number that every database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many hits ended how.
    pub outcomes: OutcomeCounts,
    /// From receiving a request to its response head.
    pub latency: LatencySketch,
    /// From receiving a request to the last byte of its response body.
    pub duration: LatencySketch,
    /// Bytes of all request bodies.
    pub request_bytes: u64,
    /// Bytes of all response bodies.
    pub response_bytes: u64,
    /// How many different callers.
    pub callers: CallersSketch,
    /// What each named consumer did.
    pub consumers: BTreeMap<ConsumerName, ConsumerCounts>,
}

/// The name a service gives one of its callers, an API key's or a tenant's: 1 to 128 bytes without a NUL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConsumerName(Arc<str>);

/// What one consumer did at one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsumerCounts {
    /// All hits.
    pub hits: u64,
    /// The hits that are errors of the service.
    pub errors: u64,
    /// Bytes of all response bodies.
    pub response_bytes: u64,
}

// === impl Counts ===

impl Counts {
    /// Adds one hit.
    pub fn add(&mut self, hit: &Hit) {
        self.outcomes.add(hit.outcome, 1);
        if let Some(latency) = hit.latency {
            self.latency.record(latency.into());
        }
        if let Some(duration) = hit.duration {
            self.duration.record(duration.into());
        }
        self.response_bytes = capped_sum(self.response_bytes, hit.response_bytes);
        if let Some(caller) = hit.caller {
            self.callers.insert(caller);
        }
    }

    /// Adds what another stretch of time counted.
    pub fn merge(&mut self, other: &Self) {
        self.outcomes.merge(&other.outcomes);
        self.latency.merge(&other.latency);
        self.duration.merge(&other.duration);
        self.request_bytes = capped_sum(self.request_bytes, other.request_bytes);
        self.response_bytes = capped_sum(self.response_bytes, other.response_bytes);
        self.callers.merge(&other.callers);
        for (name, counts) in &other.consumers {
            self.consumers.entry(name.clone()).or_default().merge(*counts);
        }
    }

    /// All hits.
    pub fn hits(&self) -> u64 {
        self.outcomes.hits()
    }

    /// Whether nothing was counted at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

// === impl ConsumerName ===

impl ConsumerName {
    /// Checks and keeps a consumer's name.
    ///
    /// # Errors
    ///
    /// When the name is empty, longer than 128 bytes, or contains a NUL.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        if !(1..=MAX_CONSUMER_BYTES).contains(&name.len()) || name.as_bytes().contains(&0) {
            return Err(InvalidName::new("consumer name", "1 to 128 bytes without a NUL"));
        }
        Ok(Self(name.into()))
    }

    /// The name that takes the consumers beyond a recorder's limit, and those whose name is refused.
    pub fn overflow() -> Self {
        Self("_OVERFLOW".into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl ConsumerCounts ===

impl ConsumerCounts {
    /// Adds what another stretch of time counted.
    pub fn merge(&mut self, other: Self) {
        self.hits = capped_sum(self.hits, other.hits);
        self.errors = capped_sum(self.errors, other.errors);
        self.response_bytes = capped_sum(self.response_bytes, other.response_bytes);
    }
}
