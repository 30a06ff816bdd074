//! A store that looks as if three services had reported to it for days.

use std::path::Path;

use endpoint_stats_core::aggregate::{ConsumerCounts, ConsumerName, Counts, Delta};
use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::store::{Batch, SqliteStore, StatsStore, WriterId};
use endpoint_stats_core::window::{Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Hit, Method, Nanos, Outcome, Route, ServiceName};

use crate::command::file;

/// Each service, its routes, and the milliseconds that its hits take.
const SERVICES: [(&str, u64, &[&str]); 3] = [
    (
        "shop",
        18,
        &[
            "GET /",
            "GET /products",
            "GET /products/{id}",
            "GET /products/{id}/reviews",
            "POST /products/{id}/reviews",
            "GET /categories",
            "GET /categories/{slug}",
            "GET /basket",
            "POST /basket/items",
            "DELETE /basket/items/{id}",
            "POST /orders",
            "GET /orders",
            "GET /orders/{id}",
            "GET /account",
            "PUT /account",
            "POST /login",
            "POST /logout",
        ],
    ),
    (
        "payments",
        95,
        &[
            "POST /charges",
            "GET /charges/{id}",
            "POST /charges/{id}/refunds",
            "GET /refunds/{id}",
            "GET /cards",
            "POST /cards",
            "DELETE /cards/{id}",
            "POST /webhooks/bank",
            "GET /payouts",
            "GET /balance",
            "POST /3ds/{id}",
        ],
    ),
    (
        "search",
        42,
        &[
            "GET /search",
            "GET /suggest",
            "GET /facets",
            "POST /index/documents",
            "DELETE /index/documents/{id}",
            "GET /index/status",
            "POST /index/rebuild",
            "GET /synonyms",
            "PUT /synonyms",
            "GET /popular",
            "GET /similar/{id}",
            "GET /health",
        ],
    ),
];

/// Routes that were registered and never called.
const NEVER: [&str; 3] = ["GET /export/legacy", "POST /vouchers/{code}", "DELETE /account"];

/// How much is going on in each hour of the day.
const RHYTHM: [u64; 24] = [3, 2, 2, 1, 2, 2, 3, 5, 8, 12, 15, 17, 19, 20, 21, 21, 20, 19, 17, 15, 12, 9, 6, 4];

/// Numbers without a pattern, the same ones each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Fills the database file of a folder with hours up to now.
pub(super) async fn fill(folder: &Path, hours: i64) {
    let store = SqliteStore::open(file(folder)).await.unwrap();
    let now = SystemClock.now();
    let this_hour = Window::containing(now, Width::Hour).start();
    let writer = WriterId::random();
    let mut dice = Dice(7);
    for hour in 0..=hours {
        let start = this_hour.minus_secs((hours - hour) * 3_600);
        let deltas = endpoints().enumerate().flat_map(|(rank, (endpoint, typical_ms))| {
            let width = if hour > hours - 6 { Width::Minute } else { Width::Hour };
            let windows = 3_600 / width.secs();
            let step = if width == Width::Minute { 5 } else { 1 };
            let at = (0..windows).step_by(step).map(move |i| start.plus_secs(i * width.secs()));
            let deltas =
                at.filter(|at| *at <= now).filter_map(|at| delta(&endpoint, rank, typical_ms, at, width, &mut dice));
            deltas.collect::<Vec<_>>()
        });
        let batch = Batch::new(writer, hour.cast_unsigned() + 1, deltas.collect());
        store.apply(&batch).await.unwrap();
    }
    let never: Vec<_> = NEVER.iter().map(|route| endpoint("shop", route)).collect();
    store.register(&never, this_hour.minus_secs(hours * 3_600)).await.unwrap();
}

