//! Latencies as Prometheus gets them from native histograms.

use super::load;
use super::questions::number_of;
use super::watched::Watched;

/// What two values in one bucket of schema 5 can differ by, 2.2 %, and two neighbours of ours.
const BUCKET: f64 = 1.028;

const LATENCIES: u32 = 2_000;

/// Latencies from 0.2 ms to 20 s, evenly spread over the powers of ten.
fn latencies() -> Vec<f64> {
    (0..LATENCIES).map(|n| 0.0002 * 1e5_f64.powf(f64::from(n) / f64::from(LATENCIES))).collect()
}

#[test]
fn quantiles_of_native_histograms_are_within_a_bucket_of_the_truth() {
    let watched = Watched::start(1);
    let prometheus = watched.prometheus().native_histograms().start();
    let sorted = latencies();
    let (fast, slow) = sorted.split_at(sorted.len() / 2);
    for (key, part) in [("slow", slow), ("fast", fast)] {
        assert_eq!(load::send(&watched.servers[0], key, &load::hits(part)).status, 200);
    }

    let histogram = r#"endpoint_stats_latency_seconds{service="shop"}"#;
    let counted = number_of(&prometheus, &format!("histogram_count({histogram}) == {LATENCIES}"));

    assert!((counted - f64::from(LATENCIES)).abs() < f64::EPSILON, "{counted}");
    for (quantile, index) in [("0.05", 100), ("0.5", 1_000), ("0.9", 1_800), ("0.99", 1_980)] {
        let (told, truth) =
            (number_of(&prometheus, &format!("histogram_quantile({quantile}, {histogram})")), sorted[index]);
        assert!((truth / BUCKET..truth * BUCKET).contains(&told), "the {quantile} quantile is {truth}, not {told}");
    }
}
