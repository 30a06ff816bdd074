//! The columns of an export: names, types and cells, the same in every format.

use std::time::Duration;

use endpoint_stats_core::Outcome;
use endpoint_stats_core::window::Timestamp;

use super::Row;

/// A column.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) cells: Cells,
}

/// How a column's cell is read from a row.
pub(super) enum Cells {
    Text(fn(&Row) -> &str),
    Time(fn(&Row) -> Timestamp),
    Number(fn(&Row) -> u64),
    Secs(fn(&Row) -> Option<Duration>),
}

pub(super) const COLUMNS: [Column; 29] = [
    text("service", |row| row.endpoint.service().as_str()),
    text("method", |row| row.endpoint.method().as_str()),
    text("route", |row| row.endpoint.route().as_str()),
    time("window_start", |row| row.window.from),
    time("window_end", |row| row.window.to),
    number("hits", |row| row.counts.hits()),
    number("errors", |row| row.counts.outcomes.errors()),
    number("status_1xx", |row| of_class(row, 1)),
    number("status_2xx", |row| of_class(row, 2)),
    number("status_3xx", |row| of_class(row, 3)),
    number("status_4xx", |row| of_class(row, 4)),
    number("status_5xx", |row| of_class(row, 5)),
    number("status_other", |row| (6..=9).fold(0, |sum, class| of_class(row, class).saturating_add(sum))),
    number("failed", |row| row.counts.outcomes.of(Outcome::Failed)),
    number("aborted", |row| row.counts.outcomes.of(Outcome::Aborted)),
    number("panicked", |row| row.counts.outcomes.of(Outcome::Panicked)),
    number("request_bytes", |row| row.counts.request_bytes),
    number("response_bytes", |row| row.counts.response_bytes),
    number("callers", |row| row.counts.callers.count()),
    secs("latency_p50_secs", |row| row.counts.latency.quantile(0.5)),
    secs("latency_p90_secs", |row| row.counts.latency.quantile(0.9)),
    secs("latency_p95_secs", |row| row.counts.latency.quantile(0.95)),
    secs("latency_p99_secs", |row| row.counts.latency.quantile(0.99)),
    secs("latency_max_secs", |row| row.counts.latency.max()),
    secs("duration_p50_secs", |row| row.counts.duration.quantile(0.5)),
    secs("duration_p90_secs", |row| row.counts.duration.quantile(0.9)),
    secs("duration_p95_secs", |row| row.counts.duration.quantile(0.95)),
    secs("duration_p99_secs", |row| row.counts.duration.quantile(0.99)),
    secs("duration_max_secs", |row| row.counts.duration.max()),
];

const fn text(name: &'static str, cell: fn(&Row) -> &str) -> Column {
    Column { name, cells: Cells::Text(cell) }
}

const fn time(name: &'static str, cell: fn(&Row) -> Timestamp) -> Column {
    Column { name, cells: Cells::Time(cell) }
}

const fn number(name: &'static str, cell: fn(&Row) -> u64) -> Column {
    Column { name, cells: Cells::Number(cell) }
}

const fn secs(name: &'static str, cell: fn(&Row) -> Option<Duration>) -> Column {
    Column { name, cells: Cells::Secs(cell) }
}

/// The hits whose status begins with a digit.
fn of_class(row: &Row, digit: u16) -> u64 {
    let is_of_class = |outcome: Outcome| matches!(outcome, Outcome::Status(code) if code / 100 == digit);
    let hits = row.counts.outcomes.iter().filter(|(outcome, _)| is_of_class(*outcome)).map(|(_, hits)| hits);
    hits.fold(0, u64::saturating_add)
}
