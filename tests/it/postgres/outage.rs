//! A database that is away while hits come without a pause: nothing is lost or doubled, and memory does not grow with
//! hits.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use endpoint_stats_core::clock::Clock;
use endpoint_stats_core::flush::FlushConfig;
use endpoint_stats_core::store::{Retention, StatsStore};
use tokio::time::interval;

use super::{DATABASE, another, behind_a_proxy, total};
use crate::flush::{NOON, Writer, hit};
use crate::support::postgres::PostgresServer;

const ROUTES: [&str; 5] = ["/", "/users", "/users/{id}", "/orders", "/orders/{id}"];

/// Ticks of 0.1 s, each of which begins another window of 10 seconds: before, in a black hole, refused.
const HEALTHY: u64 = 10;
const BLACK_HOLE: u64 = 80;
const REFUSED: u64 = 40;

/// Deltas that are kept in memory before windows are widened: a tenth of what the outage has.
const MAX_PENDING: usize = 60;

/// What the process may grow by meanwhile, with that many hits at least: keeping eight bytes a hit would be more.
const GROWTH_KIB: u64 = 8 << 10;
const HITS: u64 = 1 << 20;

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Lets windows go by; the books balance all the while.
async fn go_on(writer: &Writer, windows: u64) {
    let mut ticks = interval(Duration::from_millis(100));
    for _ in 0..windows {
        ticks.tick().await;
        writer.clock.set(writer.clock.now().plus_secs(10));
        let books = writer.flusher.books();
        assert!(books.balance() && books.dropped == 0, "{books:?}");
    }
}

/// Twelve seconds of real time stand for twenty minutes of windows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_loses_and_doubles_no_hit_and_memory_does_not_grow_with_hits_under_load() {
    let server = PostgresServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;
    let config = FlushConfig {
        interval: Duration::from_millis(50),
        max_pending: MAX_PENDING,
        retention: None,
        ..FlushConfig::default()
    };
    let writer = Writer::with_config(Arc::new(store), config);
    let recorder = writer.recorder.clone();
    let (is_over, hits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (ends, counted) = (Arc::clone(&is_over), Arc::clone(&hits));
    let load = std::thread::spawn(move || {
        while !ends.load(Ordering::Relaxed) {
            for route in ROUTES {
                hit(&recorder, route, 20);
            }
            counted.fetch_add(20 * ROUTES.len() as u64, Ordering::Relaxed);
        }
    });

    go_on(&writer, HEALTHY).await;
    writer.until_books(|books| books.stored > 0).await;
    let (kib_before, before) = (resident_kib(), hits.load(Ordering::Relaxed));
    proxy.black_hole();
    go_on(&writer, BLACK_HOLE).await;
    proxy.refuse().await;
    proxy.reset().await;
    go_on(&writer, REFUSED).await;
    let growth = resident_kib().saturating_sub(kib_before);
    let missed = hits.load(Ordering::Relaxed) - before;
    let pending = writer.flusher.books().pending;
    proxy.pass().await;
    writer.until_books(|books| books.stored >= before + missed).await;
    is_over.store(true, Ordering::Relaxed);
    load.join().unwrap();
    let books = writer.stop().await;

    let hits = hits.load(Ordering::Relaxed);
    assert_eq!((books.observed, books.stored, books.pending), (hits, hits, 0));
    let direct = another(&server).await;
    assert_eq!(total(&direct).await, hits);
    assert!(pending > missed / 2, "{pending} of {missed} hits were pending: that was no outage");
    assert!(growth < GROWTH_KIB && missed > HITS, "{growth} KiB more after {missed} hits");
    direct.roll_up(NOON, &Retention::default()).await.unwrap();
    let kept = server.psql(
        DATABASE,
        "SELECT count(*) FROM (
             SELECT FROM endpoint_stats.window_10s UNION ALL SELECT FROM endpoint_stats.window_1m
             UNION ALL SELECT FROM endpoint_stats.window_1h UNION ALL SELECT FROM endpoint_stats.window_1d
         ) AS kept",
    );
    let kept: usize = kept.parse().unwrap();
    assert!(kept <= 12 * ROUTES.len() + 2 * MAX_PENDING, "{kept} deltas were kept for 650 of endpoint and window");
}
