//! [`EndpointCounters`]: one endpoint's counters in one stripe.

use super::Counts;
use super::block_counters::BlockCounters;
use crate::hit::{Hit, Outcome};
use crate::sketch::scale;
use crate::sync::atomic::{AtomicU64, Ordering};

const OUTCOME_BLOCKS: usize = 1_000_usize.div_ceil(32);

/// One endpoint's counters, as written by the threads of one stripe.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct EndpointCounters {
    begun: AtomicU64,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    outcomes: BlockCounters<OUTCOME_BLOCKS>,
    latency: BlockCounters<{ scale::OCTAVES }>,
    duration: BlockCounters<{ scale::OCTAVES }>,
}

impl EndpointCounters {
    pub(super) fn new() -> Self {
        Self {
            begun: AtomicU64::new(0),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            outcomes: BlockCounters::new(),
            latency: BlockCounters::new(),
            duration: BlockCounters::new(),
        }
    }

    /// Notes that a request arrived.
    #[inline]
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests arrived, ever.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Hits not yet drained.
    pub(super) fn hits(&self) -> u64 {
        self.outcomes.sum()
    }

    #[inline]
    pub(super) fn add(&self, hit: &Hit) {
        if let Some(latency) = hit.latency {
            self.latency.increment(scale::bucket_of(latency));
        }
        if let Some(duration) = hit.duration {
            self.duration.increment(scale::bucket_of(duration));
        }
        if hit.response_bytes > 0 {
            self.response_bytes.fetch_add(hit.response_bytes, Ordering::Relaxed);
        }
        self.outcomes.increment(usize::from(hit.outcome.code()).min(999));
    }

    pub(super) fn add_request_bytes(&self, bytes: u64) {
        self.request_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Moves what was counted since the last drain into `counts`.
    pub(super) fn drain_into(&self, counts: &mut Counts) {
        self.outcomes.drain(|code, hits| {
            if let Some(outcome) = u16::try_from(code).ok().and_then(Outcome::from_code) {
                counts.outcomes.add(outcome, hits);
            }
        });
        self.latency.drain(|bucket, count| counts.latency.add_to_bucket(bucket, count));
        self.duration.drain(|bucket, count| counts.duration.add_to_bucket(bucket, count));
        counts.request_bytes += take(&self.request_bytes);
        counts.response_bytes += take(&self.response_bytes);
    }
}

fn take(counter: &AtomicU64) -> u64 {
    if counter.load(Ordering::Relaxed) == 0 { 0 } else { counter.swap(0, Ordering::Relaxed) }
}
