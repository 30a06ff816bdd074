//! Waiting for what other programs do in their own time.

use std::thread;
use std::time::Duration;

const BETWEEN: Duration = Duration::from_millis(50);

/// A minute; a test that waits so long has failed.
const LOOKS: usize = 1_200;

/// Looks until something is there.
///
/// # Panics
///
/// With what was seen instead, if it never is.
pub(super) fn wait_for<T>(look: impl FnMut() -> Result<T, String>) -> T {
    wait_for_within(LOOKS, look)
}

/// The same, looking so often at most.
pub(super) fn wait_for_within<T>(looks: usize, mut look: impl FnMut() -> Result<T, String>) -> T {
    let mut seen = String::new();
    for _ in 0..looks {
        match look() {
            Ok(found) => return found,
            Err(instead) => seen = instead,
        }
        thread::park_timeout(BETWEEN);
    }
    panic!("never seen; at last {seen}");
}
