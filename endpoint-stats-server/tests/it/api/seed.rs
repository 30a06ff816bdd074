//! [`Seed`]: a file with known hits, and their sums made the plain way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use endpoint_stats_core::aggregate::{ConsumerCounts, ConsumerName, Counts, Delta};
use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::store::{Batch, SqliteStore, StatsStore, WriterId};
use endpoint_stats_core::window::{Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Hit, Method, Outcome, Route, ServiceName};

use crate::command::file;

pub(super) const HOURS: i64 = 4;
const HOUR: i64 = 3_600;

/// Endpoints that are called, by service and route; two of them are formulas to a spreadsheet.
const ENDPOINTS: [(&str, &str); 7] = [
    ("pay", "/refunds"),
    ("pay", "=HYPERLINK(1)"),
    ("shop", "/"),
    ("shop", "/carts/{id}"),
    ("shop", "/users/{id}"),
    ("shop", "@SUM(A1)"),
    ("-dash", "/dashed"),
];

/// One hit that was put in.
#[derive(Clone, Debug)]
pub(super) struct Shot {
    pub(super) service: &'static str,
    pub(super) route: &'static str,
    pub(super) hour: i64,
    pub(super) status: u16,
    pub(super) millis: u64,
    pub(super) bytes: u64,
    pub(super) caller: u64,
    pub(super) consumer: Option<&'static str>,
}

/// A file with known hits.
pub(super) struct Seed {
    pub(super) folder: tempfile::TempDir,
    /// The first second of the first hour with hits; 40 hours ago, so that nothing rolls up.
    pub(super) base: Timestamp,
    pub(super) shots: Vec<Shot>,
}

impl Seed {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemClock.now().as_unix();
        let seed = Self { folder, base: Timestamp::from_unix(now - now % HOUR - 40 * HOUR), shots: shots() };
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            seed.fill(&SqliteStore::open(file(seed.folder.path())).await.unwrap()).await;
        });
        seed
    }

    /// Puts the hits into a store, in two batches, and an endpoint that nobody calls.
    pub(super) async fn fill(&self, store: &dyn StatsStore) {
        let writer = WriterId::random();
        let (first, second) = self.shots.split_at(self.shots.len() / 2);
        for (seq, shots) in [(1, first), (2, second)] {
            let deltas = shots.iter().map(|shot| self.delta(shot)).collect();
            store.apply(&Batch::new(writer, seq, deltas)).await.unwrap();
        }
        store.register(&[endpoint("shop", "/never"), endpoint("pay", "/never")], self.base).await.unwrap();
    }

    fn delta(&self, shot: &Shot) -> Delta {
        let at = self.base.plus_secs(shot.hour * HOUR + 7);
        let took = Duration::from_millis(shot.millis);
        let mut counts = Counts::default();
        counts.add(&Hit {
            outcome: Outcome::Status(shot.status),
            latency: Some(took.into()),
            duration: Some((2 * took).into()),
            response_bytes: shot.bytes,
            caller: Some(CallerHash::from_u64(shot.caller.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        });
        if let Some(name) = shot.consumer {
            let errors = u64::from(shot.status >= 500);
            let used = ConsumerCounts { hits: 1, errors, response_bytes: shot.bytes };
            counts.consumers.insert(ConsumerName::new(name).unwrap(), used);
        }
        let window = Window::containing(at, Width::Hour);
        Delta { endpoint: endpoint(shot.service, shot.route), window, first_at: at, last_at: at, counts }
    }

    /// The query string of the range that holds every hit.
    pub(super) fn range(&self) -> String {
        self.hours(0, HOURS)
    }

    pub(super) fn hours(&self, from: i64, to: i64) -> String {
        format!("from={}&to={}", self.time(from), self.time(to))
    }

    /// The first second of an hour, in RFC 3339.
    pub(super) fn time(&self, hour: i64) -> String {
        jiff::Timestamp::from_second(self.base.as_unix() + hour * HOUR).unwrap().to_string()
    }

    /// The shots of each endpoint.
    pub(super) fn by_endpoint(&self) -> BTreeMap<(&str, &str), Vec<Shot>> {
        let mut all = BTreeMap::<_, Vec<_>>::new();
        for shot in &self.shots {
            all.entry((shot.service, shot.route)).or_default().push(shot.clone());
        }
        all
    }
}

fn endpoint(service: &str, route: &str) -> Endpoint {
    Endpoint::new(ServiceName::new(service).unwrap(), Method::Get, Route::new(route).unwrap())
}

/// The same hits each time: endpoint n has n times as many as the first, and other statuses, times and bytes.
fn shots() -> Vec<Shot> {
    let consumers = [None, Some("acme"), Some("=cmd|' /C calc'!A0"), Some("globex")];
    let of_endpoint = |(at, (service, route)): (usize, (&'static str, &'static str))| {
        (0..(at as u64 + 1) * 20).map(move |n| Shot {
            service,
            route,
            hour: i64::try_from(n % 4).unwrap(),
            status: [200, 200, 204, 404, 500][usize::try_from(n).unwrap() % (2 + at.min(3))],
            millis: (1 + at as u64 * 5 % 7) * (1 + (n * 37) % 400),
            bytes: 100 * (n + 1) * (8 - at as u64),
            caller: n % (5 + 3 * (7 - at as u64)),
            consumer: consumers[usize::try_from(n).unwrap() % 4],
        })
    };
    ENDPOINTS.into_iter().enumerate().flat_map(of_endpoint).collect()
}

// === sums, the plain way ===

pub(super) fn hits(shots: &[Shot]) -> u64 {
    shots.len() as u64
}

pub(super) fn errors(shots: &[Shot]) -> u64 {
    shots.iter().filter(|shot| shot.status >= 500).count() as u64
}

pub(super) fn bytes(shots: &[Shot]) -> u64 {
    shots.iter().map(|shot| shot.bytes).sum()
}

pub(super) fn callers(shots: &[Shot]) -> u64 {
    shots.iter().map(|shot| shot.caller).collect::<BTreeSet<_>>().len() as u64
}

/// The latency at rank ⌈q · n⌉, in seconds.
pub(super) fn quantile(shots: &[Shot], q: f64) -> f64 {
    let mut millis: Vec<_> = shots.iter().map(|shot| shot.millis).collect();
    millis.sort_unstable();
    let rank = millis.iter().enumerate().position(|(at, _)| (at + 1) as f64 >= q * millis.len() as f64).unwrap();
    millis[rank] as f64 / 1_000.0
}

pub(super) fn is_near(found: &serde_json::Value, expected: f64) -> bool {
    found.as_f64().is_some_and(|found| (found / expected - 1.0).abs() <= 0.011)
}
