//! [`WrongTokens`]: how many wrong tokens came from where, in bounded memory.
//!
//! Where is an address together with the id that was claimed; ids that nobody has count as one. So a service that was
//! left with a revoked token, behind the same proxy as the others, holds up only itself.
//!
//! Not by governor, as the rate of good tokens is: there, asking whether an attempt is left takes one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::TokenId;

/// Where wrong tokens come from.
pub(super) type Source = (IpAddr, Option<TokenId>);

/// Above this, further sources are not counted until others are forgotten.
const MAX_SOURCES: usize = 10_000;

/// A burst is what comes in in so many minutes.
const BURST_MINUTES: u32 = 2;

/// Counts wrong tokens by their source; a source may send so many a minute, and twice as many at once.
///
/// Times are durations since one moment.
#[derive(Debug)]
pub(super) struct WrongTokens {
    per_attempt: Option<Duration>,
    sources: Mutex<Sources>,
}

#[derive(Debug, Default)]
struct Sources {
    /// When all attempts of a source are forgotten.
    forgotten_at: HashMap<Source, Duration>,
    swept_at: Duration,
}

impl WrongTokens {
    /// Allows so many a minute; 0 allows any number.
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_attempt: Duration::from_mins(1).checked_div(per_minute), sources: Mutex::default() }
    }

    /// How long a source must wait until its next token is looked at.
    pub(super) fn wait(&self, source: Source, now: Duration) -> Option<Duration> {
        let burst = Duration::from_mins(1) * BURST_MINUTES;
        let per_attempt = self.per_attempt?;
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten_at = sources.forgotten_at.get(&source)?;
        forgotten_at.checked_sub(now + burst.saturating_sub(per_attempt)).filter(|wait| !wait.is_zero())
    }

    /// Counts a wrong token.
    pub(super) fn count(&self, source: Source, now: Duration) {
        let Some(per_attempt) = self.per_attempt else { return };
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if !sources.has_room_for(source, now) {
            return;
        }
        let forgotten_at = sources.forgotten_at.entry(source).or_default();
        *forgotten_at = now.max(*forgotten_at) + per_attempt;
    }
}

impl Sources {
    fn has_room_for(&mut self, source: Source, now: Duration) -> bool {
        if self.forgotten_at.len() < MAX_SOURCES || self.forgotten_at.contains_key(&source) {
            return true;
        }
        // To look through all of them takes a while, and may not be had for the asking.
        if now >= self.swept_at + Duration::from_secs(1) {
            self.swept_at = now;
            self.forgotten_at.retain(|_, forgotten_at| *forgotten_at > now);
        }
        self.forgotten_at.len() < MAX_SOURCES
    }
}

/// What counts as one address: of IPv6, a network that one customer is given.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const START: Duration = Duration::from_secs(1);

    fn source(number: u32) -> Source {
        (IpAddr::V4(Ipv4Addr::from_bits(number)), None)
    }

    fn counted(wrong: &WrongTokens, attempts: usize) {
        (0..attempts).for_each(|_| wrong.count(source(1), START));
    }

    #[test]
    fn twenty_at_once_and_ten_a_minute_are_looked_at() {
        let wrong = WrongTokens::new(10);

        counted(&wrong, 19);
        assert_eq!(wrong.wait(source(1), START), None);
        counted(&wrong, 1);
        assert_eq!(wrong.wait(source(1), START), Some(Duration::from_secs(6)));
        assert_eq!(wrong.wait(source(1), START + Duration::from_secs(6)), None);
    }

    #[test]
    fn other_sources_are_not_held_up() {
        let wrong = WrongTokens::new(10);
        counted(&wrong, 20);

        assert_eq!(wrong.wait(source(2), START), None);
        assert_eq!(wrong.wait((source(1).0, "00000000000a".parse().ok()), START), None);
    }

    #[test]
    fn everything_is_forgotten_in_the_end() {
        let wrong = WrongTokens::new(10);
        counted(&wrong, 20);
        let later = START + Duration::from_mins(2);

        (0..19).for_each(|_| wrong.count(source(1), later));

        assert_eq!(wrong.wait(source(1), later), None);
    }

    #[test]
    fn zero_is_without_limit() {
        let wrong = WrongTokens::new(0);
        counted(&wrong, 1_000);

        assert_eq!(wrong.wait(source(1), START), None);
    }

    #[test]
    fn memory_is_bounded_and_freed_for_new_sources() {
        let wrong = WrongTokens::new(10);
        let len = || wrong.sources.lock().unwrap().forgotten_at.len();

        (0..20_000).for_each(|number| wrong.count(source(number), START));
        assert_eq!(len(), MAX_SOURCES);
        wrong.count(source(30_000), START + Duration::from_mins(1));
        assert_eq!(len(), 1);
    }

    #[test]
    fn a_customer_of_ipv6_is_one_address() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();

        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
    }
}
