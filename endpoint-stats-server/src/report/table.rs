//! A report as a table for a terminal.

use std::fmt::Write;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use endpoint_stats_core::aggregate::Counts;
use endpoint_stats_core::store::EndpointReport;

use super::{Report, rfc_3339, shown_sketch};

const COLUMNS: [&str; 12] =
    ["SERVICE", "METHOD", "ROUTE", "HITS", "ERRORS", "P50", "P90", "P95", "P99", "BYTES", "CALLERS", "LAST CALLED"];

/// Writes the totals, and a row an endpoint, at most `limit` of them unless that is 0.
pub fn render(report: &Report, limit: usize, only_unused: bool) -> String {
    let mut text = String::new();
    if !only_unused {
        text.push_str(&totals(report));
        text.push_str(&endpoints(report, limit));
        text.push_str(&series(report));
    }
    text.push_str(&unused(report));
    if text.is_empty() {
        text.push_str("Every registered endpoint was called.\n");
    }
    text
}

fn totals(report: &Report) -> String {
    let counts = &report.stats.totals.counts;
    let Some(covered) = report.stats.covered else {
        return "No hits in this range.\n".to_owned();
    };
    let outcomes: Vec<_> = counts.outcomes.iter().map(|(outcome, hits)| format!("{outcome}: {hits}")).collect();
    format!(
        "{} hits, {} errors, {} out, {} in, {} callers\n{} to {}\n{}\n\n",
        counts.hits(),
        share(counts.outcomes.errors(), counts.hits()),
        bytes(counts.response_bytes),
        bytes(counts.request_bytes),
        counts.callers.count(),
        rfc_3339(covered.from),
        rfc_3339(covered.to),
        outcomes.join("  "),
    )
}

fn endpoints(report: &Report, limit: usize) -> String {
    let all = &report.stats.endpoints;
    let shown = if limit == 0 { all.len() } else { limit.min(all.len()) };
    if shown == 0 {
        return String::new();
    }
    let mut table = plain_table(&COLUMNS);
    table.add_rows(all[..shown].iter().map(row));
    align_right(&mut table, 3..=10);
    let mut text = format!("{table}\n");
    if shown < all.len() {
        let _ = writeln!(text, "and {} more; --limit 0 shows all", all.len() - shown);
    }
    text
}

fn row(found: &EndpointReport) -> Vec<String> {
    let counts = &found.summary.counts;
    let mut row = vec![
        found.endpoint.service().to_string(),
        found.endpoint.method().to_string(),
        printable(found.endpoint.route().as_str()),
        counts.hits().to_string(),
        share(counts.outcomes.errors(), counts.hits()),
    ];
    row.extend(quantiles(counts));
    row.push(bytes(counts.response_bytes));
    row.push(counts.callers.count().to_string());
    row.push(found.summary.last_at.map(rfc_3339).unwrap_or_default());
    row
}

fn quantiles(counts: &Counts) -> [String; 4] {
    [0.5, 0.9, 0.95, 0.99].map(|q| shown_sketch(counts).quantile(q).map_or_else(|| "-".to_owned(), duration))
}

fn series(report: &Report) -> String {
    if report.stats.series.is_empty() {
        return String::new();
    }
    let mut table = plain_table(&["START", "HITS", "ERRORS", "P50", "P90", "P95", "P99"]);
    table.add_rows(report.stats.series.iter().map(|point| {
        let counts = &point.counts;
        let mut row =
            vec![rfc_3339(point.start), counts.hits().to_string(), share(counts.outcomes.errors(), counts.hits())];
        row.extend(quantiles(counts));
        row
    }));
    align_right(&mut table, 1..=6);
    format!("\n{table}\n")
}

fn unused(report: &Report) -> String {
    if report.unused.is_empty() {
        return String::new();
    }
    let mut table = plain_table(&["SERVICE", "METHOD", "ROUTE", "REGISTERED, NEVER CALLED"]);
    table.add_rows(report.unused.iter().map(|status| {
        [
            status.endpoint.service().to_string(),
            status.endpoint.method().to_string(),
            printable(status.endpoint.route().as_str()),
            status.registered_at.map(rfc_3339).unwrap_or_default(),
        ]
    }));
    format!("\n{table}\n")
}

/// A table without lines, as all that this program prints.
pub(crate) fn plain_table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns);
    table
}

fn align_right(table: &mut Table, columns: std::ops::RangeInclusive<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A path comes from a stranger: what would move the cursor is shown, not sent.
fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn share(part: u64, whole: u64) -> String {
    if part == 0 {
        return "0".to_owned();
    }
    format!("{part} ({:.2} %)", 100.0 * part as f64 / whole as f64)
}

fn duration(found: Duration) -> String {
    match found.as_secs_f64() {
        secs if secs >= 1.0 => format!("{secs:.2} s"),
        secs if secs >= 1e-3 => format!("{:.1} ms", secs * 1e3),
        secs => format!("{:.0} µs", secs * 1e6),
    }
}

fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    let mut value = count as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1_000.0;
        unit = larger;
    }
    if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits_and_a_unit() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_500), "1.5 kB");
        assert_eq!(bytes(2_747_282_740), "2.7 GB");
    }

    #[test]
    fn what_would_move_the_cursor_is_shown() {
        assert_eq!(printable("/a\u{1b}[2J"), "/a\\u{1b}[2J");
    }
}
