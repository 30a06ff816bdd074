//! A flusher with a spool, before a store that fails in every way there is.

use std::path::Path;
use std::time::Duration;

use endpoint_stats_core::flush::spool::{Spool, SpoolOptions};
use endpoint_stats_core::flush::{Books, FlushConfig};
use tempfile::TempDir;

use super::faulty_store::{Fault, FaultyStore, sqlite3, times};
use super::writer::{Writer, no_roll_up};
use crate::recording::soon;

pub(super) fn open(folder: &Path) -> Spool {
    Spool::open(folder, SpoolOptions::default()).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

async fn until_stored(writer: &Writer, hits: u64) -> Books {
    writer.until_books(|books| books.stored == hits && books.pending == 0).await
}

#[tokio::test(start_paused = true)]
async fn hits_of_an_outage_are_on_the_disk_and_in_the_store_when_it_is_back() {
    let (folder, store) = (folder(), FaultyStore::new(|_| Fault::FailBefore).await);
    let writer = Writer::with_spool(store.clone(), no_roll_up(), open(folder.path()));
    for round in 1..=50 {
        writer.hit("/users/{id}", 10);
        writer.until_books(|books| books.spooled == round * 10 && books.pending == 0).await;
    }
    assert_eq!(writer.flusher.books().stored, 0);

    store.set_faults(|_| Fault::None);
    let books = writer.stop().await;

    assert_eq!((books.stored, books.spooled, books.pending, books.dropped), (500, 0, 0, 0));
    assert_eq!(store.hits().await, 500);
    assert_eq!(open(folder.path()).found().hits, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_shutdown_could_not_send_is_sent_by_the_next_run() {
    let (folder, store) = (folder(), FaultyStore::new(|_| Fault::FailBefore).await);
    let writer = Writer::with_spool(store.clone(), no_roll_up(), open(folder.path()));
    writer.hit("/users/{id}", 7);
    let begun = tokio::time::Instant::now();

    let books = soon(writer.flusher.shutdown(Duration::from_secs(5))).await.books;

    assert!(begun.elapsed() <= Duration::from_secs(6), "{:?}", begun.elapsed());
    assert_eq!((books.observed, books.spooled, books.pending), (7, 7, 0));
    let spool = open(folder.path());
    assert_eq!((spool.found().hits, spool.found().damages), (7, 0));

    store.set_faults(|_| Fault::None);
    let writer = Writer::with_spool(store.clone(), no_roll_up(), spool);
    writer.hit("/orders", 1);
    let books = writer.stop().await;

    assert_eq!((books.observed, books.found, books.stored, books.spooled), (1, 7, 8, 0));
    assert_eq!(store.hits().await, 8);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_without_a_word_before_each_acknowledgement_doubles_nothing() {
    let (folder, store) = (folder(), FaultyStore::new(|_| Fault::LoseReply).await);
    for round in 1..=30 {
        let writer = Writer::with_spool(store.clone(), no_roll_up(), open(folder.path()));
        writer.hit("/users/{id}", 3);
        let before = store.seen().tries;
        writer.until_books(|books| books.observed == 3 && books.pending == 0).await;
        store.until(|seen| seen.tries > before).await;
        assert_eq!(writer.flusher.books().stored, 0, "round {round}");
        let ended = writer.flusher.shutdown(Duration::ZERO).await.books;
        assert_eq!(ended.spooled + ended.stored, round * 3);
        until_free(folder.path()).await;
    }

    store.set_faults(|_| Fault::None);
    let books = Writer::with_spool(store.clone(), no_roll_up(), open(folder.path())).stop().await;

    assert!(store.seen().lost_replies > 0);
    assert_eq!((books.found, books.stored, books.spooled), (90, 90, 0));
    assert_eq!(store.hits().await, 90);
}

/// Waits until nobody has a folder: what was written at the deadline is written to its end.
async fn until_free(folder: &Path) {
    let free = async {
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        while Spool::open(folder, SpoolOptions::default()).is_err() {
            looks.tick().await;
        }
    };
    soon(free).await;
}

#[tokio::test(start_paused = true)]
async fn two_hundred_lost_acknowledgements_double_nothing_and_lose_nothing() {
    let mut last = None;
    let store = FaultyStore::new(move |batch| {
        let again = last.replace((batch.writer, batch.seq)) == last;
        if again { Fault::None } else { Fault::LoseReply }
    })
    .await;
    let folder = folder();
    let writer = Writer::with_spool(store.clone(), no_roll_up(), open(folder.path()));

    for round in 1..=200 {
        writer.hit("/users/{id}", round);
        until_stored(&writer, (1..=round).sum()).await;
    }
    let books = writer.stop().await;

    assert_eq!((store.seen().lost_replies, store.seen().duplicates), (200, 200));
    assert_eq!((books.observed, books.stored, store.hits().await), (20_100, 20_100, 20_100));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_forgot_its_writers_gets_the_backlog_from_a_new_one() {
    let (folder, store) = (folder(), FaultyStore::new(|_| Fault::None).await);
    let writer = Writer::with_spool(store.clone(), no_roll_up(), open(folder.path()));
    writer.hit("/users/{id}", 7);
    until_stored(&writer, 7).await;
    store.set_faults(|_| Fault::FailBefore);
    for round in 1..=5 {
        writer.hit("/users/{id}", 7);
        writer.until_books(|books| books.spooled == round * 7 && books.pending == 0).await;
    }
    let ended = writer.flusher.shutdown(Duration::from_secs(1)).await.books;
    assert_eq!((ended.stored, ended.spooled), (7, 35));

    store.set_faults(times(1, Fault::Forget));
    let writer = Writer::with_spool(store.clone(), no_roll_up(), open(folder.path()));
    writer.hit("/users/{id}", 7);
    let books = writer.stop().await;

    assert_eq!((books.found, books.stored, store.hits().await), (35, 42, 49));
    assert_eq!(sqlite3(store.path(), "SELECT count(*) FROM writer"), "2", "the new name, and the one of this run");
}

#[tokio::test(start_paused = true)]
async fn poisoned_deltas_are_dropped_alone_and_the_rest_arrives() {
    let poison = |route: &str| route == "/3" || route == "/17";
    let store = FaultyStore::new(move |batch| {
        let found = batch.deltas.iter().any(|delta| poison(delta.endpoint.route().as_str()));
        if found { Fault::Reject } else { Fault::None }
    })
    .await;
    let folder = folder();
    let config = FlushConfig { max_batch: 16, ..no_roll_up() };
    let writer = Writer::with_spool(store.clone(), config, open(folder.path()));

    for round in 1..=3 {
        for endpoint in 0..40 {
            writer.hit(&format!("/{endpoint}"), 2);
        }
        writer.until_books(|books| books.stored + books.dropped == round * 80).await;
    }
    let books = writer.stop().await;

    assert_eq!((books.stored, books.dropped, books.pending, books.spooled), (3 * 76, 3 * 4, 0, 0));
    assert_eq!(store.hits().await, 3 * 76);
}

#[tokio::test(start_paused = true)]
async fn faults_of_every_kind_in_any_order_and_restarts_change_no_sum() {
    let (folder, mut random) = (folder(), 1_u64);
    let store = FaultyStore::new(move |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        [Fault::LoseReply, Fault::FailBefore, Fault::Panic, Fault::None, Fault::None][(random >> 33) as usize % 5]
    })
    .await;
    let mut sent = 0;
    for _ in 0..8 {
        let writer = Writer::with_spool(store.clone(), no_roll_up(), open(folder.path()));
        for round in 1..=6 {
            writer.hit(&format!("/{}", round % 3), round);
            sent += round;
            let seen = writer.flusher.books().observed;
            writer.until_books(|books| books.observed == seen + round).await;
        }
        writer.until_books(|books| books.pending == 0).await;
        writer.flusher.shutdown(Duration::ZERO).await;
        until_free(folder.path()).await;
    }

    store.set_faults(|_| Fault::None);
    let books = Writer::with_spool(store.clone(), no_roll_up(), open(folder.path())).stop().await;

    assert_eq!((books.spooled, store.hits().await), (0, sent));
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused_and_told_what_to_do() {
    let folder = folder();
    let first = open(folder.path());

    let error = Spool::open(folder.path(), SpoolOptions::default()).unwrap_err();

    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.to_string().contains(&*folder.path().to_string_lossy()), "{error}");
    assert_eq!(cause, "another process has this folder; give each one of its own");
    drop(first);
    open(folder.path());
}

#[test]
fn a_limit_that_no_batch_fits_into_is_refused_with_the_least_one() {
    let options = SpoolOptions { max_bytes: 1000, ..SpoolOptions::default() };

    let error = Spool::open(folder().path(), options).unwrap_err();

    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "its limit is 1000 bytes; give it 1048576 at least");
}

#[test]
fn files_that_are_not_a_spools_are_left_as_they_are() {
    let folder = folder();
    for name in ["7.spool", "+0000000000000000007.spool", "notes.txt", "99999999999999999999.spool"] {
        std::fs::write(folder.path().join(name), "mine").unwrap();
    }
    std::fs::create_dir(folder.path().join("00000000000000000003.spool")).unwrap();
    std::fs::write(folder.path().join("00000000000000000004.spool"), b"ESPOOL\x00\x09").unwrap();

    let spool = open(folder.path());

    assert_eq!((spool.found().strange_files, spool.found().hits, spool.found().damages), (2, 0, 0));
    assert_eq!(std::fs::read(folder.path().join("7.spool")).unwrap(), b"mine");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 7);
}
