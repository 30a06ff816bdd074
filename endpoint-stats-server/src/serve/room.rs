//! [`Room`]: which connections there are, and which makes way when there are too many.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pulse::{Pulse, Worth};

/// The connections of a listener, at most so many, and at most so many of one source.
///
/// When it is full, a newcomer takes the place of a connection that awaits a head: first of one that has never been
/// served, then of one that is idle; of the source that holds most of the room, and of those the oldest. A connection
/// with a request under way is never ended for another one: when there are no others, the newcomer is turned away.
#[derive(Debug)]
pub(super) struct Room {
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
    pub(super) fn new(max: usize, max_per_source: usize) -> Self {
        Self { max, max_per_source, seats: Mutex::default() }
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
    metrics::counter!("endpoint_stats_connections_refused_total", "full" => full).increment(1);
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
        metrics::counter!("endpoint_stats_connections_evicted_total").increment(1);
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
        self.room.seats().free(self.source, &self.pulse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const BOB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn room(max: usize, max_per_source: usize) -> Arc<Room> {
        Arc::new(Room::new(max, max_per_source))
    }

    async fn is_evicted(seat: &Seat) -> bool {
        tokio::time::timeout(std::time::Duration::ZERO, seat.pulse().evicted()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_that_was_never_served_makes_way_for_the_next() {
        let room = room(3, 3);
        let served = room.admit(ANN).unwrap();
        served.pulse().idle();
        tokio::time::advance(std::time::Duration::from_millis(2)).await;
        let silent = room.admit(ANN).unwrap();
        tokio::time::advance(std::time::Duration::from_millis(2)).await;
        let young = room.admit(ANN).unwrap();

        let _newcomer = room.admit(ANN).expect("a seat");

        assert!(is_evicted(&silent).await);
        assert!(!is_evicted(&served).await);
        assert!(!is_evicted(&young).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_is_never_ended_for_a_newcomer() {
        let room = room(2, 2);
        let (a, b) = (room.admit(ANN).unwrap(), room.admit(BOB).unwrap());
        a.pulse().busy();
        b.pulse().idle();
        b.pulse().stalls();

        assert!(room.admit(BOB).is_none());
        assert!(!is_evicted(&a).await && !is_evicted(&b).await);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_holds_most_of_the_room_pays() {
        let room = room(4, 4);
        let bob = room.admit(BOB).unwrap();
        tokio::time::advance(std::time::Duration::from_millis(2)).await;
        let ann: Vec<_> = (0..3).map(|_| room.admit(ANN).unwrap()).collect();

        let _newcomer = room.admit(BOB).expect("a seat");

        assert!(!is_evicted(&bob).await);
        assert!(is_evicted(&ann[0]).await || is_evicted(&ann[1]).await || is_evicted(&ann[2]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_never_served_pays_before_who_is_idle() {
        let room = room(3, 3);
        let idle: Vec<_> = (0..2).map(|_| room.admit(ANN).unwrap()).collect();
        for seat in &idle {
            seat.pulse().idle();
        }
        let silent = room.admit(BOB).unwrap();

        let _newcomer = room.admit(ANN).expect("a seat");

        assert!(is_evicted(&silent).await);
        assert!(!is_evicted(&idle[0]).await && !is_evicted(&idle[1]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_seat_is_free_when_its_connection_ends() {
        let room = room(1, 1);
        let first = room.admit(ANN).unwrap();
        first.pulse().busy();
        assert!(room.admit(BOB).is_none());

        drop(first);

        assert!(room.admit(BOB).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_ipv6_network_is_one_source() {
        let room = room(8, 1);
        let first = room.admit("2001:db8::1".parse().unwrap()).unwrap();
        first.pulse().busy();

        assert!(room.admit("2001:db8::2".parse().unwrap()).is_none());
        assert!(room.admit("2001:db8:0:1::2".parse().unwrap()).is_some());
    }
}
