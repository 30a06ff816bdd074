//! `roll-up`: windows move into wider ones, and no sum changes.

use std::fs;

use crate::command::{file, reported, run, sqlite3, stderr, stdout, url};
use crate::log_lines::line;
use crate::support::redis::RedisServer;

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
fn what_a_redis_keeps_no_longer_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    fs::write(&log, line(0, "/a", 200) + line(1, "/b", 200).as_str()).unwrap();
    let redis = RedisServer::start();
    let imported = run(&["import", "--database-url", &redis.url(), log.to_str().unwrap()]);
    assert!(imported.status.success(), "{}", stderr(&imported));

    let output = run(&["roll-up", "--database-url", &redis.url()]);

    // Both routes have one window of an hour, which becomes one of a day before it goes.
    assert_eq!(stdout(&output), "2 windows moved into wider ones, 2 deleted\n", "{}", stderr(&output));
    assert_eq!(reported(&redis.url(), None), 0);
}

#[test]
fn a_store_that_does_not_answer_gives_exit_code_1() {
    let mut redis = RedisServer::start();
    redis.kill_9();

    let output = run(&["roll-up", "--database-url", &redis.url()]);

    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(output.stdout.is_empty());
}

#[test]
fn a_file_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();

    let output = run(&["roll-up", "--database-url", &url(folder.path())]);

    assert_eq!(output.status.code(), Some(2));
    assert!(!file(folder.path()).exists());
}
