//! The page of the books, with more writers than it shows.

use endpoint_stats_core::store::{Applied, StatsStore, WriterId};

use crate::command::Server;
use crate::http;
use crate::remote::{batch, connect};

/// Sends a batch each of so many writers, and tells who they are.
pub(crate) async fn send_as_many(server: &Server, writers: usize) -> Vec<WriterId> {
    let store = connect(server);
    let writers: Vec<_> = (0..writers).map(|_| WriterId::random()).collect();
    for writer in &writers {
        assert_eq!(store.apply(&batch(*writer, 1)).await.unwrap(), Applied::Applied);
    }
    writers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_writers_the_hundred_heard_last_are_shown_and_the_others_counted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--without-token", "everything"]);
    let writers = send_as_many(&server, 103).await;
    let name = |writer: &WriterId| format!("<code>{}</code>", &writer.to_string()[..8]);

    let page = http::get_with(server.address, "/books", &["host: localhost", "accept: text/html"]).unwrap();

    let places: Vec<_> = writers.iter().map(|writer| page.body.find(&name(writer))).collect();
    assert_eq!(places.iter().filter(|place| place.is_none()).count(), 3, "{}", page.body);
    assert_eq!(places[..3], [None; 3], "the first were heard the longest ago");
    assert!(places[3..].is_sorted_by(|a, b| a > b), "the one heard last comes first: {places:?}");
    assert!(page.body.contains(r#"<span class="quiet">103</span>"#), "{}", page.body);
    assert!(page.body.contains(r#"3 more are in the <a href="v1/writers">JSON</a>"#), "{}", page.body);
    assert_eq!(server.get("/v1/writers").json()["writers"].as_array().unwrap().len(), 103);
}
