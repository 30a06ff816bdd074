//! [`CallerHasher`]: turns callers into hashes that cannot be turned back.

use std::fmt;
use std::hash::Hasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use siphasher::sip::SipHasher13;

use crate::clock::{Clock, Moment};
use crate::sketch::CallerHash;
use crate::window::{Timestamp, Width};

/// Hashes callers with a secret key that changes at midnight UTC.
///
/// The hash is SipHash-1-3 (Aumasson and Bernstein, 2012); the key of a day is drawn from the secret with BLAKE3. A
/// caller is therefore the same one all day and another one tomorrow: a count over several days counts it once a
/// day. Processes that are to agree on who is who need the same secret.
pub struct CallerHasher {
    secret: [u8; 32],
    started: Moment,
    first_day: i64,
    // Seconds after `started` at which the day before `current` ends.
    first_midnight_secs: u64,
    current: AtomicU64,
    // The keys of even and odd days after the first. A new day's key is written before `current` names the day, so
    // who reads `current` first reads a whole key.
    keys: [[AtomicU64; 2]; 2],
    turning: Mutex<()>,
}

impl CallerHasher {
    /// Creates a hasher that agrees with every other one made from the same secret.
    pub fn from_secret(secret: &[u8], clock: &dyn Clock) -> Self {
        let now = clock.now();
        let day = now.as_unix().div_euclid(Width::Day.secs());
        let midnight = crate::window::Window::containing(now, Width::Day).end();
        let hasher = Self {
            secret: *blake3::hash(secret).as_bytes(),
            started: Moment::now(),
            first_day: day,
            first_midnight_secs: seconds_between(now, midnight),
            current: AtomicU64::new(0),
            keys: Default::default(),
            turning: Mutex::new(()),
        };
        hasher.set_key(0);
        hasher
    }

    /// Creates a hasher with a secret of its own: its callers are strangers to every other process.
    ///
    /// # Errors
    ///
    /// When the operating system has no random numbers.
    pub fn random(clock: &dyn Clock) -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self::from_secret(&secret, clock))
    }

    /// Hashes a caller at a moment.
    #[inline]
    pub fn hash(&self, caller: &[u8], at: Moment) -> CallerHash {
        let day = self.day_of(at.since(self.started));
        if day > self.current.load(Ordering::Acquire) {
            self.turn_to(day);
        }
        let [a, b] = &self.keys[(self.current.load(Ordering::Acquire) & 1) as usize];
        let mut hasher = SipHasher13::new_with_keys(a.load(Ordering::Relaxed), b.load(Ordering::Relaxed));
        hasher.write(caller);
        CallerHash::from_u64(hasher.finish())
    }

    /// Days since the first one.
    #[inline]
    fn day_of(&self, elapsed: Duration) -> u64 {
        let secs = elapsed.as_secs();
        if secs < self.first_midnight_secs { 0 } else { (secs - self.first_midnight_secs) / 86_400 + 1 }
    }

    #[cold]
    fn turn_to(&self, day: u64) {
        let _turning = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        if day > self.current.load(Ordering::Acquire) {
            self.set_key(day);
            self.current.store(day, Ordering::Release);
        }
    }

    fn set_key(&self, day: u64) {
        let date = self.first_day.saturating_add_unsigned(day);
        let key = blake3::keyed_hash(&self.secret, &date.to_le_bytes());
        let (words, _) = key.as_bytes().as_chunks::<8>();
        for (slot, word) in self.keys[(day & 1) as usize].iter().zip(words) {
            slot.store(u64::from_le_bytes(*word), Ordering::Relaxed);
        }
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_unix() - from.as_unix()).unwrap_or(0)
}

impl fmt::Debug for CallerHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerHasher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const NOON: Timestamp = Timestamp::from_unix(1_700_049_600);

    fn hasher(at: Timestamp) -> CallerHasher {
        CallerHasher::from_secret(b"secret", &ManualClock::at(at))
    }

    #[test]
    fn two_processes_with_one_secret_agree_within_a_day() {
        let (a, b) = (hasher(NOON), hasher(NOON.plus_secs(3_600)));

        assert_eq!(a.hash(b"caller", a.started), b.hash(b"caller", b.started));
    }

    #[test]
    fn the_key_changes_at_midnight() {
        let hasher = hasher(NOON);
        let today = hasher.hash(b"caller", hasher.started);

        hasher.turn_to(hasher.day_of(Duration::from_hours(12)));

        let tomorrow = CallerHasher::from_secret(b"secret", &ManualClock::at(NOON.plus_secs(86_400)));
        let turned = hasher.hash(b"caller", hasher.started);
        assert_ne!(turned, today);
        assert_eq!(turned, tomorrow.hash(b"caller", tomorrow.started));
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let hasher = hasher(NOON);

        assert_eq!(hasher.day_of(Duration::from_hours(12) - Duration::from_secs(1)), 0);
        assert_eq!(hasher.day_of(Duration::from_hours(12)), 1);
        assert_eq!(hasher.day_of(Duration::from_hours(36)), 2);
    }

    #[test]
    fn hashers_with_secrets_of_their_own_are_strangers() {
        let clock = ManualClock::at(NOON);
        let (a, b) = (CallerHasher::random(&clock).unwrap(), CallerHasher::random(&clock).unwrap());

        assert_ne!(a.hash(b"caller", a.started), b.hash(b"caller", b.started));
    }
}
