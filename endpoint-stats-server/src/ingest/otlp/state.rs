//! [`State`]: what is remembered of a stream, kept in the store with its counts.

use std::collections::BTreeMap;

use endpoint_stats_core::window::{Timestamp, Width};
use prost::Message;

use super::total::Total;

const VERSION: u8 = 1;

/// Points that are remembered of one stream.
pub(super) const MAX_POINTS: usize = 10_000;

/// Requests with deltas that are remembered of one stream.
const MAX_REQUESTS: usize = 256;

/// A point that is seen all the time is noted so often.
const NOTED_EVERY_SECS: i64 = 3_600;

/// So long after its first report a source may still send totals that were counted before it was forgotten.
const FIRST_REPORTS_SECS: i64 = 300;

/// Stands for a point: a hash of its metric, its attributes and its start.
pub(super) type PointKey = [u8; 16];

/// What is remembered of a stream: the last total of each cumulative point, and the last requests that held deltas.
///
/// Encoded as: version byte 1, then a protobuf message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    points: BTreeMap<PointKey, Seen>,
    // The oldest first.
    requests: Vec<[u8; 16]>,
    /// The first report since the source is known, in seconds since 1970.
    known_since: i64,
    has_changed: bool,
    has_made_room: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Seen {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(int64, tag = "2")]
    at: i64,
    #[prost(message, required, tag = "3")]
    total: Total,
    /// When the sender had this total, in nanoseconds since 1970.
    #[prost(uint64, tag = "4")]
    time: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Encoded {
    #[prost(message, repeated, tag = "1")]
    points: Vec<Seen>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    requests: Vec<Vec<u8>>,
    #[prost(int64, tag = "3")]
    known_since: i64,
}

// === impl State ===

impl State {
    /// Of a source that is not known: a new one, or one that was forgotten.
    pub(super) fn of_a_stranger(now: Timestamp) -> Self {
        Self { known_since: now.as_unix(), ..Self::default() }
    }

    /// Takes the total of a cumulative point, and gives what came since the last one.
    ///
    /// A total that is older than the last one, by the sender's clock, was overtaken and adds nothing. `None` when there is
    /// no room for one more point: a point is forgotten only when it was not seen for a day.
    pub(super) fn gained(&mut self, key: PointKey, time: u64, total: &Total, now: Timestamp) -> Option<Total> {
        if !self.points.contains_key(&key) && self.points.len() >= MAX_POINTS {
            self.make_room(now);
            if self.points.len() >= MAX_POINTS {
                return None;
            }
        }
        let at = now.as_unix();
        let seen =
            self.points.entry(key).or_insert_with(|| Seen { key: key.to_vec(), at: i64::MIN, ..Seen::default() });
        if time < seen.time {
            return Some(Total::default());
        }
        let gained = total.clone().since(&seen.total);
        if *total != seen.total || at.saturating_sub(seen.at) >= NOTED_EVERY_SECS {
            *seen = Seen { key: key.to_vec(), at, total: total.clone(), time };
            self.has_changed = true;
        }
        Some(gained)
    }

    /// Whether a point is not known, and may have been before its source was forgotten.
    ///
    /// Exporters send all their totals each time, perhaps in several requests.
    pub(super) fn may_have_forgotten(&self, key: &PointKey, now: Timestamp) -> bool {
        now.as_unix().saturating_sub(self.known_since) < FIRST_REPORTS_SECS && !self.points.contains_key(key)
    }

    /// Whether a request with deltas is new; from now on it is not.
    pub(super) fn is_new(&mut self, request: [u8; 16]) -> bool {
        if self.requests.contains(&request) {
            return false;
        }
        if self.requests.len() >= MAX_REQUESTS {
            self.requests.remove(0);
        }
        self.requests.push(request);
        self.has_changed = true;
        true
    }

    /// Whether there is something to remember that was not there before.
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed
    }

    pub(super) fn encode(self) -> Vec<u8> {
        let requests = self.requests.into_iter().map(Vec::from).collect();
        let encoded = Encoded { points: self.points.into_values().collect(), requests, known_since: self.known_since };
        let mut bytes = vec![VERSION];
        bytes.reserve_exact(encoded.encoded_len());
        encoded.encode_raw(&mut bytes);
        bytes
    }

    /// Decodes what [`encode`](Self::encode) wrote; `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let encoded = Encoded::decode(bytes.strip_prefix(&[VERSION])?).ok()?;
        let keyed = |seen: Seen| Some((seen.key.as_slice().try_into().ok()?, seen));
        let points = encoded.points.into_iter().map(keyed).collect::<Option<_>>()?;
        let requests = encoded.requests.iter().map(|request| request.as_slice().try_into().ok());
        Some(Self {
            points,
            requests: requests.collect::<Option<_>>()?,
            known_since: encoded.known_since,
            ..Self::default()
        })
    }

    /// Forgets the points that were not seen for a day, once.
    fn make_room(&mut self, now: Timestamp) {
        if !std::mem::replace(&mut self.has_made_room, true) {
            self.points.retain(|_, seen| now.as_unix().saturating_sub(seen.at) <= Width::Day.secs());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_800_014_400);

    fn total(count: u64) -> Total {
        Total { count, sum: count, ..Total::default() }
    }

    #[test]
    fn what_is_remembered_is_read_back() {
        let mut state = State::default();
        state.gained([1; 16], 5, &total(3), NOW);
        state.is_new([2; 16]);

        let mut read = State::decode(&state.encode()).unwrap();

        assert!(!read.has_changed());
        assert!(!read.is_new([2; 16]));
        assert_eq!(read.gained([1; 16], 6, &total(5), NOW).unwrap().count, 2);
    }

    #[test]
    fn another_version_is_not_read() {
        let mut bytes = State::default().encode();
        bytes[0] = 2;

        assert_eq!(State::decode(&bytes), None);
        assert_eq!(State::decode(&[]), None);
    }

    #[test]
    fn the_oldest_request_is_forgotten_for_the_257th() {
        let mut state = State::default();
        let request = |number: u64| {
            let mut request = [0; 16];
            request[..8].copy_from_slice(&number.to_le_bytes());
            request
        };
        assert!((0..257).all(|number| state.is_new(request(number))));

        assert!(!state.is_new(request(1)));
        assert!(state.is_new(request(0)));
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            State::decode(&bytes);
            State::decode(&[&[VERSION], &bytes[..]].concat());
        }
    }
}