/// Adds hits of one endpoint, now.
pub(super) async fn add(folder: &Path, endpoint: Endpoint, hits: u64) {
    let store = SqliteStore::open(file(folder)).await.unwrap();
    let at = SystemClock.now();
    let mut counts = Counts::default();
    counts.outcomes.add(Outcome::Status(200), hits);
    let window = Window::containing(at, Width::TenSeconds);
    let delta = Delta { endpoint, window, first_at: at, last_at: at, counts };
    store.apply(&Batch::new(WriterId::random(), 1, vec![delta])).await.unwrap();
}

pub(super) fn endpoint(service: &str, name: &str) -> Endpoint {
    let (method, route) = name.split_once(' ').unwrap();
    let method = Method::from_bytes(method.as_bytes());
    Endpoint::new(ServiceName::new(service).unwrap(), method, Route::new(route).unwrap())
}

fn endpoints() -> impl Iterator<Item = (Endpoint, u64)> {
    SERVICES
        .into_iter()
        .flat_map(|(service, typical_ms, routes)| routes.iter().map(move |name| (endpoint(service, name), typical_ms)))
}

/// What an endpoint did in a window: more by day than by night, and a bad afternoon at the payments.
fn delta(
    endpoint: &Endpoint,
    rank: usize,
    typical_ms: u64,
    start: Timestamp,
    width: Width,
    dice: &mut Dice,
) -> Option<Delta> {
    let hour_of_day = usize::try_from(start.as_unix().rem_euclid(86_400) / 3_600).unwrap();
    let samples = 3 * RHYTHM[hour_of_day] / (1 + rank as u64 % 17).isqrt() + dice.below(3);
    let is_bad = endpoint.service().as_str() == "payments" && start.as_unix().rem_euclid(3 * 86_400) / 7_200 == 8;
    let mut counts = Counts::default();
    for _ in 0..samples.max(u64::from(rank.is_multiple_of(2))) {
        counts.add(&hit(typical_ms, rank, is_bad, dice));
    }
    if counts.hits() == 0 {
        return None;
    }
    let doublings = if width == Width::Hour { 6 } else { 2 };
    for _ in 0..doublings {
        let half = counts.clone();
        counts.merge(&half);
    }
    for (rank, name) in ["web", "ios-app", "android-app", "partner-acme", "partner-nord"].into_iter().enumerate() {
        let hits = counts.hits() / (2 << rank);
        let consumer = ConsumerCounts { hits, errors: hits / 90, response_bytes: hits * 2_300 };
        counts.consumers.insert(ConsumerName::new(name).unwrap(), consumer);
    }
    let last_at = start.plus_secs(width.secs() - 1).min(SystemClock.now());
    Some(Delta {
        endpoint: endpoint.clone(),
        window: Window::containing(start, width),
        first_at: start,
        last_at,
        counts,
    })
}

fn hit(typical_ms: u64, rank: usize, is_bad: bool, dice: &mut Dice) -> Hit {
    let outcome = match dice.below(1_000) {
        roll if is_bad && roll < 140 => Outcome::Status(503),
        roll if roll < 4 => Outcome::Status(500),
        roll if roll < 45 => Outcome::Status(404),
        roll if roll < 60 => Outcome::Status(422),
        roll if roll < 110 => Outcome::Status(304),
        roll if roll < 116 => Outcome::Aborted,
        roll if roll < 118 => Outcome::Failed,
        _ => Outcome::Status(200),
    };
    let spread = 40 + dice.below(120) + if dice.below(25) == 0 { dice.below(900) } else { 0 };
    let micros = typical_ms * 10 * spread * (1 + rank as u64 % 5) / 2 * if is_bad { 3 } else { 1 };
    Hit {
        outcome,
        latency: Some(Nanos::new(micros * 1_000)),
        duration: Some(Nanos::new(micros * 1_100)),
        response_bytes: 400 + dice.below(4_000),
        caller: Some(CallerHash::from_u64(spread_out(dice.below(4_000)))),
    }
}

/// A hash with all its bits in use.
fn spread_out(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
