//! `report`: the numbers of SQLite, for whoever may only read.

use std::fs;

use super::migrated;
use crate::command::{reported, run, stderr, stdout};
use crate::log_lines::{line, lines};

#[test]
fn a_report_equals_that_of_sqlite() {
    let (_postgres, url) = migrated();
    let folder = tempfile::tempdir().unwrap();
    let sqlite = crate::command::url(folder.path());
    let log = folder.path().join("access.log");
    let others: String = (0..500).map(|i| line(7 * i, &format!("/pages/{}", i % 9), 404)).collect();
    fs::write(&log, lines(1_000) + others.as_str()).unwrap();
    for url in [&url, &sqlite] {
        let output = run(&["import", "--window", "1m", "--database-url", url, log.to_str().unwrap()]);
        assert!(output.status.success(), "{}", stderr(&output));
    }

    let reports = [
        &["--json", "--step", "1h"][..],
        &["--json", "--from", "2015-05-17T10:05:00Z", "--to", "2015-05-17T10:09:00Z", "--step", "1m"],
        &["--json", "--route", "/users/{id}"],
        &["--csv", "--sort", "name"],
        &["--sort", "p99", "--limit", "0"],
    ];
    for arguments in reports {
        let report = |url| stdout(&run(&[&["report", "--database-url", url], arguments].concat()));
        assert_eq!(report(&url), report(&sqlite), "{arguments:?}");
    }
    assert_eq!(reported(&url, None), 1_500);
}

#[test]
fn a_role_that_may_only_read_can_report_and_not_import() {
    let (postgres, owner) = migrated();
    postgres.psql(
        "stats",
        "CREATE ROLE reader LOGIN PASSWORD 'reads';
         GRANT USAGE ON SCHEMA endpoint_stats TO reader;
         GRANT SELECT ON ALL TABLES IN SCHEMA endpoint_stats TO reader",
    );
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    fs::write(&log, lines(100)).unwrap();
    assert!(run(&["import", "--database-url", &owner, log.to_str().unwrap()]).status.success());
    let url = postgres.url_for("reader", "reads", "stats");

    assert_eq!(reported(&url, None), 100);
    fs::write(&log, lines(200)).unwrap();
    let refused = run(&["import", "--database-url", &url, log.to_str().unwrap()]);

    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("permission denied"), "{}", stderr(&refused));
    assert_eq!(reported(&owner, None), 100);
}
