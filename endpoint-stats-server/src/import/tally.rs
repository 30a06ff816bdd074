//! [`Tally`]: what one thread counted since the last batch.

use std::collections::HashMap;

use endpoint_stats_core::Outcome;
use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::window::{Timestamp, Width, Window};
use foldhash::fast::RandomState;

use super::endpoints::Endpoints;
use super::summary::MAX_SHOWN;
use super::{ImportSummary, Line, RejectReason, RejectedLine};

/// What one thread counted since the last batch: its size depends on endpoints and windows, never on lines.
#[derive(Debug, Default)]
pub(super) struct Tally {
    cells: HashMap<(u32, i64), Cell, RandomState>,
    lines_of_chunks: Vec<(u64, u64)>,
    // Numbers count from the chunk's start.
    rejected: Vec<(u64, RejectedLine)>,
    reasons: HashMap<RejectReason, u64, RandomState>,
}

/// What one endpoint did in one window.
#[derive(Debug)]
struct Cell {
    first_at: Timestamp,
    last_at: Timestamp,
    counts: Counts,
}

// === impl Tally ===

impl Tally {
    /// Counts a line for an endpoint, in the window that starts at a second.
    #[inline]
    pub(super) fn count(&mut self, endpoint: u32, window_start: i64, line: &Line<'_>, caller: Option<CallerHash>) {
        self.cells.entry((endpoint, window_start)).or_insert_with(|| Cell::at(line.at)).add(line, caller);
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
        for (key, cell) in other.cells {
            self.cells.entry(key).or_insert_with(|| Cell::at(cell.first_at)).merge(&cell);
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
        for ((endpoint, _), cell) in &self.cells {
            let hits = cell.counts.hits();
            summary.counted += hits;
            summary.folded += if Endpoints::is_fold(endpoints.get(*endpoint).route()) { hits } else { 0 };
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
        let delta = |((endpoint, start), cell): ((u32, i64), Cell)| Delta {
            endpoint: endpoints.get(endpoint),
            window: Window::containing(Timestamp::from_unix(start), width),
            first_at: cell.first_at,
            last_at: cell.last_at,
            counts: cell.counts,
        };
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

// === impl Cell ===

impl Cell {
    fn at(first_at: Timestamp) -> Self {
        Self { first_at, last_at: first_at, counts: Counts::default() }
    }

    #[inline]
    fn add(&mut self, line: &Line<'_>, caller: Option<CallerHash>) {
        self.first_at = self.first_at.min(line.at);
        self.last_at = self.last_at.max(line.at);
        let counts = &mut self.counts;
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

    fn merge(&mut self, other: &Self) {
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        self.counts.merge(&other.counts);
    }
}
