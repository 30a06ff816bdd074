//! `export`: rows that add up to what `report` says, in files that are whole or not there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{run, stderr, stdout, url};
use crate::log_lines::{line, lines};

/// A store that was filled from a log, in windows of some width.
struct Store(tempfile::TempDir);

impl Store {
    fn of(log: &str, window: &str) -> Self {
        let store = Self(tempfile::tempdir().unwrap());
        store.import(log, window);
        store
    }

    fn import(&self, log: &str, window: &str) {
        let file = self.0.path().join("access.log");
        fs::write(&file, log).unwrap();
        let arguments = ["import", "--database-url", &url(self.0.path()), "--window", window, file.to_str().unwrap()];
        let output = run(&arguments);
        assert!(output.status.success(), "{}", stderr(&output));
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// The rows of an export to standard output.
    #[track_caller]
    fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let output =
            run(&[&["export", "--database-url", &url(self.0.path()), "--format", "jsonl", "-"], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn report(&self, arguments: &[&str]) -> Value {
        let output = run(&[&["report", "--json", "--database-url", &url(self.0.path())], arguments].concat());
        serde_json::from_str(&stdout(&output)).unwrap()
    }
}

fn sum(rows: &[Value], column: &str) -> u64 {
    rows.iter().map(|row| row[column].as_u64().unwrap()).sum()
}

fn windows(rows: &[Value]) -> BTreeSet<(&str, &str)> {
    rows.iter().map(|row| (row["window_start"].as_str().unwrap(), row["window_end"].as_str().unwrap())).collect()
}

#[test]
fn rows_add_up_to_the_report_whatever_the_step_and_the_windows() {
    for window in ["10s", "1m", "1h", "1d"] {
        let store = Store::of(&lines(1_000), window);
        let totals = &store.report(&[])["totals"];

        for step in ["10s", "30s", "1m", "5m", "1h", "6h", "1d", "7d"] {
            let rows = store.rows(&["--step", step]);

            for column in ["hits", "errors", "request_bytes", "response_bytes"] {
                assert_eq!(sum(&rows, column), totals[column].as_u64().unwrap(), "{column}, {window}, {step}");
            }
            assert_eq!(sum(&rows, "status_2xx") + sum(&rows, "status_5xx"), 1_000);
        }
    }
}

#[test]
fn a_row_is_an_endpoint_in_a_step() {
    let store = Store::of(&format!("{}{}{}", line(1, "/a", 200), line(61, "/a", 404), line(62, "/b", 301)), "10s");

    let rows = store.rows(&["--step", "1m"]);

    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["window_start"], "2015-05-17T10:00:00Z");
    assert_eq!(rows[0]["window_end"], "2015-05-17T10:01:00Z");
    assert_eq!((&rows[1]["route"], &rows[1]["status_4xx"]), (&"/a".into(), &1.into()));
    assert_eq!((&rows[2]["route"], &rows[2]["status_3xx"]), (&"/b".into(), &1.into()));
    assert_eq!((&rows[2]["method"], &rows[2]["service"]), (&"GET".into(), &"web".into()));
    assert_eq!(rows[2]["latency_p50_secs"], Value::Null);
}

#[test]
fn where_windows_are_wider_than_the_step_a_row_says_what_it_covers() {
    let store = Store::of(&line(1, "/a", 200), "1h");
    store.import(&line(7_201, "/b", 200).replace(":10:00", ":12:00"), "10s");

    let rows = store.rows(&["--step", "1m"]);

    let expected = [("2015-05-17T10:00:00Z", "2015-05-17T11:00:00Z"), ("2015-05-17T12:00:00Z", "2015-05-17T12:01:00Z")];
    assert_eq!(windows(&rows), BTreeSet::from(expected));
}

#[test]
fn narrow_windows_inside_of_a_wide_one_are_counted_once() {
    let store = Store::of(&lines(120), "1h");
    store.import(&line(1, "/late", 200), "10s");

    let rows = store.rows(&["--step", "10s"]);

    assert_eq!(sum(&rows, "hits"), 121);
    assert_eq!(windows(&rows).len(), 1);
}

#[test]
fn a_range_and_a_filter_select_as_in_a_report() {
    let store = Store::of(&lines(600), "10s");

    for selection in [
        &["--from", "2015-05-17T10:05:05Z"][..],
        &["--to", "2015-05-17T10:02:30Z"],
        &["--from", "2015-05-17T10:01:00Z", "--to", "2015-05-17T10:02:00Z"],
        &["--route", "/users/{id}"],
        &["--service", "nobody"],
        &["--from", "-24h"],
    ] {
        let rows = store.rows(&[selection, &["--step", "1m"]].concat());

        assert_eq!(sum(&rows, "hits"), store.report(selection)["totals"]["hits"].as_u64().unwrap(), "{selection:?}");
    }
}

#[test]
fn csv_has_a_head_and_a_row_an_endpoint_and_step() {
    let store = Store::of(&line(1, "/a,b", 200), "1h");
    let csv = store.file("out.csv");

    let output = run(&["export", "--database-url", &url(store.0.path()), csv.to_str().unwrap()]);

    assert_eq!(stdout(&output), format!("{}: 1 rows\n", csv.display()), "{}", stderr(&output));
    let text = fs::read_to_string(&csv).unwrap();
    assert!(text.starts_with("service,method,route,window_start,window_end,hits,errors,status_1xx,"), "{text}");
    let row = "web,GET,\"/a,b\",2015-05-17T10:00:00Z,2015-05-17T11:00:00Z,1,0,0,1,";
    assert!(text.contains(row), "{text}");
}

#[test]
fn a_file_takes_the_place_of_the_old_one_when_it_is_whole() {
    let store = Store::of(&lines(10), "1h");
    let file = store.file("out.jsonl");
    fs::write(&file, "old").unwrap();

    let output = run(&["export", "--database-url", &url(store.0.path()), file.to_str().unwrap()]);

    assert!(output.status.success(), "{}", stderr(&output));
    assert!(fs::read_to_string(&file).unwrap().starts_with("{\"service\":\"web\""));
    assert_eq!(left_over(store.0.path()), 0);
}

#[test]
fn an_export_that_fails_leaves_what_was_there() {
    let store = Store::of(&lines(10), "1h");
    let file = store.file("out.csv");
    fs::write(&file, "old").unwrap();
    crate::command::sqlite3(&crate::command::file(store.0.path()), "DROP TABLE consumer_window");

    let output = run(&["export", "--database-url", &url(store.0.path()), file.to_str().unwrap()]);

    assert!(!output.status.success());
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    assert_eq!(left_over(store.0.path()), 0);
}

fn left_over(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with(".endpoint-stats-export")).count()
}

#[test]
fn what_cannot_be_exported_is_refused_by_name() {
    let store = Store::of(&lines(10), "1h");
    for (arguments, expected) in [
        (&["--step", "90s", "out.csv"][..], "`--step`"),
        (&["--step", "0s", "out.csv"], "`--step`"),
        (&["out.xlsx"], "ends in .csv, .jsonl or .parquet"),
        (&["/nonexistent/out.csv"], "a file that can be written"),
        (&["--format", "parquet", "-"], "csv or jsonl"),
    ] {
        let output = run(&[&["export", "--database-url", &url(store.0.path())], arguments].concat());

        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_program_without_parquet_says_so() {
    let store = Store::of(&lines(10), "1h");

    let output = run(&["export", "--database-url", &url(store.0.path()), "out.parquet"]);

    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("built without the feature `parquet`"), "{}", stderr(&output));
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_read_back_adds_up_to_the_report() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    let store = Store::of(&lines(1_000), "10s");
    let file = store.file("out.parquet");

    let output = run(&["export", "--database-url", &url(store.0.path()), "--step", "1m", file.to_str().unwrap()]);

    assert!(output.status.success(), "{}", stderr(&output));
    let rows = store.rows(&["--step", "1m"]);
    let reader = SerializedFileReader::new(fs::File::open(&file).unwrap()).unwrap();
    let read: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(read.len(), rows.len());
    let hits: i64 = read.iter().map(|row| row.get_long(5).unwrap()).sum();
    assert_eq!(hits, store.report(&[])["totals"]["hits"].as_i64().unwrap());
    assert_eq!(read[0].get_string(2).unwrap(), "/users/{id}");
    assert_eq!(read[0].get_timestamp_millis(3).unwrap(), 1_431_856_800_000);
    assert!(read[0].get_double(19).is_err(), "a log tells no latency");
}
