//! What is exported, and with which labels: by the server, and by the programs beside it.
//!
//! Names of exporters are those that both Debian's versions (postgres-exporter 0.11, redis-exporter 1.45) and current ones have.

use std::fs;

use crate::applied::package;

/// The labels that Prometheus adds to whatever it scrapes.
pub(super) const TARGET_LABELS: [&str; 4] = ["instance", "job", "namespace", "pod"];

const NONE: &[&str] = &[];
const ENDPOINT: &[&str] = &["method", "route", "service"];
const SERVICE: &[&str] = &["service"];
const DATABASE: &[&str] = &["datname"];

const HISTOGRAMS: [(&str, &[&str]); 3] = [
    ("endpoint_stats_flush_duration_seconds", SERVICE),
    ("endpoint_stats_latency_seconds", ENDPOINT),
    ("endpoint_stats_roll_up_duration_seconds", SERVICE),
];

const METRICS: [(&str, &[&str]); 84] = [
    ("endpoint_stats_access_total", &["result"]),
    ("endpoint_stats_build_info", &["version"]),
    ("endpoint_stats_cache_answers_total", &["result"]),
    ("endpoint_stats_cache_questions_total", &["result"]),
    ("endpoint_stats_cache_up", NONE),
    ("endpoint_stats_certificate_not_after_timestamp_seconds", &["file"]),
    ("endpoint_stats_connections", &["listener"]),
    ("endpoint_stats_connections_evicted_total", NONE),
    ("endpoint_stats_connections_refused_total", &["full"]),
    ("endpoint_stats_endpoints", SERVICE),
    ("endpoint_stats_endpoints_limit", SERVICE),
    ("endpoint_stats_flushes_total", &["result", "service"]),
    ("endpoint_stats_hits_dropped_total", &["reason", "service"]),
    ("endpoint_stats_hits_folded_total", SERVICE),
    ("endpoint_stats_hits_observed_total", SERVICE),
    ("endpoint_stats_hits_pending", SERVICE),
    ("endpoint_stats_hits_received_dropped_total", &["reason"]),
    ("endpoint_stats_hits_received_total", NONE),
    ("endpoint_stats_hits_refused_total", SERVICE),
    ("endpoint_stats_hits_stored_total", SERVICE),
    ("endpoint_stats_hits_total", &["method", "outcome", "route", "service"]),
    ("endpoint_stats_otlp_metrics_ignored_total", NONE),
    ("endpoint_stats_panics_total", NONE),
    ("endpoint_stats_pool_connections", &["pool", "state"]),
    ("endpoint_stats_pool_connections_limit", &["pool"]),
    ("endpoint_stats_pool_timeouts_total", &["pool"]),
    ("endpoint_stats_pool_waits_total", &["pool"]),
    ("endpoint_stats_request_bytes_total", ENDPOINT),
    ("endpoint_stats_requests_shed_total", NONE),
    ("endpoint_stats_response_bytes_total", ENDPOINT),
    ("endpoint_stats_roll_up_last_success_timestamp_seconds", SERVICE),
    ("endpoint_stats_roll_ups_total", &["result", "service"]),
    ("endpoint_stats_store_up", SERVICE),
    ("endpoint_stats_tokens_file_valid", NONE),
    ("endpoint_stats_writers", NONE),
    ("process_cpu_seconds_total", NONE),
    ("process_max_fds", NONE),
    ("process_open_fds", NONE),
    ("process_resident_memory_bytes", NONE),
    ("process_start_time_seconds", NONE),
    ("process_threads", NONE),
    ("process_virtual_memory_bytes", NONE),
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

/// The labels of a metric beside those of its target, or nothing where no program exports it and no rule records it.
pub(super) fn labels(name: &str) -> Option<Vec<&'static str>> {
    if let Some((level, _)) = name.split_once(':') {
        return recorded(name).then(|| labels_of_level(level)).flatten();
    }
    let plain = METRICS.iter().find(|(known, _)| *known == name).map(|(_, labels)| labels.to_vec());
    plain.or_else(|| HISTOGRAMS.iter().find_map(|(base, labels)| labels_of_part(name.strip_prefix(base)?, labels)))
}

fn labels_of_part(part: &str, labels: &[&'static str]) -> Option<Vec<&'static str>> {
    match part {
        "_bucket" => Some([labels, &["le"]].concat()),
        "_sum" | "_count" => Some(labels.to_vec()),
        _ => None,
    }
}

/// Whether there is such a recording rule.
fn recorded(name: &str) -> bool {
    let file = package().file("monitoring/prometheus/rules/recording.yaml");
    let text = fs::read_to_string(file).expect("the recording rules can be read");
    text.lines().any(|line| line.trim_start().strip_prefix("- record: ") == Some(name))
}

/// The first part of a recorded name says what the rule keeps apart.
fn labels_of_level(level: &str) -> Option<Vec<&'static str>> {
    match level {
        "instance" | "service" => Some(vec!["service"]),
        "service_le" => Some(vec!["le", "service"]),
        _ => None,
    }
}
