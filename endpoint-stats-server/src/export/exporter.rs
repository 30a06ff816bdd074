//! [`Exporter`]: the windows of a store, a stretch of time after the other.

use endpoint_stats_core::store::{StatsQuery, StatsReport, StatsStore, StoreError};
use endpoint_stats_core::window::{TimeRange, Timestamp};

use super::{ExportError, Row, RowWriter, Widths};

/// Reads what a question is about in steps.
#[derive(Debug)]
pub struct Exporter<'s> {
    store: &'s dyn StatsStore,
    query: StatsQuery,
    widths: Widths,
}

/// A stretch of time that no window reaches beyond.
#[derive(Clone, Copy)]
struct Stretch {
    range: TimeRange,
    level: usize,
}

impl<'s> Exporter<'s> {
    /// Reads from a store what a question is about.
    pub fn new(store: &'s dyn StatsStore, query: StatsQuery, widths: Widths) -> Self {
        Self { store, query, widths }
    }

    /// Writes a row an endpoint and step, in the order of time, and tells how many.
    ///
    /// # Errors
    ///
    /// When the store does not answer, when a row cannot be written, or when the store rolls up meanwhile.
    pub async fn export(&self, rows: &mut dyn RowWriter) -> Result<u64, ExportError> {
        let mut written = 0;
        let (mut next, end) = self.bounds().await.map_err(ExportError::Store)?;
        while let Some(longest) = self.stretch(next, 0).filter(|_| next < end) {
            written += self.export_stretch(longest, rows).await?;
            next = longest.range.to;
        }
        Ok(written)
    }

    async fn export_stretch(&self, longest: Stretch, rows: &mut dyn RowWriter) -> Result<u64, ExportError> {
        let mut written = 0;
        let mut to_do = vec![longest];
        while let Some(stretch) = to_do.pop() {
            let report = self.ask(stretch.range).await?;
            if report.endpoints.is_empty() {
                continue;
            }
            if !is_within(&report, stretch.range) {
                return Err(ExportError::RolledUp);
            }
            let parts = self.parts(stretch);
            if parts.is_empty() || self.has_a_wide_window(&parts).await? {
                written += write(report, stretch.range, rows).map_err(ExportError::Write)?;
            } else {
                to_do.extend(parts.into_iter().rev());
            }
        }
        Ok(written)
    }

    /// Whether a window covers a stretch as a whole, and so reaches beyond the first of its parts.
    async fn has_a_wide_window(&self, parts: &[Stretch]) -> Result<bool, ExportError> {
        let Some(first) = parts.first() else { return Ok(false) };
        Ok(!is_within(&self.ask(first.range).await?, first.range))
    }

    async fn ask(&self, range: TimeRange) -> Result<StatsReport, ExportError> {
        let query = StatsQuery { range: self.asked(range), ..self.query.clone() };
        self.store.query(&query).await.map_err(ExportError::Store)
    }

    /// The parts of a stretch that were asked for, one level down; none for a step.
    fn parts(&self, stretch: Stretch) -> Vec<Stretch> {
        let mut parts = Vec::new();
        let mut next = stretch.range.from;
        while let Some(part) = self.stretch(next, stretch.level + 1).filter(|_| next < stretch.range.to) {
            next = part.range.to;
            parts.push(part);
        }
        parts.retain(|part| !self.asked(part.range).is_empty());
        parts
    }

    /// The stretch of a level that a second lies in.
    fn stretch(&self, at: Timestamp, level: usize) -> Option<Stretch> {
        let width = self.widths.at(level)?;
        let from = at.minus_secs(at.as_unix().rem_euclid(width));
        Some(Stretch { range: TimeRange::new(from, from.plus_secs(width)), level })
    }

    /// The part of a range that was asked for.
    fn asked(&self, range: TimeRange) -> TimeRange {
        TimeRange::new(range.from.max(self.query.range.from), range.to.min(self.query.range.to))
    }

    /// The seconds between which there is something, rounded up to whole days.
    async fn bounds(&self) -> Result<(Timestamp, Timestamp), StoreError> {
        const DAY_SECS: i64 = 86_400;
        let known = self.store.endpoints().await?;
        let asked = known.iter().filter(|status| self.query.filter.matches(&status.endpoint));
        let called = asked.filter_map(|status| Some((status.first_seen?, status.last_called?)));
        let seen = called.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)));
        Ok(seen.map_or((Timestamp::EPOCH, Timestamp::EPOCH), |(first, last)| {
            let range = self.asked(TimeRange::new(first.minus_secs(DAY_SECS), last.plus_secs(DAY_SECS)));
            (range.from, range.to)
        }))
    }
}

fn is_within(report: &StatsReport, range: TimeRange) -> bool {
    report.covered.is_none_or(|covered| range.from <= covered.from && covered.to <= range.to)
}

fn write(report: StatsReport, window: TimeRange, rows: &mut dyn RowWriter) -> std::io::Result<u64> {
    let mut written = 0;
    for found in report.endpoints {
        rows.write(&Row { endpoint: found.endpoint, window, counts: found.summary.counts })?;
        written += 1;
    }
    Ok(written)
}
