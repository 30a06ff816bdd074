//! [`CacheStats`]: what a cache did for how many questions.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::counter;

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
        let (name, result) = event.as_metric();
        counter!(name, "result" => result).increment(1);
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
    fn as_metric(self) -> (&'static str, &'static str) {
        const QUESTIONS: &str = "endpoint_stats_cache_questions_total";
        const ANSWERS: &str = "endpoint_stats_cache_answers_total";
        match self {
            Self::Hit => (QUESTIONS, "hit"),
            Self::Miss => (QUESTIONS, "miss"),
            Self::Error => (QUESTIONS, "error"),
            Self::Bypass => (QUESTIONS, "bypass"),
            Self::Shared => (QUESTIONS, "shared"),
            Self::Kept => (ANSWERS, "kept"),
            Self::TooLarge => (ANSWERS, "too_large"),
            Self::Failed => (ANSWERS, "failed"),
            Self::Dropped => (ANSWERS, "dropped"),
        }
    }
}
