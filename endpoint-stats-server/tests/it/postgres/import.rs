//! `import`: each line once, whoever imports it how often.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use super::{migrated, migrated_database};
use crate::command::{program, reported, run, stdout};
use crate::import_kill::{LINES, Log};
use crate::log_lines::lines;
use crate::support::proxy::Proxy;

/// Kills with some of the lines counted, and the others not.
const KILLS_HALFWAY: usize = 3;

/// Imports that are started for them at most.
const ATTEMPTS: usize = 15;

#[test]
fn a_log_imported_twice_counts_once() {
    let (_postgres, url) = migrated();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    fs::write(&log, lines(1_000)).unwrap();
    let import = || stdout(&run(&["import", "--database-url", &url, log.to_str().unwrap()]));

    let (first, second) = (import(), import());

    assert!(first.contains("1000 counted, 0 counted before"), "{first}");
    assert!(second.contains("0 counted, 1000 counted before"), "{second}");
    assert_eq!(reported(&url, None), 1_000);
}

#[test]
fn a_log_imported_by_two_at_once_counts_once() {
    let (_postgres, url) = migrated();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    fs::write(&log, lines(50_000)).unwrap();
    let arguments = ["import", "--window", "10s", "--database-url", &url, log.to_str().unwrap()];

    let imports: Vec<_> =
        (0..2).map(|_| program(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()).collect();
    for mut import in imports {
        import.wait().unwrap();
    }
    // One of the two may have given up when it met the other.
    run(&arguments);

    assert_eq!(reported(&url, None), 50_000);
}

#[test]
fn an_import_killed_and_repeated_counts_every_line_once() {
    let log = Log::new();
    let (postgres, mut url) = migrated();
    let mut kills = 0;

    for attempt in 0..ATTEMPTS {
        let before = reported(&url, None);
        let is_killed = log.import_and_kill(&url, || reported(&url, None) > before);
        let after = reported(&url, None);
        assert!(after >= before, "{before} were counted, {after} are there");
        kills += usize::from(is_killed && (1..LINES).contains(&after));
        if !is_killed {
            log.import_and_check(&url, after);
            url = migrated_database(&postgres, &format!("stats-{attempt}"));
        }
        if kills == KILLS_HALFWAY {
            break;
        }
    }

    log.import_and_check(&url, reported(&url, None));
    assert_eq!(kills, KILLS_HALFWAY, "too few kills came halfway: the test proves nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_killed_between_commit_and_reply_counts_every_line_once() {
    let log = Log::new();
    let (postgres, url) = migrated();
    let proxy = Proxy::to(SocketAddr::from(([127, 0, 0, 1], postgres.port()))).await;
    let through = url.replace(&postgres.port().to_string(), &proxy.addr().port().to_string());
    // What only a batch carries; its reply is held back for longer than the import lives.
    proxy.drop_replies_to(b"/page-", Duration::from_mins(1));

    let is_killed = tokio::task::block_in_place(|| log.import_and_kill(&through, || reported(&url, None) > 0));

    let there = reported(&url, None);
    assert!(is_killed && (1..LINES).contains(&there), "killed: {is_killed}, {there} are there");
    log.import_and_check(&url, there);
}
