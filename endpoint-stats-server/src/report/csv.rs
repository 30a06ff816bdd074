//! A report as CSV.

use endpoint_stats_core::store::EndpointReport;

use super::{Report, rfc_3339};

const COLUMNS: [&str; 20] = [
    "service",
    "method",
    "route",
    "hits",
    "errors",
    "request_bytes",
    "response_bytes",
    "callers",
    "latency_p50_secs",
    "latency_p90_secs",
    "latency_p95_secs",
    "latency_p99_secs",
    "latency_max_secs",
    "duration_p50_secs",
    "duration_p90_secs",
    "duration_p95_secs",
    "duration_p99_secs",
    "duration_max_secs",
    "first_seen",
    "last_called",
];

/// Writes a row an endpoint, under a row of names. Cells that a spreadsheet would run are prefixed with `'`.
///
/// # Errors
///
/// When the text cannot be put together, which takes more memory than there is.
pub fn render(report: &Report, only_unused: bool) -> Result<String, csv::Error> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    if only_unused {
        rows.write_record(["service", "method", "route", "registered_at"])?;
        for status in &report.unused {
            let endpoint = &status.endpoint;
            rows.write_record([
                endpoint.service().as_str().to_owned(),
                endpoint.method().to_string(),
                guarded(endpoint.route().as_str()),
                status.registered_at.map(rfc_3339).unwrap_or_default(),
            ])?;
        }
    } else {
        rows.write_record(COLUMNS)?;
        for found in &report.stats.endpoints {
            rows.write_record(row(found))?;
        }
    }
    let bytes = rows.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn row(found: &EndpointReport) -> Vec<String> {
    let counts = &found.summary.counts;
    let mut row = vec![
        found.endpoint.service().as_str().to_owned(),
        found.endpoint.method().to_string(),
        guarded(found.endpoint.route().as_str()),
        counts.hits().to_string(),
        counts.outcomes.errors().to_string(),
        counts.request_bytes.to_string(),
        counts.response_bytes.to_string(),
        counts.callers.count().to_string(),
    ];
    for sketch in [&counts.latency, &counts.duration] {
        let quantiles = [0.5, 0.9, 0.95, 0.99].map(|q| sketch.quantile(q));
        let secs = quantiles.into_iter().chain([sketch.max()]).map(|found| found.map(|found| found.as_secs_f64()));
        row.extend(secs.map(|secs| secs.map(|secs| secs.to_string()).unwrap_or_default()));
    }
    row.push(found.summary.first_at.map(rfc_3339).unwrap_or_default());
    row.push(found.summary.last_at.map(rfc_3339).unwrap_or_default());
    row
}

/// Keeps a spreadsheet from taking a name for a formula (OWASP, "CSV Injection").
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_shown_as_text() {
        assert_eq!(guarded("=1+1"), "'=1+1");
        assert_eq!(guarded("/users/{id}"), "/users/{id}");
    }
}
