//! Ports that a server can give up and take back.

use std::hash::{BuildHasher, RandomState};

/// Random ports below those that systems lend to outgoing connections (from 32768 on Linux, from 49152 elsewhere).
///
/// A server that is down for a moment would lose a lent port to any client on the machine.
pub(crate) fn ports() -> impl Iterator<Item = u16> {
    const FIRST: u64 = 15_000;
    const COUNT: u64 = 17_000;
    let random = RandomState::new();
    (0..100_u8)
        .map(move |attempt| u16::try_from(FIRST + random.hash_one(attempt) % COUNT).expect("FIRST + COUNT is a port"))
}
