//! [`Backoff`]: how long to wait before the next try.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(8);

/// Pauses that double from 0.2 to 8 seconds, each shortened by up to a half at random, so that writers that failed
/// together do not come back together.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// The pause after another failure; `random` is evenly spread.
    pub(super) fn pause(&mut self, random: u32) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(LONGEST);
        whole.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
    }

    /// Starts over after a success.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_eight_seconds() {
        let mut backoff = Backoff::new();

        let pauses: Vec<_> = (0..10).map(|_| backoff.pause(u32::MAX).as_millis()).collect();

        assert_eq!(pauses, [200, 400, 800, 1_600, 3_200, 6_400, 8_000, 8_000, 8_000, 8_000]);
    }

    #[test]
    fn chance_shortens_a_pause_by_up_to_a_half() {
        assert_eq!(Backoff::new().pause(0), Duration::from_millis(100));
    }

    #[test]
    fn a_success_starts_over() {
        let mut backoff = Backoff::new();
        backoff.pause(u32::MAX);
        backoff.reset();

        assert_eq!(backoff.pause(u32::MAX), FIRST);
    }
}
