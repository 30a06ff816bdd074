//! [`CacheStats`]: what a cache did for how many questions.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::telemetry::Metric;
use crate::telemetry::catalog::{CACHE_ANSWERS, CACHE_QUESTIONS};

/// What a [`CachedStore`](super::CachedStore) did since it was made.
///
/// Each question is one of `hits`, `misses`, `errors`, `bypasses` and `shared`. They are also the counter
/// `endpoint_stats_cache_questions_total{result="hit|miss|error|bypass|shared"}`; what became of the answers that the
/// store gave is `endpoint_stats_cache_answers_total{result="kept|too_large|failed|dropped"}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Questions that Redis answered.
    pub hits: u64,
    /// Questions that Redis had no answer to, or none that could be used: a damaged, foreign or old one.
    pub misses: u64,
    /// Questions that Redis met with an error, or did not answer in time.
    pub errors: u64,
    /// Questions that Redis was not asked, since it had failed again and again.
    pub bypasses: u64,
    /// Questions that waited for the answer to the same question.
    pub shared: u64,
    /// Answers that Redis took.
    pub kept: u64,
    /// Answers that were larger than a value may be.
    pub too_large: u64,
    /// Answers that Redis refused, or did not take in time.
    pub failed: u64,
    /// Answers that Redis was not given: too many were under way, it had refused again and again, or the store had taken
    /// so long for them that they were old.
    pub dropped: u64,
}

/// What became of a question, or of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Hit,
    Miss,
    Error,
    Bypass,
    Shared,
    Kept,
    TooLarge,
    Failed,
    Dropped,
}

/// Counts events.
#[derive(Debug, Default)]
pub(super) struct Tally([AtomicU64; 9]);

impl Tally {
    pub(super) fn add(&self, event: Event) {
        self.0[event as usize].fetch_add(1, Ordering::Relaxed);
        let (metric, result) = event.as_metric();
        metric.counter([result.into()]).increment(1);
    }

    pub(super) fn stats(&self) -> CacheStats {
        let count = |event: Event| self.0[event as usize].load(Ordering::Relaxed);
        CacheStats {
            hits: count(Event::Hit),
            misses: count(Event::Miss),
            errors: count(Event::Error),
            bypasses: count(Event::Bypass),
            shared: count(Event::Shared),
            kept: count(Event::Kept),
            too_large: count(Event::TooLarge),
            failed: count(Event::Failed),
            dropped: count(Event::Dropped),
        }
    }
}

impl Event {
    /// What metrics and spans call it.
    pub(super) fn name(self) -> &'static str {
        self.as_metric().1
    }

    fn as_metric(self) -> (&'static Metric<1>, &'static str) {
        match self {
            Self::Hit => (&CACHE_QUESTIONS, "hit"),
            Self::Miss => (&CACHE_QUESTIONS, "miss"),
            Self::Error => (&CACHE_QUESTIONS, "error"),
            Self::Bypass => (&CACHE_QUESTIONS, "bypass"),
            Self::Shared => (&CACHE_QUESTIONS, "shared"),
            Self::Kept => (&CACHE_ANSWERS, "kept"),
            Self::TooLarge => (&CACHE_ANSWERS, "too_large"),
            Self::Failed => (&CACHE_ANSWERS, "failed"),
            Self::Dropped => (&CACHE_ANSWERS, "dropped"),
        }
    }
}
