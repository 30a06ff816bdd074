//! A harness that finds nothing wrong with broken parts proves nothing.

use std::process::Command;

/// What the report says of a scenario with broken writers, and the exit code.
fn report(scenario: &str, broken: &str) -> (String, Option<i32>) {
    let program = env!("CARGO_BIN_EXE_endpoint-stats-torture");
    let output = Command::new(program).args(["--scenario", scenario, "--broken", broken]).output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

fn is_found_out(broken: &str) {
    let (report, code) = report("rolling-update", broken);

    assert_eq!(code, Some(1), "{report}");
    let row = report.lines().find(|line| line.contains("doubled or invented")).unwrap_or(&report);
    assert!(row.ends_with("| **broken** |"), "{report}");
}

#[test]
fn a_store_that_acknowledges_and_forgets_is_found_out() {
    is_found_out("loses");
}

#[test]
fn a_store_that_counts_a_batch_twice_is_found_out() {
    is_found_out("doubles");
}

#[test]
fn a_store_that_leaves_an_endpoint_out_is_found_out() {
    is_found_out("forgets");
}
