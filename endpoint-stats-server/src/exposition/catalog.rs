//! Every metric of the server beside those of the library.

use endpoint_stats_core::telemetry::{self, Description, Kind, Label, Metric, Unit};

pub(crate) static BUILD_INFO: Metric<1> =
    Metric::new_gauge("endpoint_stats_build_info", [Label::any("version")], "1, with the version of the program");

pub(crate) static RECEIVED: Metric<0> = Metric::new_counter(
    "endpoint_stats_hits_received_total",
    [],
    "Hits that others sent and the store has taken, duplicates not counted",
);

pub(crate) static RECEIVED_DROPPED: Metric<1> = Metric::new_counter(
    "endpoint_stats_hits_received_dropped_total",
    [Label::one_of("reason", &["baseline"])],
    "Hits that others reported and that are not counted, because they may have been counted before",
);

pub(crate) static WRITERS: Metric<0> =
    Metric::new_gauge("endpoint_stats_writers", [], "Writers that sent to this process since it started, up to 10,000");

pub(crate) static OTLP_IGNORED: Metric<0> = Metric::new_counter(
    "endpoint_stats_otlp_metrics_ignored_total",
    [],
    "OpenTelemetry metrics that tell nothing about endpoints",
);

pub(crate) static CONNECTIONS: Metric<1> = Metric::new_gauge(
    "endpoint_stats_connections",
    [Label::one_of("listener", &["main", "admin"])],
    "Connections that are open",
);

pub(crate) static CONNECTIONS_REFUSED: Metric<1> = Metric::new_counter(
    "endpoint_stats_connections_refused_total",
    [Label::one_of("full", &["address", "server"])],
    "Connections turned away, by what was full: the share of one address, or the server",
);

pub(crate) static CONNECTIONS_EVICTED: Metric<0> = Metric::new_counter(
    "endpoint_stats_connections_evicted_total",
    [],
    "Connections that nobody waited for and that made way for others",
);

pub(crate) static SHED: Metric<0> = Metric::new_counter(
    "endpoint_stats_requests_shed_total",
    [],
    "Requests turned away because there were as many as the server bears",
);

pub(crate) static PANICS: Metric<0> =
    Metric::new_counter("endpoint_stats_panics_total", [], "Requests whose handler panicked");

pub(crate) static ACCESS: Metric<1> = Metric::new_counter(
    "endpoint_stats_access_total",
    [Label::one_of(
        "result",
        &[
            "granted",
            "open",
            "missing",
            "unknown",
            "expired",
            "revoked",
            "in_query",
            "cross_site",
            "too_many_wrong",
            "too_often",
        ],
    )],
    "Requests by whether they were let in: with a token, without one where none is needed, or why not",
);

pub(crate) static TOKENS_FILE_VALID: Metric<0> = Metric::new_gauge(
    "endpoint_stats_tokens_file_valid",
    [],
    "Whether the tokens file can be read; 0 keeps the tokens it had. Missing without a tokens file",
);

pub(crate) static CERTIFICATE: Metric<1> = Metric::new_gauge(
    "endpoint_stats_certificate_not_after_timestamp_seconds",
    [Label::any("file")],
    "When the first certificate ends in a file that the server serves or watches; missing when it could never be read",
)
.in_unit(Unit::Seconds);

/// What there is to say about every metric at `/metrics`.
pub fn descriptions() -> impl Iterator<Item = Description> {
    telemetry::descriptions().chain(of_the_server()).chain(of_the_process())
}

fn of_the_server() -> [Description; 13] {
    [
        BUILD_INFO.description(),
        RECEIVED.description(),
        RECEIVED_DROPPED.description(),
        WRITERS.description(),
        OTLP_IGNORED.description(),
        CONNECTIONS.description(),
        CONNECTIONS_REFUSED.description(),
        CONNECTIONS_EVICTED.description(),
        SHED.description(),
        PANICS.description(),
        ACCESS.description(),
        TOKENS_FILE_VALID.description(),
        CERTIFICATE.description(),
    ]
}

/// Those that `metrics-process` tells, by the names that Prometheus' own libraries gave them.
fn of_the_process() -> impl Iterator<Item = Description> {
    use Kind::{Counter, Gauge};
    use Unit::{Bytes, One, Seconds};
    const PROCESS: [(&str, Kind, Unit, &str); 8] = [
        ("process_cpu_seconds_total", Counter, Seconds, "CPU time used, by the user and the system"),
        ("process_max_fds", Gauge, One, "Files that may be open at once"),
        ("process_open_fds", Gauge, One, "Files that are open, connections included"),
        ("process_resident_memory_bytes", Gauge, Bytes, "Memory in use"),
        ("process_start_time_seconds", Gauge, Seconds, "When the process started"),
        ("process_threads", Gauge, One, "Threads of the process"),
        ("process_virtual_memory_bytes", Gauge, Bytes, "Address space in use"),
        ("process_virtual_memory_max_bytes", Gauge, Bytes, "Address space that may be used"),
    ];
    let described = |(name, kind, unit, help)| Description { name, kind, unit, labels: &[], help };
    PROCESS.into_iter().map(described)
}

/// Tells the recorder of the `metrics` facade what the metrics of the server are.
pub(super) fn describe() {
    of_the_server().iter().for_each(Description::register);
    BUILD_INFO.gauge([env!("CARGO_PKG_VERSION").into()]).set(1);
    WRITERS.gauge([]).set(0);
}
