//! [`Tally`]: what one thread counted since the last batch.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use endpoint_stats_core::Outcome;
use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::window::{Timestamp, Width, Window};
use foldhash::fast::RandomState;

use super::endpoints::Endpoints;
use super::summary::MAX_SHOWN;
use super::{ImportSummary, Line, RejectReason, RejectedLine};
use crate::window_sum::WindowSum;

/// What one thread counted since the last batch: its size depends on endpoints and windows, never on lines.
#[derive(Debug, Default)]
pub(super) struct Tally {
    cells: HashMap<(u32, i64), WindowSum, RandomState>,
    lines_of_chunks: Vec<(u64, u64)>,
    // Numbers count from the chunk's start.
    rejected: Vec<(u64, RejectedLine)>,
    reasons: HashMap<RejectReason, u64, RandomState>,
}

// === impl Tally ===

impl Tally {
    /// Counts a line for an endpoint, in the window that starts at a second.
    #[inline]
    pub(super) fn count(&mut self, endpoint: u32, window_start: i64, line: &Line<'_>, caller: Option<CallerHash>) {
        let sum = self.cells.entry((endpoint, window_start)).or_insert_with(|| WindowSum::from(line.at));
        add(sum.at(line.at), line, caller);
    }

    /// Rejects a line of a chunk.
    pub(super) fn reject(&mut self, chunk: u64, number: u64, reason: RejectReason, line: &[u8]) {
        *self.reasons.entry(reason).or_default() += 1;
        if self.rejected.len() < MAX_SHOWN {
            self.rejected.push((chunk, RejectedLine::new(number, reason, line)));
        }
    }

    /// Notes how many lines a chunk had.
    pub(super) fn end_chunk(&mut self, chunk: u64, lines: u64) {
        self.lines_of_chunks.push((chunk, lines));
    }

    /// How many pairs of endpoint and window there are.
    pub(super) fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Adds what another thread counted.
    pub(super) fn merge(&mut self, mut other: Self) {
        if self.cells.len() < other.cells.len() {
            std::mem::swap(&mut self.cells, &mut other.cells);
        }
        for (key, sum) in other.cells {
            match self.cells.entry(key) {
                Entry::Occupied(mut present) => present.get_mut().merge(&sum),
                Entry::Vacant(vacant) => {
                    vacant.insert(sum);
                }
            }
        }
        self.lines_of_chunks.extend(other.lines_of_chunks);
        self.rejected.extend(other.rejected);
        for (reason, lines) in other.reasons {
            *self.reasons.entry(reason).or_default() += lines;
        }
    }

    /// How many lines there were, and what became of them; `lines_before` are those of earlier chunks.
    pub(super) fn summary(&mut self, endpoints: &Endpoints, lines_before: u64) -> (u64, ImportSummary) {
        let mut summary = ImportSummary::default();
        for ((endpoint, _), sum) in &self.cells {
            let hits = sum.counts().hits();
            summary.counted += hits;
            summary.folded += if endpoints.get(*endpoint).route().is_reserved() { hits } else { 0 };
        }
        for (reason, lines) in &self.reasons {
            summary.reject(*reason, *lines);
        }
        let lines = self.number_rejected_lines(lines_before);
        self.rejected.drain(..).for_each(|(_, line)| summary.show(line));
        (lines, summary)
    }

    /// What each endpoint gained in each window.
    pub(super) fn into_deltas(self, endpoints: &Endpoints, width: Width) -> Vec<Delta> {
        let window = |start| Window::containing(Timestamp::from_unix(start), width);
        let delta =
            |((endpoint, start), sum): ((u32, i64), WindowSum)| sum.into_delta(endpoints.get(endpoint), window(start));
        self.cells.into_iter().map(delta).collect()
    }

    /// Turns numbers within chunks into numbers within the input, and says how many lines the chunks had.
    fn number_rejected_lines(&mut self, lines_before: u64) -> u64 {
        self.lines_of_chunks.sort_unstable();
        self.rejected.sort_by_key(|(chunk, line)| (*chunk, line.number));
        let mut rejected = self.rejected.iter_mut().peekable();
        let mut before = lines_before;
        for (chunk, lines) in &self.lines_of_chunks {
            while let Some((_, line)) = rejected.next_if(|(of, _)| of == chunk) {
                line.number += before;
            }
            before += lines;
        }
        before - lines_before
    }
}

#[inline]
fn add(counts: &mut Counts, line: &Line<'_>, caller: Option<CallerHash>) {
    counts.outcomes.add(Outcome::Status(line.status), 1);
    counts.response_bytes = counts.response_bytes.saturating_add(line.response_bytes);
    counts.request_bytes = counts.request_bytes.saturating_add(line.request_bytes);
    if let Some(duration) = line.duration {
        counts.duration.record(duration);
    }
    if let Some(caller) = caller {
        counts.callers.insert(caller);
    }
}
