//! What the benches of databases share: which parts are wanted, batches to store, and times to show.

use std::time::{Duration, Instant};

use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::store::{Applied, Batch, Retention, StatsQuery, StatsStore, WriterId};
use endpoint_stats_core::window::{TimeRange, Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Hit, Method, Outcome, Route, ServiceName};
use tokio::task::JoinSet;

pub(crate) const START: Timestamp = Timestamp::from_unix(1_700_006_400);

pub(crate) const HITS_A_DELTA: u64 = 3;

/// The parts of a bench that its arguments name, or all.
pub(crate) struct Parts(Vec<String>);

impl Parts {
    /// `None` when cargo only wants to know that the bench starts.
    pub(crate) fn of_arguments() -> Option<Self> {
        let wanted = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
        std::env::args().any(|argument| argument == "--bench").then_some(Self(wanted))
    }

    /// Whether a part is wanted; shows its name if so.
    pub(crate) fn want(&self, part: &str) -> bool {
        let is_wanted = self.0.is_empty() || self.0.iter().any(|wanted| wanted == part);
        if is_wanted {
            println!("\n{part}");
        }
        is_wanted
    }
}

/// Times 60 batches until they are taken, and ten until they are settled.
pub(crate) async fn flush_and_settle(name: &str, store: &dyn StatsStore, deltas: u64) {
    let endpoints = endpoints(deltas);
    let (writer, mut times) = (WriterId::random(), Vec::new());
    for seq in 1..=60 {
        let batch = Batch::new(writer, seq, deltas_at(&endpoints, START.plus_secs(as_i64(seq) / 10 * 10), seq));
        let started = now();
        assert_eq!(store.apply(&batch).await.expect("applied"), Applied::Applied);
        times.push(started.elapsed());
    }
    show(&format!("{name}: apply {deltas} deltas"), times);
    let writer = WriterId::random();
    let mut settled = Duration::ZERO;
    for seq in 1..=10 {
        settle(store).await;
        let batch = Batch::new(writer, seq, deltas_at(&endpoints, START.plus_secs(600), seq));
        store.apply(&batch).await.expect("applied");
        settled += settle(store).await;
    }
    println!("  {name}: settle {deltas} deltas: {:.1} us a delta", micros(settled) / (10.0 * deltas as f64));
}

/// Has stores flush 200 endpoints once a second for 20 seconds; `waiting` tells what is not settled then.
pub(crate) async fn flush_once_a_second<S>(stores: Vec<S>, waiting: impl Fn() -> String)
where
    S: StatsStore + Clone + 'static,
{
    let (count, endpoints) = (stores.len() as u64, endpoints(200));
    let writers: Vec<_> = stores.into_iter().map(|store| (store, WriterId::random())).collect();
    let (mut times, mut late, started) = (Vec::new(), 0, now());
    for second in 1..=20_u64 {
        let mut flushing = JoinSet::new();
        for (store, writer) in &writers {
            let at = START.plus_secs(as_i64(second) / 10 * 10);
            let (store, batch) = (store.clone(), Batch::new(*writer, second, deltas_at(&endpoints, at, second)));
            flushing.spawn(async move {
                let started = now();
                store.apply(&batch).await.expect("applied");
                started.elapsed()
            });
        }
        times.extend(flushing.join_all().await);
        match Duration::from_secs(second).checked_sub(started.elapsed()) {
            Some(left) => pause(left).await,
            None => late += 1,
        }
    }
    show(&format!("apply 200 deltas, {count} writers once a second"), times);
    let waiting = waiting();
    println!("  seconds that were late: {late} of 20; batches not settled when the last was taken: {}", waiting.trim());
    let store = &writers[0].0;
    settle(store).await;
    assert_eq!(total(store).await, 20 * count * 200 * HITS_A_DELTA);
}

/// Settles what has arrived, and rolls nothing up.
pub(crate) async fn settle(store: &dyn StatsStore) -> Duration {
    let started = now();
    store.roll_up(START.minus_secs(1), &Retention::default()).await.expect("settled");
    started.elapsed()
}

pub(crate) async fn total(store: &dyn StatsStore) -> u64 {
    store.query(&StatsQuery::over(TimeRange::ALL)).await.expect("an answer").totals.counts.hits()
}

pub(crate) fn endpoints(count: u64) -> Vec<Endpoint> {
    let service = ServiceName::new("bench").expect("a name");
    let route = |i| Route::new(&format!("/resources-{i}/{{id}}")).expect("a route");
    (0..count).map(|i| Endpoint::new(service.clone(), Method::Get, route(i))).collect()
}

pub(crate) fn deltas_at(endpoints: &[Endpoint], at: Timestamp, salt: u64) -> Vec<Delta> {
    deltas_in(endpoints, Window::containing(at, Width::TenSeconds), salt)
}

pub(crate) fn deltas_in(endpoints: &[Endpoint], window: Window, salt: u64) -> Vec<Delta> {
    let delta = |(i, endpoint): (u64, &Endpoint)| Delta {
        endpoint: endpoint.clone(),
        window,
        first_at: window.start(),
        last_at: window.start(),
        counts: counts(salt.wrapping_mul(31).wrapping_add(i)),
    };
    (0..).zip(endpoints).map(delta).collect()
}

fn counts(salt: u64) -> Counts {
    let mut counts = Counts::default();
    for (n, micros) in (0..HITS_A_DELTA).zip([180, 900, 7_000]) {
        let latency = Duration::from_micros(micros + salt % 100);
        counts.add(&Hit {
            outcome: Outcome::Status(if n == 2 { 404 } else { 200 }),
            latency: Some(latency.into()),
            duration: Some((latency * 2).into()),
            response_bytes: 512,
            caller: Some(CallerHash::from_u64((salt % 50 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        });
    }
    counts
}

pub(crate) fn show(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!("  {what}: median {:.1} ms, p99 {:.1} ms, {} times", at(50), at(99), times.len());
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn as_i64(number: u64) -> i64 {
    i64::try_from(number).expect("small numbers")
}

#[expect(clippy::disallowed_methods, reason = "measuring time is the point")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a writer that flushes once a second waits in between")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
