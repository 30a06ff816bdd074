//! [`Room`]: which connections there are, and which makes way when there are too many.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pulse::{Pulse, Worth};
use crate::exposition::catalog::{CONNECTIONS, CONNECTIONS_EVICTED, CONNECTIONS_REFUSED};

/// The connections of a listener, at most so many, and at most so many of one source.
///
/// When it is full, a newcomer takes the place of a connection that awaits a head: first of one that has never been
/// served, then of one that is idle; of the source that holds most of the room, and of those the oldest. A connection
/// with a request under way is never ended for another one: when there are no others, the newcomer is turned away.
#[derive(Debug)]
pub(super) struct Room {
    listener: &'static str,
    max: usize,
    max_per_source: usize,
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    by_source: HashMap<IpAddr, Vec<Arc<Pulse>>>,
    taken: usize,
}

/// A connection's place; free when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    room: Arc<Room>,
    source: IpAddr,
    pulse: Arc<Pulse>,
}

// === impl Room ===

impl Room {
    pub(super) fn new(listener: &'static str, max: usize, max_per_source: usize) -> Self {
        Self { listener, max, max_per_source, seats: Mutex::default() }
    }

    /// A seat for a newcomer, if need be that of another.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let source = source(address);
        let mut seats = self.seats();
        let of_source = seats.by_source.get(&source).map_or(0, Vec::len);
        if of_source >= self.max_per_source && !seats.evict_of(source) {
            return refused("address");
        }
        if seats.taken >= self.max && !seats.evict() {
            return refused("server");
        }
        Some(seats.seat(self, source))
    }

    /// Ends a connection, if there is one that nobody waits for.
    pub(super) fn make_room(&self) -> bool {
        self.seats().evict()
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(full: &'static str) -> Option<Seat> {
    CONNECTIONS_REFUSED.counter([full.into()]).increment(1);
    None
}

/// An IPv4 address, or the network that one IPv6 client owns.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

// === impl Seats ===

impl Seats {
    fn seat(&mut self, room: &Arc<Room>, source: IpAddr) -> Seat {
        let pulse = Arc::new(Pulse::new());
        self.by_source.entry(source).or_default().push(Arc::clone(&pulse));
        self.taken += 1;
        CONNECTIONS.gauge([room.listener.into()]).set(self.taken as f64);
        Seat { room: Arc::clone(room), source, pulse }
    }

    fn evict_of(&mut self, source: IpAddr) -> bool {
        let least = self.by_source.get(&source).and_then(|pulses| least(pulses));
        least.is_some_and(|(_, pulse)| self.end(source, &pulse))
    }

    /// Looks through the largest source first: under attack it is enough, and all of them are many.
    fn evict(&mut self) -> bool {
        let of_largest = self.by_source.iter().max_by_key(|(_, pulses)| pulses.len());
        let of_largest = of_largest.and_then(|(source, pulses)| Some((*source, least(pulses)?)));
        let victim = match of_largest {
            Some((source, (worth, pulse))) if !worth.is_idle() => Some((source, pulse)),
            _ => self.least_of_all(),
        };
        victim.is_some_and(|(source, pulse)| self.end(source, &pulse))
    }

    fn least_of_all(&self) -> Option<(IpAddr, Arc<Pulse>)> {
        let candidates = self.by_source.iter().filter_map(|(source, pulses)| {
            let (worth, pulse) = least(pulses)?;
            Some(((worth.is_idle(), Reverse(pulses.len()), worth), *source, pulse))
        });
        candidates.min_by_key(|(key, ..)| *key).map(|(_, source, pulse)| (source, pulse))
    }

    fn end(&mut self, source: IpAddr, pulse: &Arc<Pulse>) -> bool {
        CONNECTIONS_EVICTED.counter([]).increment(1);
        pulse.evict();
        self.free(source, pulse);
        true
    }

    /// Frees a seat, unless it is free already.
    fn free(&mut self, source: IpAddr, pulse: &Arc<Pulse>) {
        let Some(pulses) = self.by_source.get_mut(&source) else { return };
        let Some(at) = pulses.iter().position(|other| Arc::ptr_eq(other, pulse)) else { return };
        pulses.swap_remove(at);
        if pulses.is_empty() {
            self.by_source.remove(&source);
        }
        self.taken -= 1;
    }
}

/// The first to go.
fn least(pulses: &[Arc<Pulse>]) -> Option<(Worth, Arc<Pulse>)> {
    let worths = pulses.iter().filter_map(|pulse| Some((pulse.worth()?, pulse)));
    worths.min_by_key(|(worth, _)| *worth).map(|(worth, pulse)| (worth, Arc::clone(pulse)))
}

// === impl Seat ===

impl Seat {
    pub(super) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.room.seats();
        seats.free(self.source, &self.pulse);
        CONNECTIONS.gauge([self.room.listener.into()]).set(seats.taken as f64);
    }
}

#[cfg(test)]
mod tests;
