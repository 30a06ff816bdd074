//! The page at `/` for browsers: every endpoint and its hits.

use std::fmt::Write;

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use endpoint_stats_core::flush::{FleetCount, FleetView};

/// Nothing but the page's own style, by its hash-free inline permission; no script, no picture, no frame.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>endpoint-stats</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; }
p { margin: 0 0 1rem; opacity: .75; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .75rem; border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.route { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
</style>
</head>
<body>
"#;

pub(super) fn render(fleet: &FleetView) -> Response {
    let mut counts = fleet.counts();
    counts.sort_by(|a, b| b.hits.cmp(&a.hits).then_with(|| a.endpoint.cmp(&b.endpoint)));
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(body(&counts))).into_response()
}

fn body(counts: &[FleetCount]) -> String {
    let total = counts.iter().fold(0_u64, |sum, count| sum.saturating_add(count.hits));
    let mut html = String::from(HEAD);
    let _ = write!(
        html,
        "<h1>endpoint-stats</h1>\n<p>{total} hits at {} endpoints. The same as JSON: <a href=\"/stats\">/stats</a></p>\n\
         <div class=\"scroll\"><table>\n<thead><tr><th>service</th><th>method</th><th>route</th>\
         <th class=\"number\">hits</th></tr></thead>\n<tbody>\n",
        counts.len()
    );
    for count in counts {
        let endpoint = &count.endpoint;
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td class=\"route\">{}</td><td class=\"number\">{}</td></tr>",
            escaped(endpoint.service().as_str()),
            endpoint.method(),
            escaped(endpoint.route().as_str()),
            count.hits
        );
    }
    html.push_str("</tbody>\n</table></div>\n</body>\n</html>\n");
    html
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
        html
    })
}

#[cfg(test)]
mod tests {
    use endpoint_stats_core::{Endpoint, Method, Route, ServiceName};

    use super::*;

    #[test]
    fn a_route_is_shown_as_text() {
        let route = Route::new("/<script>alert('x')</script>").unwrap();
        let endpoint = Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, route);

        let html = body(&[FleetCount { endpoint, hits: 3 }]);

        assert!(html.contains("/&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
        assert!(!html.contains("<script>"));
    }
}
