//! The metrics as `promtool` judges them.

use super::load;
use super::watched::Watched;
use crate::http;
use crate::support::prometheus::lints;

/// What promtool says of names that are not ours to choose.
const ACCEPTED: [(&str, &str); 0] = [];

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics_of_a_server_in_use() {
    let watched = Watched::start(1);
    load::call(&watched.servers);
    load::send(&watched.servers[0], "once", &load::hits(&[0.01, 0.02]));

    let metrics = http::get(watched.metrics[0], "/metrics").unwrap().body;

    assert!(metrics.contains("endpoint_stats_hits_total{"), "{metrics}");
    let accepted: Vec<_> = ACCEPTED.iter().map(|(lint, _)| *lint).collect();
    assert_eq!(lints(&metrics), accepted);
}
