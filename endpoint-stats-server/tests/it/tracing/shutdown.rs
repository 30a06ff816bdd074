//! The last spans are sent before the end.

use super::collector::Collector;
use super::server_for;

#[test]
fn the_spans_of_the_last_requests_arrive() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &[]);
    for _ in 0..5 {
        server.get("/stats");
    }

    assert!(server.stop().success());

    let spans = collector.rest();
    assert_eq!(spans.iter().filter(|span| span.name == "GET /stats").count(), 5);
    assert!(spans.iter().any(|span| span.name == "flush"), "the last flush is a trace too");
}
