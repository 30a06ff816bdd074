//! The text that Prometheus reads (exposition format 0.0.4).

use std::fmt::Write;

use super::catalog::EndpointMetric;
use super::endpoint_totals::{EndpointTotal, EndpointTotals};
use super::metric::Description;

/// The bounds of the classic histogram of latencies, in seconds.
///
/// Those of OpenTelemetry's `http.server.request.duration`, but for four that add little: each is a line an endpoint.
pub const LATENCY_BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// An endpoint's totals, and its labels as they are written on each line.
struct Labelled {
    labels: String,
    total: EndpointTotal,
}

impl EndpointTotals {
    /// The totals as Prometheus reads them: text, in exposition format 0.0.4.
    ///
    /// A latency is counted below a bound when the middle of its bucket is, so the bounds are exact to 1.1 %.
    pub fn to_prometheus(&self) -> String {
        let labelled: Vec<_> = self.snapshot().into_iter().map(Labelled::new).collect();
        let mut text = String::with_capacity(labelled.len() * 2_048);
        for metric in EndpointMetric::ALL {
            // A string takes whatever is written to it.
            let _ = write(metric, &labelled, &mut text);
        }
        text
    }
}

fn write(metric: EndpointMetric, endpoints: &[Labelled], text: &mut String) -> std::fmt::Result {
    let Description { name, kind, help, .. } = metric.description();
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {}", kind.as_str())?;
    endpoints.iter().try_for_each(|endpoint| match metric {
        EndpointMetric::Hits => endpoint.write_hits(name, text),
        EndpointMetric::Latency => endpoint.write_latency(name, text),
        EndpointMetric::RequestBytes => {
            writeln!(text, "{name}{{{}}} {}", endpoint.labels, endpoint.total.request_bytes)
        }
        EndpointMetric::ResponseBytes => {
            writeln!(text, "{name}{{{}}} {}", endpoint.labels, endpoint.total.response_bytes)
        }
    })
}

/// Puts a value between quotes: a backslash, a quote and the end of a line are escaped.
fn escape(value: &str, into: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => into.push_str("\\\\"),
            '"' => into.push_str("\\\""),
            '\n' => into.push_str("\\n"),
            other => into.push(other),
        }
    }
}

// === impl Labelled ===

impl Labelled {
    fn new(total: EndpointTotal) -> Self {
        let endpoint = &total.endpoint;
        let values = [endpoint.service().as_str(), endpoint.method().as_str(), endpoint.route().as_str()];
        let mut labels = String::new();
        for (name, value) in ["service=\"", "\",method=\"", "\",route=\""].into_iter().zip(values) {
            labels.push_str(name);
            escape(value, &mut labels);
        }
        labels.push('"');
        Self { labels, total }
    }

    fn write_hits(&self, name: &str, text: &mut String) -> std::fmt::Result {
        let mut outcomes = self.total.outcomes.iter();
        outcomes
            .try_for_each(|(outcome, hits)| writeln!(text, "{name}{{{},outcome=\"{outcome}\"}} {hits}", self.labels))
    }

    fn write_latency(&self, name: &str, text: &mut String) -> std::fmt::Result {
        let (labels, latency) = (&self.labels, &self.total.latency);
        for (bound, count) in LATENCY_BOUNDS.into_iter().zip(latency.counts_up_to(&LATENCY_BOUNDS)) {
            writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}")?;
        }
        let count = latency.count();
        writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}")?;
        writeln!(text, "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {count}", latency.sum_secs())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::aggregate::{Counts, Delta};
    use crate::endpoint::{Endpoint, Method, Route, ServiceName};
    use crate::hit::{Hit, Outcome};
    use crate::window::{Timestamp, Width, Window};

    fn totals(route: &str, latencies_ms: &[u64]) -> EndpointTotals {
        let endpoint = Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new(route).unwrap());
        let mut counts = Counts { request_bytes: 7, ..Counts::default() };
        for latency in latencies_ms {
            counts.add(&Hit {
                outcome: Outcome::Status(200),
                latency: Some(Duration::from_millis(*latency).into()),
                duration: None,
                response_bytes: 10,
                caller: None,
            });
        }
        let at = Timestamp::from_unix(1_700_000_000);
        let window = Window::containing(at, Width::TenSeconds);
        let totals = EndpointTotals::default();
        totals.add_drained(&[Delta { endpoint, window, first_at: at, last_at: at, counts }]);
        totals
    }

    #[test]
    fn an_endpoint_is_written_as_prometheus_reads_it() {
        let text = totals("/users/{id}", &[3, 30, 30, 20_000]).to_prometheus();

        let labels = r#"service="shop",method="GET",route="/users/{id}""#;
        for line in [
            "# TYPE endpoint_stats_hits_total counter".to_owned(),
            format!(r#"endpoint_stats_hits_total{{{labels},outcome="200"}} 4"#),
            "# TYPE endpoint_stats_latency_seconds histogram".to_owned(),
            format!(r#"endpoint_stats_latency_seconds_bucket{{{labels},le="0.005"}} 1"#),
            format!(r#"endpoint_stats_latency_seconds_bucket{{{labels},le="0.025"}} 1"#),
            format!(r#"endpoint_stats_latency_seconds_bucket{{{labels},le="0.05"}} 3"#),
            format!(r#"endpoint_stats_latency_seconds_bucket{{{labels},le="10"}} 3"#),
            format!(r#"endpoint_stats_latency_seconds_bucket{{{labels},le="+Inf"}} 4"#),
            format!("endpoint_stats_latency_seconds_count{{{labels}}} 4"),
            format!("endpoint_stats_request_bytes_total{{{labels}}} 7"),
            format!("endpoint_stats_response_bytes_total{{{labels}}} 40"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn what_would_end_a_label_is_escaped() {
        let text = totals("/\"\\\n", &[1]).to_prometheus();

        assert!(text.contains(r#"route="/\"\\\n","#), "{text}");
        assert!(!text.contains("\n\""), "{text}");
    }

    #[test]
    fn without_an_endpoint_there_are_no_series() {
        let text = EndpointTotals::default().to_prometheus();

        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
        assert!(text.ends_with('\n'));
    }
}
