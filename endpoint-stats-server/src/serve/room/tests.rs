//! Who gets a seat, and who makes way.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::{advance, timeout};

use super::*;

const ANN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const BOB: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const CAT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3));

fn be_idle(seat: &Seat) {
    seat.pulse().answered();
    seat.pulse().flushed();
}

fn room(max: usize, max_per_source: usize) -> Arc<Room> {
    Arc::new(Room::new("main", max, max_per_source))
}

async fn is_evicted(seat: &Seat) -> bool {
    timeout(Duration::ZERO, seat.pulse().evicted()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn the_oldest_that_was_never_served_makes_way_for_the_next() {
    let room = room(3, 3);
    let served = room.admit(ANN).unwrap();
    be_idle(&served);
    advance(Duration::from_millis(2)).await;
    let silent = room.admit(ANN).unwrap();
    advance(Duration::from_millis(2)).await;
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
    be_idle(&b);
    b.pulse().stalls();

    assert!(room.admit(BOB).is_none());
    assert!(!is_evicted(&a).await && !is_evicted(&b).await);
}

#[tokio::test(start_paused = true)]
async fn whoever_holds_most_of_the_room_pays() {
    let room = room(4, 4);
    let bob = room.admit(BOB).unwrap();
    advance(Duration::from_millis(2)).await;
    let ann: Vec<_> = (0..3).map(|_| room.admit(ANN).unwrap()).collect();

    let _newcomer = room.admit(BOB).expect("a seat");

    assert!(!is_evicted(&bob).await);
    assert!(is_evicted(&ann[0]).await || is_evicted(&ann[1]).await || is_evicted(&ann[2]).await);
}

#[tokio::test(start_paused = true)]
async fn who_was_never_served_pays_before_who_is_idle() {
    let room = room(3, 3);
    let idle: Vec<_> = (0..2).map(|_| room.admit(ANN).unwrap()).collect();
    idle.iter().for_each(be_idle);
    let silent = room.admit(BOB).unwrap();

    let _newcomer = room.admit(ANN).expect("a seat");

    assert!(is_evicted(&silent).await);
    assert!(!is_evicted(&idle[0]).await && !is_evicted(&idle[1]).await);
}

#[tokio::test(start_paused = true)]
async fn whoever_holds_most_of_what_can_go_pays() {
    let room = room(6, 6);
    let ann: Vec<_> = (0..3).map(|_| room.admit(ANN).unwrap()).collect();
    for seat in &ann {
        seat.pulse().busy();
    }
    let cat = room.admit(CAT).unwrap();
    advance(Duration::from_millis(2)).await;
    let bob = [room.admit(BOB).unwrap(), room.admit(BOB).unwrap()];

    let _newcomer = room.admit(CAT).expect("a seat");

    assert!(!is_evicted(&cat).await);
    assert!(is_evicted(&bob[0]).await || is_evicted(&bob[1]).await);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_too_many_makes_way_for_herself() {
    let room = room(8, 2);
    let bob = room.admit(BOB).unwrap();
    let ann = [room.admit(ANN).unwrap(), room.admit(ANN).unwrap()];
    ann.iter().for_each(be_idle);

    let _newcomer = room.admit(ANN).expect("a seat");

    assert!(!is_evicted(&bob).await);
    assert!(is_evicted(&ann[0]).await || is_evicted(&ann[1]).await);
}

#[tokio::test(start_paused = true)]
async fn each_newcomer_takes_the_place_of_another() {
    let room = room(2, 2);
    let old = [room.admit(ANN).unwrap(), room.admit(ANN).unwrap()];
    advance(Duration::from_millis(2)).await;

    let new = [room.admit(ANN).unwrap(), room.admit(ANN).unwrap()];

    assert!(is_evicted(&old[0]).await && is_evicted(&old[1]).await);
    assert!(!is_evicted(&new[0]).await && !is_evicted(&new[1]).await);
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

#[tokio::test(start_paused = true)]
async fn an_ipv4_address_is_one_source_however_it_is_written() {
    let room = room(8, 1);
    let first = room.admit(ANN).unwrap();
    first.pulse().busy();

    assert!(room.admit("::ffff:192.0.2.1".parse().unwrap()).is_none());
    let other = room.admit("::ffff:192.0.2.2".parse().unwrap()).unwrap();
    other.pulse().busy();
    assert!(room.admit("::ffff:192.0.2.3".parse().unwrap()).is_some());
}
