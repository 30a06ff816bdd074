//! Which alerts are muted by which others, asked of a running Alertmanager.

use std::time::Duration;

use super::notified::Notified;

/// An alert, another one in the same namespace, and whether the first mutes the second.
const PAIRS: [(&str, &str, bool); 16] = [
    (
        "EndpointStatsErrorBudgetBurn severity=critical service=a",
        "EndpointStatsErrorBudgetBurn severity=warning service=a",
        true,
    ),
    (
        "EndpointStatsErrorBudgetBurn severity=critical service=a",
        "EndpointStatsErrorBudgetBurn severity=warning service=b",
        false,
    ),
    (
        "EndpointStatsHitsDropped severity=critical service=a",
        "EndpointStatsHitsDropped severity=warning service=a reason=rejected",
        true,
    ),
    (
        "EndpointStatsHitsDropped severity=critical service=a",
        "EndpointStatsSlowResponses severity=warning service=a",
        false,
    ),
    (
        "EndpointStatsCertificateExpiring severity=critical file=a",
        "EndpointStatsCertificateExpiring severity=warning file=a",
        true,
    ),
    (
        "EndpointStatsCertificateExpiring severity=critical file=a",
        "EndpointStatsCertificateExpiring severity=warning file=b",
        false,
    ),
    (
        "EndpointStatsStoreUnreachable severity=critical service=a",
        "EndpointStatsStoreUnreachable severity=warning service=a instance=1",
        true,
    ),
    (
        "EndpointStatsStoreUnreachable severity=critical service=a",
        "EndpointStatsFlushFailing severity=critical service=a instance=1",
        true,
    ),
    (
        "EndpointStatsStoreUnreachable severity=critical service=a",
        "EndpointStatsErrorBudgetBurn severity=critical service=b",
        false,
    ),
    (
        "EndpointStatsStoreUnreachable severity=critical service=a",
        "EndpointStatsExporterDown severity=warning job=postgres-exporter",
        true,
    ),
    (
        "EndpointStatsStoreUnreachable severity=critical service=a",
        "EndpointStatsExporterDown severity=warning job=redis-exporter",
        false,
    ),
    (
        "EndpointStatsStoreUnreachable severity=warning service=a instance=1",
        "EndpointStatsFlushFailing severity=critical service=a instance=1",
        true,
    ),
    (
        "EndpointStatsStoreUnreachable severity=warning service=a instance=1",
        "EndpointStatsFlushFailing severity=critical service=a instance=2",
        false,
    ),
    (
        "EndpointStatsStoreUnreachable severity=critical service=a",
        "EndpointStatsRollUpLag severity=warning service=a",
        true,
    ),
    (
        "EndpointStatsStoreUnreachable severity=critical service=a",
        "EndpointStatsSlowResponses severity=warning service=a",
        true,
    ),
    ("EndpointStatsNoData severity=critical job=a", "EndpointStatsNotScraped severity=warning job=a instance=1", true),
];

/// The labels of an alert in a namespace of its pair's own, as amtool takes them.
fn labels(alert: &str, namespace: usize) -> Vec<String> {
    let mut words = alert.split(' ');
    let name = format!("alertname={}", words.next().expect("a name"));
    [name, format!("namespace=pair-{namespace}")].into_iter().chain(words.map(str::to_owned)).collect()
}

#[test]
fn what_another_alert_says_already_is_muted_and_nothing_else() {
    let alertmanager = Notified::start();
    let alerts = |of: fn(&(&'static str, &'static str, bool)) -> &'static str| {
        PAIRS.iter().enumerate().map(move |(i, pair)| labels(of(pair), i)).collect::<Vec<_>>()
    };
    let (sources, targets) = (alerts(|pair| pair.0), alerts(|pair| pair.1));
    for labels in sources.iter().chain(&targets) {
        alertmanager.raise(&words(labels));
    }

    // When the last one that should be is muted, the others had their time.
    let (muted, others): (Vec<_>, Vec<_>) = targets.iter().zip(PAIRS).partition(|(_, pair)| pair.2);
    for (labels, (source, target, is_muted)) in muted.into_iter().chain(others) {
        let muted = until(is_muted, || alertmanager.is_muted(&words(labels)));
        assert_eq!(muted, Some(is_muted), "{target} beside {source}");
    }
}

fn words(labels: &[String]) -> Vec<&str> {
    labels.iter().map(String::as_str).collect()
}

/// Asks until the answer is the expected one, or ten seconds have passed.
fn until(expected: bool, ask: impl Fn() -> Option<bool>) -> Option<bool> {
    for _ in 0..100 {
        if ask() == Some(expected) {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
    ask()
}
