//! A report as JSON.

use endpoint_stats_core::aggregate::Counts;
use endpoint_stats_core::sketch::LatencySketch;
use endpoint_stats_core::store::Summary;
use endpoint_stats_core::window::Timestamp;
use serde_json::{Map, Value, json};

use super::{Report, rfc_3339};

/// Writes a report as one JSON object: times in RFC 3339, durations in seconds, bytes and hits as numbers.
pub fn render(report: &Report, only_unused: bool) -> String {
    let mut text = if only_unused { unused(report) } else { everything(report) }.to_string();
    text.push('\n');
    text
}

fn everything(report: &Report) -> Value {
    let stats = &report.stats;
    let endpoints = stats.endpoints.iter().map(|found| {
        let mut fields = Map::new();
        fields.insert("service".into(), found.endpoint.service().as_str().into());
        fields.insert("method".into(), found.endpoint.method().as_str().into());
        fields.insert("route".into(), found.endpoint.route().as_str().into());
        fields.append(&mut summary(&found.summary));
        Value::Object(fields)
    });
    let series = stats.series.iter().map(|point| {
        let mut fields = counts(&point.counts);
        fields.insert("start".into(), rfc_3339(point.start).into());
        Value::Object(fields)
    });
    json!({
        "range": {
            "from": time(stats.covered.map(|range| range.from)),
            "to": time(stats.covered.map(|range| range.to)),
        },
        "totals": summary(&stats.totals),
        "endpoints": endpoints.collect::<Vec<_>>(),
        "series": series.collect::<Vec<_>>(),
        "unused": unused(report),
    })
}

fn unused(report: &Report) -> Value {
    let endpoints = report.unused.iter().map(|status| {
        json!({
            "service": status.endpoint.service().as_str(),
            "method": status.endpoint.method().as_str(),
            "route": status.endpoint.route().as_str(),
            "registered_at": time(status.registered_at),
        })
    });
    endpoints.collect()
}

fn summary(summary: &Summary) -> Map<String, Value> {
    let mut fields = counts(&summary.counts);
    fields.insert("first_seen".into(), time(summary.first_at));
    fields.insert("last_called".into(), time(summary.last_at));
    fields
}

fn counts(counts: &Counts) -> Map<String, Value> {
    let outcomes: Map<_, _> =
        counts.outcomes.iter().map(|(outcome, hits)| (outcome.to_string(), hits.into())).collect();
    let consumers: Map<_, _> = counts
        .consumers
        .iter()
        .map(|(name, counts)| {
            let fields = json!({"hits": counts.hits, "errors": counts.errors, "response_bytes": counts.response_bytes});
            (name.as_str().to_owned(), fields)
        })
        .collect();
    let fields = [
        ("hits", counts.hits().into()),
        ("errors", counts.outcomes.errors().into()),
        ("request_bytes", counts.request_bytes.into()),
        ("response_bytes", counts.response_bytes.into()),
        ("callers", counts.callers.count().into()),
        ("outcomes", Value::Object(outcomes)),
        ("latency", percentiles(&counts.latency)),
        ("duration", percentiles(&counts.duration)),
        ("consumers", Value::Object(consumers)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn percentiles(sketch: &LatencySketch) -> Value {
    let secs = |q| sketch.quantile(q).map(|found| found.as_secs_f64());
    json!({
        "count": sketch.count(),
        "p50": secs(0.5),
        "p90": secs(0.9),
        "p95": secs(0.95),
        "p99": secs(0.99),
        "max": sketch.max().map(|found| found.as_secs_f64()),
    })
}

fn time(at: Option<Timestamp>) -> Value {
    at.map(rfc_3339).into()
}
