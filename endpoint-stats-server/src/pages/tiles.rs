//! [`tiles`]: the numbers at the head of a page.

use endpoint_stats_core::aggregate::Counts;

use super::change::{Change, More};
use super::numbers;
use crate::report::shown_sketch;

/// One number, and its change against the range before.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) change: Option<Change>,
}

/// Hits, error rate, percentiles and callers.
pub(super) fn tiles(now: &Counts, before: &Counts) -> Vec<Tile> {
    let (hits, hits_before) = (now.hits(), before.hits());
    let (errors, errors_before) = (now.outcomes.errors(), before.outcomes.errors());
    let (callers, callers_before) = (now.callers.count(), before.callers.count());
    let mut tiles = vec![
        Tile {
            label: "Hits",
            value: numbers::short_count(hits),
            change: Change::of_number(hits as f64, hits_before as f64, More::Plain),
        },
        Tile {
            label: "Error rate",
            value: numbers::percent(errors, hits),
            change: Change::of_share((errors, hits), (errors_before, hits_before)),
        },
    ];
    let (latency, latency_before) = (shown_sketch(now), shown_sketch(before));
    for (label, q) in [("p50 latency", 0.5), ("p95 latency", 0.95), ("p99 latency", 0.99)] {
        let (value, value_before) = (latency.quantile(q), latency_before.quantile(q));
        tiles.push(Tile { label, value: numbers::duration(value), change: Change::of_duration(value, value_before) });
    }
    tiles.push(Tile {
        label: "Callers",
        value: if callers == 0 { numbers::NONE.to_owned() } else { format!("≈ {}", numbers::short_count(callers)) },
        change: Change::of_number(callers as f64, callers_before as f64, More::Plain),
    });
    tiles
}
