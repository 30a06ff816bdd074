//! What this process says at `/metrics`.

use std::sync::OnceLock;
use std::time::Duration;

use endpoint_stats_server::exposition::{self, Exposition, Format};
use tokio::time::{interval, timeout};

/// One for all tests of a process; each looks at series of its own.
static EXPOSITION: OnceLock<Exposition> = OnceLock::new();

/// Collects metrics from now on. Must be called within a Tokio runtime, before what is to be seen begins.
pub(crate) fn collect() {
    EXPOSITION.get_or_init(|| exposition::install().unwrap());
}

/// The value of a series that is a whole number.
pub(crate) fn value(series: &str) -> Option<u64> {
    let page = EXPOSITION.get().expect("it was collected").render(Format::Text);
    let page = String::from_utf8(page).unwrap();
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Waits until a series has a value that is right.
pub(crate) async fn until(series: &str, is_right: impl Fn(u64) -> bool) {
    let mut looks = interval(Duration::from_millis(10));
    let seen = timeout(Duration::from_mins(1), async {
        while !value(series).is_some_and(&is_right) {
            looks.tick().await;
        }
    });
    assert!(seen.await.is_ok(), "{series} stays at {:?}", value(series));
}
