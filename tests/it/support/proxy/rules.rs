//! What a network does to the bytes that it is given.

use std::time::Duration;

use super::Direction;

/// The controls of a proxy, and what it counted.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) accepted: u64,
    pub(super) black_hole: bool,
    // Until a connection has taken it for its own.
    pub(super) lost_reply: Option<LostReply>,
    to_server: Lane,
    to_client: Lane,
}

/// The rules of one direction.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) passed: u64,
    pub(super) delay: Duration,
    pub(super) slices: Option<Slices>,
    pub(super) cut_after: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Slices {
    pub(super) bytes: usize,
    pub(super) pause: Duration,
}

#[derive(Debug)]
pub(super) struct LostReply {
    // None is any request.
    pub(super) request: Option<Vec<u8>>,
    pub(super) quiet: Duration,
}

// === impl Rules ===

impl Rules {
    pub(super) fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    /// Takes all rules back and keeps the counts.
    pub(super) fn clear(&mut self) {
        let counts = |lane: &Lane| Lane { passed: lane.passed, ..Lane::default() };
        *self = Self {
            accepted: self.accepted,
            to_server: counts(&self.to_server),
            to_client: counts(&self.to_client),
            ..Self::default()
        };
    }

    /// The quiet time after which the connection is cut that carries `bytes`, if its reply is the one to be lost.
    pub(super) fn take_lost_reply(&mut self, direction: Direction, bytes: &[u8]) -> Option<Duration> {
        let LostReply { request, .. } = self.lost_reply.as_ref()?;
        let is_meant = request.as_ref().is_none_or(|request| {
            direction == Direction::ToServer && bytes.windows(request.len()).any(|window| window == request)
        });
        is_meant.then(|| self.lost_reply.take().expect("looked at above").quiet)
    }
}

// === impl Lane ===

impl Lane {
    /// How many of so many bytes are let through now, and whether the connection is cut after them.
    pub(super) fn let_through(&mut self, bytes: usize) -> (usize, bool) {
        let wanted = bytes as u64;
        let passed = self.cut_after.map_or(wanted, |left| left.min(wanted));
        self.passed += passed;
        self.cut_after = self.cut_after.map(|left| left - passed);
        let cut = self.cut_after.take_if(|left| *left == 0).is_some();
        (usize::try_from(passed).expect("at most `bytes`"), cut)
    }
}
