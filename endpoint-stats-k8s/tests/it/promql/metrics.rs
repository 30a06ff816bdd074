//! What is exported, and with which labels: by the server, by the programs beside it, and by recording rules.
//!
//! Names of exporters are those that both Debian's versions (postgres-exporter 0.11, redis-exporter 1.45) and current ones have.

use std::fs;
use std::sync::LazyLock;

use endpoint_stats_k8s::tools;

/// The labels that Prometheus adds to whatever it scrapes.
const TARGET_LABELS: [&str; 4] = ["instance", "job", "namespace", "pod"];

/// What the server and the library say of their metrics.
static OURS: LazyLock<String> = LazyLock::new(|| read("docs/metrics.md"));
static RECORDED: LazyLock<String> =
    LazyLock::new(|| read("endpoint-stats-k8s/monitoring/prometheus/rules/recording.yaml"));

const NONE: &[&str] = &[];
const DATABASE: &[&str] = &["datname"];

const METRICS: [(&str, &[&str]); 42] = [
    // Prometheus itself
    ("ALERTS", &["alertname", "alertstate", "service", "severity"]),
    ("prometheus_config_last_reload_successful", NONE),
    ("prometheus_notifications_alertmanagers_discovered", NONE),
    ("prometheus_rule_evaluation_failures_total", &["rule_group"]),
    ("up", NONE),
    // Alertmanager
    ("alertmanager_config_last_reload_successful", NONE),
    ("alertmanager_notifications_failed_total", &["integration"]),
    // kube-state-metrics
    ("kube_cronjob_created", &["cronjob"]),
    ("kube_cronjob_status_last_successful_time", &["cronjob"]),
    ("kube_pod_container_resource_limits", &["container", "resource", "unit"]),
    ("kube_pod_container_status_restarts_total", &["container"]),
    // postgres-exporter
    ("pg_database_size_bytes", DATABASE),
    ("pg_locks_count", &["datname", "mode"]),
    ("pg_settings_max_connections", NONE),
    ("pg_stat_activity_count", &["datname", "state"]),
    ("pg_stat_activity_max_tx_duration", &["datname", "state"]),
    ("pg_stat_database_blks_hit", DATABASE),
    ("pg_stat_database_blks_read", DATABASE),
    ("pg_stat_database_conflicts", DATABASE),
    ("pg_stat_database_deadlocks", DATABASE),
    ("pg_stat_database_numbackends", DATABASE),
    ("pg_stat_database_temp_bytes", DATABASE),
    ("pg_stat_database_tup_deleted", DATABASE),
    ("pg_stat_database_tup_fetched", DATABASE),
    ("pg_stat_database_tup_inserted", DATABASE),
    ("pg_stat_database_tup_updated", DATABASE),
    ("pg_stat_database_xact_commit", DATABASE),
    ("pg_stat_database_xact_rollback", DATABASE),
    ("pg_up", NONE),
    // redis-exporter
    ("redis_blocked_clients", NONE),
    ("redis_commands_duration_seconds_total", &["cmd"]),
    ("redis_commands_total", &["cmd"]),
    ("redis_connected_clients", NONE),
    ("redis_evicted_keys_total", NONE),
    ("redis_expired_keys_total", NONE),
    ("redis_keyspace_hits_total", NONE),
    ("redis_keyspace_misses_total", NONE),
    ("redis_memory_max_bytes", NONE),
    ("redis_memory_used_bytes", NONE),
    ("redis_memory_used_rss_bytes", NONE),
    ("redis_rejected_connections_total", NONE),
    ("redis_up", NONE),
];

/// The labels of a metric, or nothing where no program exports it and no rule records it.
pub(super) fn labels(name: &str) -> Option<Vec<String>> {
    let own = match name.split_once(':') {
        Some((level, _)) => recorded(name).then(|| labels_of_level(level)).flatten().map(owned),
        None => labels_of_others(name).or_else(|| labels_of_ours(name)),
    };
    own.map(|own| [own, owned(&TARGET_LABELS)].concat())
}

fn labels_of_others(name: &str) -> Option<Vec<String>> {
    METRICS.iter().find(|(known, _)| *known == name).map(|(_, labels)| owned(labels))
}

fn read(path: &str) -> String {
    fs::read_to_string(tools::repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|label| (*label).to_owned()).collect()
}

/// What `docs/metrics.md` says, a line of a table a metric: its name, kind, labels, and what it is.
fn labels_of_ours(name: &str) -> Option<Vec<String>> {
    OURS.lines().filter(|line| line.starts_with("| `")).find_map(|line| {
        let cells: Vec<_> = line.split(" | ").collect();
        let [known, kind, labels, ..] = cells[..] else { return None };
        let quoted = labels.split('`').skip(1).step_by(2).map(str::to_owned);
        let part = name.strip_prefix(known.trim_start_matches("| ").trim_matches('`'))?;
        labels_of_part(kind, part, quoted.collect())
    })
}

fn labels_of_part(kind: &str, part: &str, mut labels: Vec<String>) -> Option<Vec<String>> {
    match (kind, part) {
        ("histogram", "_bucket") => labels.push("le".to_owned()),
        ("histogram", "_sum" | "_count") => {}
        (_, "") if kind != "histogram" => {}
        _ => return None,
    }
    Some(labels)
}

/// Whether there is such a recording rule.
fn recorded(name: &str) -> bool {
    RECORDED.lines().any(|line| line.trim_start().strip_prefix("- record: ") == Some(name))
}

/// The first part of a recorded name says what the rule keeps apart.
fn labels_of_level(level: &str) -> Option<&'static [&'static str]> {
    match level {
        "instance" | "service" => Some(&["service"]),
        "service_le" => Some(&["le", "service"]),
        _ => None,
    }
}
