//! What the benches of databases share: batches to store, and times to show.

use std::time::{Duration, Instant};

use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::window::{Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Hit, Method, Outcome, Route, ServiceName};

pub(crate) const START: Timestamp = Timestamp::from_unix(1_700_006_400);

pub(crate) const HITS_A_DELTA: u64 = 3;

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
