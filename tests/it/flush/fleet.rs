//! What all processes counted together, without a question to the store.

use std::time::Duration;

use endpoint_stats_core::flush::FleetView;
use endpoint_stats_core::store::{Applied, StatsStore};
use endpoint_stats_core::{Endpoint, Method, Route, ServiceName};
use tokio::time::{advance, interval};

use super::faulty_store::{Fault, FaultyStore};
use super::writer::{NOON, Writer};

const ROUTE: &str = "/users/{id}";

/// Lets paused time go on until a view shows something, and returns how long that took.
async fn until_seen(fleet: &FleetView, hits: u64) -> Duration {
    let begun = tokio::time::Instant::now();
    let mut looks = interval(Duration::from_millis(7));
    while fleet.hits_at(ROUTE) != hits {
        looks.tick().await;
        assert!(begun.elapsed() < Duration::from_mins(10), "{} of {hits}", fleet.hits_at(ROUTE));
    }
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn writers_on_one_file_see_each_others_hits_within_a_flush_and_a_refresh() {
    let here_store = FaultyStore::new(|_| Fault::None).await;
    let there_store = FaultyStore::on(here_store.path()).await;
    let (here, there) = (Writer::start(here_store.clone()), Writer::start(there_store));

    for round in 1..=5 {
        here.hit(ROUTE, 3);
        there.hit(ROUTE, 4);

        let (here_took, there_took) =
            tokio::join!(until_seen(here.flusher.fleet(), round * 7), until_seen(there.flusher.fleet(), round * 7));
        assert!(here_took <= Duration::from_millis(1_600), "{here_took:?}");
        assert!(there_took <= Duration::from_millis(1_600), "{there_took:?}");
    }
    assert_eq!(here.flusher.fleet().counts(), there.flusher.fleet().counts());
    assert_eq!(here.stop().await.stored + there.stop().await.stored, 35);
    assert_eq!(here_store.hits().await, 35);
}

#[tokio::test(start_paused = true)]
async fn own_hits_are_seen_at_once_and_never_twice_while_acknowledgements_get_lost() {
    let store = FaultyStore::new(|_| Fault::None).await;
    let writer = Writer::start(store.clone());
    let fleet = writer.flusher.fleet();
    let mut last = None;
    store.set_faults(move |batch| {
        let again = last.replace(batch.seq) == last;
        if again { Fault::None } else { Fault::LoseReply }
    });

    for round in 1..=20 {
        writer.hit(ROUTE, 5);
        assert_eq!(fleet.hits_at(ROUTE), round * 5, "at once");
        // Through the drain, the lost reply, the retry and a refresh.
        for _ in 0..400 {
            advance(Duration::from_millis(7)).await;
            tokio::task::yield_now().await;
            assert_eq!(fleet.hits_at(ROUTE), round * 5, "and all the while");
        }
        writer.until_written(round * 5).await;
    }

    assert_eq!(store.seen().lost_replies, 20);
    assert_eq!(fleet.counts()[0].hits, 100);
}

#[tokio::test(start_paused = true)]
async fn hits_of_earlier_runs_and_of_other_services_are_in_the_view() {
    let store = FaultyStore::new(|_| Fault::None).await;
    let earlier = Writer::start(store.clone());
    earlier.hit(ROUTE, 3);
    earlier.stop().await;
    let other = Endpoint::new(ServiceName::new("mail").unwrap(), Method::Get, Route::new(ROUTE).unwrap());
    let mut batch = one_batch(&store).await;
    batch.deltas[0].endpoint = other.clone();
    assert_eq!(store.apply(&batch).await.unwrap(), Applied::Applied);

    let now = Writer::start(store.clone());
    now.hit(ROUTE, 1);
    until_seen(now.flusher.fleet(), 4).await;

    let counts = now.flusher.fleet().counts();
    let by_name: Vec<_> = counts.iter().map(|count| (count.endpoint.to_string(), count.hits)).collect();
    assert_eq!(by_name, [("mail GET /users/{id}".to_owned(), 3), ("shop GET /users/{id}".to_owned(), 4)]);
}

/// A batch of three hits by a writer of its own.
async fn one_batch(store: &FaultyStore) -> endpoint_stats_core::store::Batch {
    use endpoint_stats_core::aggregate::{Aggregator, Limits};
    use endpoint_stats_core::store::{Batch, WriterId};

    let recorder = Aggregator::new(ServiceName::new("shop").unwrap(), Limits::default());
    super::writer::hit(&recorder, ROUTE, 3);
    let writer = WriterId::random();
    assert_eq!(store.writer(writer).await.unwrap(), None);
    Batch::new(writer, 1, recorder.drain(NOON))
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_sees_itself() {
    use endpoint_stats_core::recorder::{Arrival, Recorder};

    let store = FaultyStore::new(|_| Fault::None).await;
    let writer = Writer::start(store);

    let open = writer.recorder.begin(Arrival { method: Method::Get, route: Some(ROUTE), consumer: None });

    assert_eq!(writer.flusher.fleet().hits_at(ROUTE), 1);
    drop(open);
}

#[tokio::test(start_paused = true)]
async fn a_registered_endpoint_without_hits_is_known_to_the_store_and_not_in_the_view() {
    let store = FaultyStore::new(|_| Fault::None).await;
    let writer = Writer::start(store.clone());
    let shop = ServiceName::new("shop").unwrap();
    let never = Endpoint::new(shop, Method::Get, Route::new("/never").unwrap());

    store.register(std::slice::from_ref(&never), NOON).await.unwrap();
    writer.hit(ROUTE, 1);
    writer.until_written(1).await;

    let known = store.endpoints().await.unwrap();
    let unused: Vec<_> = known.iter().filter(|status| status.last_called.is_none()).collect();
    assert_eq!(unused.len(), 1);
    assert_eq!((&unused[0].endpoint, unused[0].registered_at), (&never, Some(NOON)));
    assert_eq!(writer.flusher.fleet().counts().len(), 1);
}
