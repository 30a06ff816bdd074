//! `docs/metrics.md` lists every metric, and `/metrics` has every metric that is listed.
//!
//! `UPDATE_DOCS=1 cargo nextest run -p endpoint-stats-server every_metric_is_documented` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use endpoint_stats_core::telemetry::{self, Description, Label};
use endpoint_stats_server::exposition;

use crate::command::{Server, program};
use crate::http;
use crate::postgres::migrated;
use crate::support::certificates::issue;
use crate::support::redis::RedisServer;

const BEGIN: &str = "<!-- made of the catalog by tests/it/metrics_docs.rs: begin -->\n";
const END: &str = "<!-- end -->\n";

/// Looks so often at most: some seconds.
const LOOKS: u32 = 2_000;

fn label(label: &Label) -> String {
    if label.values.is_empty() {
        format!("`{}`", label.name)
    } else {
        format!("`{}`: {}", label.name, label.values.join(", "))
    }
}

fn table(title: &str, metrics: impl Iterator<Item = Description>) -> String {
    let mut text = format!("\n## {title}\n\n| metric | kind | labels | what |\n|---|---|---|---|\n");
    for Description { name, kind, labels, help, .. } in metrics {
        let labels: Vec<_> = labels.iter().map(label).collect();
        let _ = writeln!(text, "| `{name}` | {} | {} | {help} |", kind.as_str(), labels.join("; "));
    }
    text
}

fn every_metric() -> String {
    let of_the_library: BTreeSet<_> = telemetry::descriptions().map(|metric| metric.name).collect();
    let of_the_server = exposition::descriptions().filter(|metric| !of_the_library.contains(metric.name));
    table("The library", telemetry::descriptions()) + table("The server", of_the_server).as_str()
}

#[test]
fn every_metric_is_documented() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the page says where the metrics begin");
    let (_, after) = rest.split_once(END).expect("the page says where the metrics end");

    let expected = format!("{before}{BEGIN}{}\n{END}{after}", every_metric());

    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &expected).unwrap();
    }
    let missing: Vec<_> = expected.lines().filter(|line| !text.lines().any(|found| found == *line)).collect();
    assert!(expected == fs::read_to_string(&file).unwrap(), "missing in {}:\n{}", file.display(), missing.join("\n"));
}

#[test]
fn names_and_units_are_as_prometheus_wants_them() {
    for Description { name, kind, unit, help, labels } in exposition::descriptions() {
        let is_counter = kind == telemetry::Kind::Counter;
        assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        let unit = unit.as_str().unwrap_or_default();
        assert!(name.trim_end_matches("_total").ends_with(unit), "{name} is in {unit}");
        assert!(name.starts_with("endpoint_stats_") || name.starts_with("process_"), "{name}");
        assert!(!help.is_empty() && !help.ends_with('.') && !help.contains(['\n', '|']), "{name}: {help}");
        assert!(labels.iter().all(|label| !["le", "job", "instance"].contains(&label.name)), "{name}");
    }
}

/// The names that `/metrics` has series of, without what a histogram adds to them.
fn exported(page: &str) -> BTreeSet<String> {
    let series = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let names = series.map(|line| line.split(['{', ' ']).next().unwrap_or_default());
    let histograms: BTreeSet<_> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" histogram")).collect();
    let family = |name: &str| {
        let stem = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
        stem.filter(|stem| histograms.contains(stem)).unwrap_or(name).to_owned()
    };
    names.map(family).collect()
}

#[test]
fn a_server_exports_what_is_documented_and_nothing_else() {
    let (_postgres, url) = migrated();
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().unwrap();
    let certificates = issue(folder.path());
    let tokens = folder.path().join("tokens.json");
    let tokens = tokens.to_str().unwrap();
    let created = crate::command::run(&["token", "create", "--tokens-file", tokens, "--name", "a", "--scope", "read"]);
    assert!(created.status.success());
    let mut command =
        program(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--flush-secs", "0.1"]);
    command.args(["--database-url", &url, "--redis-url", &redis.url(), "--tokens-file", tokens]);
    command.args(["--watch-certificate", certificates.server.to_str().unwrap()]);
    command.args(["--spool-folder", folder.path().join("spool").to_str().unwrap()]);
    let server = Server::spawn(command);
    let admin = server.wait_for_address("health and metrics on http");
    http::get(server.address, "/").unwrap();

    let documented: BTreeSet<_> = exposition::descriptions().map(|metric| metric.name.to_owned()).collect();
    let page = || http::get(admin, "/metrics").unwrap().body;
    let is_complete = (0..LOOKS).any(|_| exported(&page()).is_superset(&documented));

    let exported = exported(&page());
    let missing: Vec<_> = documented.difference(&exported).collect();
    assert!(is_complete, "documented and not exported: {missing:?}");
    assert_eq!(exported.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "not documented");
    let described = |metric: &Description| {
        let (kind, help) = (metric.kind.as_str(), metric.help);
        page().contains(&format!("# TYPE {} {kind}\n", metric.name))
            && (metric.name.starts_with("process_") || page().contains(&format!("# HELP {} {help}\n", metric.name)))
    };
    let certificate = page().lines().find_map(|line| {
        line.strip_prefix("endpoint_stats_certificate_not_after_timestamp_seconds")?
            .rsplit(' ')
            .next()?
            .parse::<f64>()
            .ok()
    });
    assert!(certificate.is_some_and(|end| end > 1_800_000_000.0), "{certificate:?}");
    let undescribed: Vec<_> =
        exposition::descriptions().filter(|metric| !described(metric)).map(|it| it.name).collect();
    assert_eq!(undescribed, Vec::<&str>::new());
}

#[test]
fn counters_are_there_from_the_start() {
    let server = Server::start_at("memory:", &[]);
    let page = server.get("/metrics").body;

    for series in [
        "endpoint_stats_panics_total 0",
        "endpoint_stats_connections_refused_total{full=\"server\"} 0",
        "endpoint_stats_access_total{result=\"unknown\"} 0",
        "endpoint_stats_hits_received_total 0",
        "endpoint_stats_hits_received_dropped_total{reason=\"baseline\"} 0",
        "endpoint_stats_writers 0",
    ] {
        assert!(page.lines().any(|line| line == series), "{series} is missing in\n{page}");
    }
}
