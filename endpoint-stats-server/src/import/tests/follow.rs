//! A file is followed while it grows, is rotated and is cut off.

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::*;
use crate::import::follow;

struct Following {
    store: Arc<WatchedStore>,
    shutdown: oneshot::Sender<()>,
    progress: watch::Receiver<bool>,
    task: JoinHandle<Result<ImportSummary, ImportError>>,
}

impl Following {
    fn start(log: &Log, store: Arc<WatchedStore>) -> Self {
        let (shutdown, is_shut_down) = oneshot::channel::<()>();
        let (has_progress, progress) = watch::channel(false);
        let (path, into) = (log.path(), store.clone());
        let task = tokio::spawn(async move {
            let shutdown = async {
                let _ = is_shut_down.await;
            };
            let mut on_progress = |_| {
                has_progress.send_replace(true);
            };
            follow(&path, &options(), into, &mut on_progress, shutdown).await
        });
        Self { store, shutdown, progress, task }
    }

    /// Waits until the file was looked at, and is read.
    async fn wait_for_progress(&mut self) {
        self.progress.wait_for(|has_progress| *has_progress).await.unwrap();
    }

    async fn stop(self) -> Result<ImportSummary, ImportError> {
        drop(self.shutdown);
        self.task.await.unwrap()
    }
}

#[tokio::test]
async fn lines_that_are_added_count() {
    let log = Log::new(lines(0..10));
    let following = Following::start(&log, WatchedStore::new());
    following.store.wait_for_hits(10).await;

    log.append(&lines(10..25));
    following.store.wait_for_hits(25).await;

    let store = following.store.clone();
    assert_eq!(following.stop().await.unwrap().counted, 25);
    assert_eq!(report(&store).await, report_of(&lines(0..25)).await);
}

#[tokio::test]
async fn a_line_counts_when_it_is_whole() {
    let log = Log::new(lines(0..10));
    let following = Following::start(&log, WatchedStore::new());
    let (start, end) = (line(10), line(11));
    let (start, end) = (start.split_at(30), end);
    following.store.wait_for_hits(10).await;

    log.append(start.0);
    log.append(&format!("{}{end}", start.1));
    following.store.wait_for_hits(12).await;
    log.append("192.0.2.7 - - [17");

    let summary = following.stop().await.unwrap();
    assert_eq!((summary.counted, summary.rejected), (12, 0));
}

#[tokio::test]
async fn a_rotated_file_is_read_to_its_end_and_the_new_one_from_its_start() {
    let log = Log::new(lines(0..10));
    let following = Following::start(&log, WatchedStore::new());
    following.store.wait_for_hits(10).await;

    let rotated = log.0.path().join("access.log.1");
    std::fs::rename(log.path(), &rotated).unwrap();
    append(&rotated, &lines(10..20));
    std::fs::write(log.path(), lines(20..45)).unwrap();
    following.store.wait_for_hits(45).await;

    let store = following.store.clone();
    assert_eq!(following.stop().await.unwrap().counted, 45);
    assert_eq!(report(&store).await, report_of(&lines(0..45)).await);
    assert_eq!(import_file(rotated, &store).await.unwrap().counted, 0);
    assert_eq!(import_file(log.path(), &store).await.unwrap().counted, 0);
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_read_anew() {
    let log = Log::new(lines(0..30));
    let following = Following::start(&log, WatchedStore::new());
    following.store.wait_for_hits(30).await;

    std::fs::write(log.path(), lines(30..40)).unwrap();
    following.store.wait_for_hits(40).await;

    assert_eq!(following.stop().await.unwrap().counted, 40);
}

#[tokio::test]
async fn what_was_written_before_the_end_is_counted() {
    let log = Log::new(lines(0..1_000));
    let following = Following::start(&log, WatchedStore::new());
    following.store.wait_for_hits(1).await;

    let summary = following.stop().await.unwrap();

    assert_eq!(summary.counted, 1_000);
}

#[tokio::test]
async fn following_goes_on_where_it_ended() {
    let store = WatchedStore::new();
    let log = Log::new(lines(0..100));
    let following = Following::start(&log, store.clone());
    store.wait_for_hits(100).await;
    following.stop().await.unwrap();

    log.append(&lines(100..120));
    let following = Following::start(&log, store.clone());
    store.wait_for_hits(120).await;
    let summary = following.stop().await.unwrap();

    assert_eq!((summary.counted, summary.already_counted), (20, 100));
}

#[tokio::test]
async fn of_a_log_that_was_set_back_what_is_added_counts() {
    let store = WatchedStore::new();
    import_bytes(lines(0..300), &store).await.unwrap();
    for count in [10, 40, 100, 250] {
        let hits = report(&store).await.totals.counts.hits();
        let log = Log::new(lines(0..count));

        let mut following = Following::start(&log, store.clone());
        following.wait_for_progress().await;
        log.append(&line(500 + count));
        store.wait_for_hits(hits + 1).await;
        let followed = following.stop().await.unwrap();
        log.append(&line(501 + count));
        let later = import_file(log.path(), &store).await.unwrap();

        assert_eq!((followed.counted, followed.already_counted), (1, count.into()));
        assert_eq!((later.counted, later.already_counted), (1, u64::from(count) + 1));
        assert_eq!(import_bytes(lines(0..300), &store).await.unwrap().counted, 0);
    }
}

#[tokio::test]
async fn an_empty_file_is_waited_for() {
    let log = Log::new("");
    let following = Following::start(&log, WatchedStore::new());

    log.append(&lines(0..3));
    following.store.wait_for_hits(3).await;

    assert_eq!(following.stop().await.unwrap().counted, 3);
}

#[tokio::test]
async fn a_missing_or_compressed_file_is_not_followed() {
    for log in [Log::new(packed(&lines(0..3))), Log(tempfile::tempdir().unwrap())] {
        let error = Following::start(&log, WatchedStore::new()).stop_error().await;

        assert_eq!(error.kind(), ImportErrorKind::Input);
    }
}

impl Following {
    /// Waits for the error that ends it.
    async fn stop_error(self) -> ImportError {
        let error = self.task.await.unwrap().unwrap_err();
        drop(self.shutdown);
        error
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_waited_for() {
    let failures = [watched_store::Failure::Unavailable(1); 50];
    let log = Log::new(lines(0..10));
    let following = Following::start(&log, WatchedStore::failing(&failures));

    following.store.wait_for_hits(10).await;

    assert_eq!(following.stop().await.unwrap().counted, 10);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_does_not_hold_up_the_end() {
    let failures = [watched_store::Failure::Unavailable(1); 1_000];
    let log = Log::new(lines(0..10));
    let following = Following::start(&log, WatchedStore::failing(&failures));

    following.store.wait_for_failure().await;
    let error = following.stop().await.unwrap_err();

    assert_eq!(error.kind(), ImportErrorKind::Store);
}
