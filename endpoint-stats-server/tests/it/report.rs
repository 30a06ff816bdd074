//! `report`: what was counted, as a table, JSON and CSV.

use std::fs;
use std::path::Path;

use crate::command::{run, stderr, stdout, url};
use crate::log_lines::{line, lines};

fn imported(log: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    fs::write(&file, log).unwrap();
    let output = run(&["import", "--database-url", &url(folder.path()), file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    folder
}

fn report(folder: &Path, arguments: &[&str]) -> String {
    let output = run(&[&["report", "--database-url", &url(folder)], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn json_tells_everything() {
    let folder = imported(&lines(1_000));

    let report: serde_json::Value = serde_json::from_str(&report(folder.path(), &["--json", "--step", "1d"])).unwrap();

    assert_eq!(report["totals"]["hits"], 1_000);
    assert_eq!(report["totals"]["errors"], 100);
    assert_eq!(report["totals"]["outcomes"], serde_json::json!({"200": 900, "500": 100}));
    assert_eq!(report["totals"]["response_bytes"], 100_000);
    assert_eq!(report["totals"]["first_seen"], "2015-05-17T10:00:00Z");
    assert_eq!(report["endpoints"][0]["route"], "/users/{id}");
    assert_eq!(report["series"][0]["start"], "2015-05-17T00:00:00Z");
    assert_eq!(report["series"][0]["hits"], 1_000);
}

#[test]
fn a_table_shows_the_totals_and_the_first_rows() {
    let folder = imported(&format!("{}{}{}", line(1, "/a", 200), line(2, "/b", 200), line(3, "/b", 404)));

    let table = report(folder.path(), &["--limit", "1"]);

    assert!(table.starts_with("3 hits, 0 errors"), "{table}");
    assert!(table.contains("/b") && !table.contains("/a"), "{table}");
    assert!(table.contains("and 1 more; --limit 0 shows all"), "{table}");
}

#[test]
fn csv_has_a_row_an_endpoint() {
    let folder = imported(&format!("{}{}", line(1, "/a", 200), line(2, "/b,c", 200)));

    let csv = report(folder.path(), &["--csv", "--sort", "name"]);

    let lines: Vec<_> = csv.lines().collect();
    assert!(lines[0].starts_with("service,method,route,hits"), "{csv}");
    assert!(lines[1].starts_with("web,GET,/a,1,"), "{csv}");
    assert!(lines[2].starts_with("web,GET,\"/b,c\",1,"), "{csv}");
    assert_eq!(lines.len(), 3, "{csv}");
}

#[test]
fn a_range_and_a_route_select() {
    let folder = imported(&format!("{}{}", line(1, "/a", 200), line(2, "/b", 200)));
    let hits = |arguments: &[&str]| {
        let report: serde_json::Value =
            serde_json::from_str(&report(folder.path(), &[&["--json"], arguments].concat())).unwrap();
        report["totals"]["hits"].as_u64().unwrap()
    };

    assert_eq!(hits(&["--from", "2015-05-17", "--to", "2015-05-18"]), 2);
    assert_eq!(hits(&["--from", "2015-05-18"]), 0);
    assert_eq!(hits(&["--from", "-24h"]), 0);
    assert_eq!(hits(&["--route", "/a"]), 1);
    assert_eq!(hits(&["--service", "other"]), 0);
    assert_eq!(hits(&["--method", "POST"]), 0);
}

#[test]
fn a_report_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();

    let output = run(&["report", "--database-url", &url(folder.path())]);

    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("a file that exists"), "{}", stderr(&output));
    assert!(!crate::command::file(folder.path()).exists());
}
