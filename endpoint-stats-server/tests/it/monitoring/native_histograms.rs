//! Latencies as Prometheus gets them from native histograms.

use super::load;
use super::questions::number_of;
use super::watched::Watched;

/// The sketch's error; the next bucket is 2.2 % away.
const ERROR: f64 = 1.011;

const LATENCIES: u32 = 20_000;

/// Latencies from 0.2 ms to 20 s, evenly spread over the powers of ten.
fn latencies() -> Vec<f64> {
    (0..LATENCIES).map(|n| 0.0002 * 1e5_f64.powf(f64::from(n) / f64::from(LATENCIES))).collect()
}

#[test]
fn quantiles_of_native_histograms_are_within_the_error_of_the_sketch() {
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
    for (quantile, index) in [("0.05", 1_000), ("0.5", 10_000), ("0.9", 18_000), ("0.99", 19_800)] {
        let (told, truth) =
            (number_of(&prometheus, &format!("histogram_quantile({quantile}, {histogram})")), sorted[index]);
        assert!((truth / ERROR..truth * ERROR).contains(&told), "the {quantile} quantile is {truth}, not {told}");
    }
}
