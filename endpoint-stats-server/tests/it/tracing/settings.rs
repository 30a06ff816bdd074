//! Settings of traces that are refused before anything listens.

use std::fs;

use crate::command::{run, stderr};

#[track_caller]
fn assert_refused(arguments: &[&str], expected: &str) {
    for command in [&["config", "check"][..], &["serve", "--listen", "127.0.0.1:0", "--database-url", "memory:"]] {
        let output = run(&[command, arguments].concat());

        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected) && !stderr(&output).contains("s3cret"), "{}", stderr(&output));
    }
}

#[test]
fn a_collector_that_is_no_url_is_refused() {
    assert_refused(
        &["--trace-otlp-endpoint", "collector:4317"],
        "for `--trace-otlp-endpoint`: expected http://HOST:4318",
    );
    assert_refused(&["--trace-otlp-endpoint", "http://ann:s3cret@collector"], "without a user or a password");
}

#[test]
fn a_ratio_that_is_no_part_is_refused() {
    for ratio in ["1.5", "NaN"] {
        assert_refused(&["--trace-sample-ratio", ratio], "for `--trace-sample-ratio`: expected a number from 0 to 1");
    }
}

#[test]
fn a_file_of_headers_that_cannot_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("headers");
    fs::write(&file, "x-tenant: shop\nBearer s3cret\n").unwrap();
    let collector = ["--trace-otlp-endpoint", "http://collector:4318", "--trace-otlp-headers-file"];

    assert_refused(&[&collector[..], &["/nonexistent"]].concat(), "expected a file that can be read");
    assert_refused(&[&collector[..], &[file.to_str().unwrap()]].concat(), "expected `name: value` in its line 2");
}
