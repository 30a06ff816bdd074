//! `roll-up`: windows move into wider ones, and no sum changes.

use std::fs;

use crate::command::{file, reported, run, sqlite3, stderr, stdout, url};
use crate::log_lines::line;

#[test]
fn old_windows_move_until_nothing_is_left_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    fs::write(&log, (0..50).map(|second| line(second, "/a", 200)).collect::<String>()).unwrap();
    let imported = run(&["import", "--window", "10s", "--database-url", &url(folder.path()), log.to_str().unwrap()]);
    assert!(imported.status.success(), "{}", stderr(&imported));

    let first = run(&["roll-up", "--database-url", &url(folder.path())]);
    let second = run(&["roll-up", "--database-url", &url(folder.path())]);

    // Five windows of ten seconds become one of a minute, that one of an hour, and that one of a day.
    assert_eq!(stdout(&first), "7 windows moved into wider ones, 0 deleted\n", "{}", stderr(&first));
    assert_eq!(stdout(&second), "0 windows moved into wider ones, 0 deleted\n", "{}", stderr(&second));
    assert_eq!(sqlite3(&file(folder.path()), "SELECT DISTINCT width_secs FROM endpoint_window"), "86400");
    assert_eq!(reported(&url(folder.path()), None), 50);
}

#[test]
fn a_file_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();

    let output = run(&["roll-up", "--database-url", &url(folder.path())]);

    assert_eq!(output.status.code(), Some(2));
    assert!(!file(folder.path()).exists());
}
