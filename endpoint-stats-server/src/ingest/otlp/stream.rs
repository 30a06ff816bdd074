//! [`Stream`]: the points of one source of metrics, and what they add to what was counted before.

use std::collections::BTreeMap;

use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::store::WriterId;
use endpoint_stats_core::window::{Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Outcome};

use super::durations::{Unit, sketch_of};
use super::state::{PointKey, State};
use super::total::Total;
use crate::ingest::reception::Reception;
use crate::window_sum::WindowSum;

/// The points of one source: a principal's resource and instrumentation scope.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) writer: WriterId,
    pub(super) points: Vec<Point>,
}

/// What a point of a metric says of an endpoint.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) key: PointKey,
    pub(super) endpoint: Endpoint,
    /// When the counting began, in nanoseconds since 1970 by the sender's clock; 0 if it does not say.
    pub(super) start: u64,
    /// In nanoseconds since 1970, by the sender's clock.
    pub(super) time: u64,
    /// Whether its total goes on from that of the point before.
    pub(super) is_cumulative: bool,
    pub(super) total: Total,
    pub(super) meaning: Meaning,
}

/// What the values of a point are.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    /// Durations of requests that ended so.
    Requests { outcome: Outcome, bounds: Vec<f64>, unit: Unit },
    /// Bytes of request bodies.
    RequestBytes,
    /// Bytes of response bodies.
    ResponseBytes,
}

/// What a stream adds to a store.
#[derive(Debug, Default)]
pub(super) struct Gain {
    pub(super) deltas: Vec<Delta>,
    /// Points for which there is no room.
    pub(super) rejected: u64,
    /// Requests in totals that may have been counted before, and are not counted again.
    pub(super) baseline: u64,
}

// === impl Stream ===

impl Stream {
    /// What the points add to what is remembered; from now on they are remembered.
    ///
    /// The total of a point that began before `forgotten` may have been counted, and its source then forgotten: it only says
    /// what the next one is compared with.
    pub(super) fn gain(
        &self,
        state: &mut State,
        request: [u8; 16],
        reception: Reception,
        forgotten: Timestamp,
    ) -> Gain {
        let has_deltas = self.points.iter().any(|point| !point.is_cumulative);
        let is_new = has_deltas && state.is_new(request);
        let mut sums: BTreeMap<(&Endpoint, Timestamp), WindowSum> = BTreeMap::new();
        let (mut rejected, mut baseline) = (0, 0_u64);
        for point in &self.points {
            let is_baseline =
                point.is_cumulative && point.began() < forgotten && state.may_have_forgotten(&point.key, reception.at);
            let Some(gained) = point.gained(state, is_new, reception) else {
                rejected += 1;
                continue;
            };
            if is_baseline {
                baseline = baseline.saturating_add(point.meaning.requests(&gained));
                continue;
            }
            let counts = point.meaning.counts(&gained);
            if !counts.is_empty() {
                let at = reception.believed(point.at());
                let start = Window::containing(at, Width::TenSeconds).start();
                let sum = sums.entry((&point.endpoint, start)).or_insert_with(|| WindowSum::from(at));
                sum.at(at).merge(&counts);
            }
        }
        let delta = |((endpoint, start), sum): ((&Endpoint, Timestamp), WindowSum)| {
            sum.into_delta(endpoint.clone(), Window::containing(start, Width::TenSeconds))
        };
        Gain { deltas: sums.into_iter().map(delta).collect(), rejected, baseline }
    }
}

// === impl Point ===

impl Point {
    /// What came with the point; `None` when there is no room to remember it.
    fn gained(&self, state: &mut State, is_new_request: bool, reception: Reception) -> Option<Total> {
        match (self.is_cumulative, is_new_request) {
            (true, _) => state.gained(self.key, self.time, &self.total, reception.at),
            (false, true) => Some(self.total.clone()),
            (false, false) => Some(Total::default()),
        }
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_unix((self.time / 1_000_000_000).cast_signed())
    }

    fn began(&self) -> Timestamp {
        Timestamp::from_unix((self.start / 1_000_000_000).cast_signed())
    }
}

// === impl Meaning ===

impl Meaning {
    /// How many requests a total tells of; bytes are those of requests that are told elsewhere.
    fn requests(&self, total: &Total) -> u64 {
        if matches!(self, Self::Requests { .. }) { total.count } else { 0 }
    }

    fn counts(&self, gained: &Total) -> Counts {
        let mut counts = Counts::default();
        match self {
            Self::Requests { outcome, bounds, unit } => {
                counts.outcomes.add(*outcome, gained.count);
                counts.duration = sketch_of(gained, bounds, *unit);
            }
            Self::RequestBytes => counts.request_bytes = gained.sum,
            Self::ResponseBytes => counts.response_bytes = gained.sum,
        }
        counts
    }
}
