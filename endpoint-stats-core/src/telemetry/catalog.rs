//! Every metric of the library.

use super::metric::{Description, Label, Metric, Unit};

const SERVICE: Label = Label::any("service");
const METHOD: Label = Label::any("method");
const ROUTE: Label = Label::any("route");
const POOL: Label = Label::any("pool");

pub(crate) static HITS: Metric<4> = Metric::new_counter(
    "endpoint_stats_hits_total",
    [SERVICE, METHOD, ROUTE, Label::any("outcome")],
    "Hits of an endpoint by how they ended: a status code, failed, aborted or panicked",
);

pub(crate) static LATENCY: Metric<3> = Metric::new_histogram(
    "endpoint_stats_latency_seconds",
    [SERVICE, METHOD, ROUTE],
    "From receiving a request to its response head, for hits that have one; within 1.1 %",
);

pub(crate) static REQUEST_BYTES: Metric<3> = Metric::new_counter(
    "endpoint_stats_request_bytes_total",
    [SERVICE, METHOD, ROUTE],
    "Bytes of all request bodies of an endpoint",
)
.in_unit(Unit::Bytes);

pub(crate) static RESPONSE_BYTES: Metric<3> = Metric::new_counter(
    "endpoint_stats_response_bytes_total",
    [SERVICE, METHOD, ROUTE],
    "Bytes of all response bodies of an endpoint",
)
.in_unit(Unit::Bytes);

pub(crate) static HITS_OBSERVED: Metric<1> = Metric::new_counter(
    "endpoint_stats_hits_observed_total",
    [SERVICE],
    "Hits drained from the recorder: observed + found = stored + pending + spooled + dropped",
);

pub(crate) static HITS_FOUND: Metric<1> = Metric::new_counter(
    "endpoint_stats_hits_found_total",
    [SERVICE],
    "Hits that an earlier run had left in the spool; 0 without one",
);

pub(crate) static HITS_STORED: Metric<1> =
    Metric::new_counter("endpoint_stats_hits_stored_total", [SERVICE], "Hits that the store acknowledged");

pub(crate) static HITS_DROPPED: Metric<2> = Metric::new_counter(
    "endpoint_stats_hits_dropped_total",
    [SERVICE, Label::one_of("reason", &["rejected", "spool_full", "spool_unreadable"])],
    "Hits given up: the store will never take them, or the spool made room for newer ones, or could not read them any more",
);

pub(crate) static HITS_PENDING: Metric<1> = Metric::new_gauge(
    "endpoint_stats_hits_pending",
    [SERVICE],
    "Hits drained that are neither acknowledged nor in the spool: a crash loses them, and what was counted since the last drain",
);

pub(crate) static HITS_SPOOLED: Metric<1> = Metric::new_gauge(
    "endpoint_stats_hits_spooled",
    [SERVICE],
    "Hits in the spool and not yet acknowledged: a crash does not lose them; 0 without a spool",
);

pub(crate) static HITS_FOLDED: Metric<1> = Metric::new_counter(
    "endpoint_stats_hits_folded_total",
    [SERVICE],
    "Hits counted under the overflow key, because the limit of endpoints was reached",
);

pub(crate) static HITS_REFUSED: Metric<1> = Metric::new_counter(
    "endpoint_stats_hits_refused_total",
    [SERVICE],
    "Hits counted under the refused key, because no template may be like theirs",
);

pub(crate) static ENDPOINTS: Metric<1> =
    Metric::new_gauge("endpoint_stats_endpoints", [SERVICE], "Endpoints that the recorder keeps apart");

pub(crate) static ENDPOINTS_LIMIT: Metric<1> = Metric::new_gauge(
    "endpoint_stats_endpoints_limit",
    [SERVICE],
    "Endpoints that the recorder may keep apart; further ones are counted under the overflow key",
);

pub(crate) static FLUSHES: Metric<2> = Metric::new_counter(
    "endpoint_stats_flushes_total",
    [SERVICE, Label::one_of("result", &["applied", "duplicate", "gap", "failed", "rejected", "conflict"])],
    "Batches sent to the store, by what became of them; a failed one is sent again",
);

pub(crate) static FLUSH_DURATION: Metric<1> =
    Metric::new_histogram("endpoint_stats_flush_duration_seconds", [SERVICE], "From sending a batch to its answer");

pub(crate) static STORE_UP: Metric<1> =
    Metric::new_gauge("endpoint_stats_store_up", [SERVICE], "Whether the store answered when it was last asked");

pub(crate) static SPOOL_UP: Metric<1> = Metric::new_gauge(
    "endpoint_stats_spool_up",
    [SERVICE],
    "Whether the disk of the spool took the last batch; 0 keeps hits in memory. Missing without a spool",
);

pub(crate) static SPOOL_BYTES: Metric<1> =
    Metric::new_gauge("endpoint_stats_spool_bytes", [SERVICE], "Bytes of the spool. Missing without a spool")
        .in_unit(Unit::Bytes);

pub(crate) static SPOOL_BYTES_LIMIT: Metric<1> = Metric::new_gauge(
    "endpoint_stats_spool_limit_bytes",
    [SERVICE],
    "Bytes that the spool may take. Missing without a spool",
)
.in_unit(Unit::Bytes);

pub(crate) static SPOOL_DAMAGES: Metric<1> = Metric::new_gauge(
    "endpoint_stats_spool_damages",
    [SERVICE],
    "Places of the spool that were damaged when the process started; their hits are lost. Missing without a spool",
);

pub(crate) static ROLL_UPS: Metric<2> = Metric::new_counter(
    "endpoint_stats_roll_ups_total",
    [SERVICE, Label::one_of("result", &["ended", "failed"])],
    "Roll-ups of this process",
);

pub(crate) static ROLL_UP_DURATION: Metric<1> = Metric::new_histogram(
    "endpoint_stats_roll_up_duration_seconds",
    [SERVICE],
    "From the start of a roll-up to its end",
);

pub(crate) static ROLL_UP_SUCCESS: Metric<1> = Metric::new_gauge(
    "endpoint_stats_roll_up_last_success_timestamp_seconds",
    [SERVICE],
    "When the last roll-up began that came to its end, 0 when there was none; missing where the process does not roll up",
)
.in_unit(Unit::Seconds);

pub(crate) static POOL_CONNECTIONS: Metric<2> = Metric::new_gauge(
    "endpoint_stats_pool_connections",
    [POOL, Label::one_of("state", &["idle", "used"])],
    "Connections to a database",
);

pub(crate) static POOL_LIMIT: Metric<1> =
    Metric::new_gauge("endpoint_stats_pool_connections_limit", [POOL], "Connections to a database that there may be");

pub(crate) static POOL_WAITS: Metric<1> = Metric::new_counter(
    "endpoint_stats_pool_waits_total",
    [POOL],
    "Times that somebody waited for a connection and had one",
);

pub(crate) static POOL_TIMEOUTS: Metric<1> = Metric::new_counter(
    "endpoint_stats_pool_timeouts_total",
    [POOL],
    "Times that somebody waited for a connection in vain",
);

pub(crate) static CACHE_UP: Metric<0> = Metric::new_gauge(
    "endpoint_stats_cache_up",
    [],
    "Whether the cache is asked: it is left alone while it does not answer",
);

pub(crate) static CACHE_QUESTIONS: Metric<1> = Metric::new_counter(
    "endpoint_stats_cache_questions_total",
    [Label::one_of("result", &["hit", "miss", "error", "bypass", "shared"])],
    "Questions to the store, by what the cache did for them",
);

pub(crate) static CACHE_ANSWERS: Metric<1> = Metric::new_counter(
    "endpoint_stats_cache_answers_total",
    [Label::one_of("result", &["kept", "too_large", "failed", "dropped"])],
    "Answers of the store, by whether the cache took them",
);

/// What there is to say about every metric of the library.
pub fn descriptions() -> impl Iterator<Item = Description> {
    EndpointMetric::ALL.map(EndpointMetric::description).into_iter().chain(of_the_facade())
}

/// The metrics that [`EndpointTotals`](super::EndpointTotals) tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointMetric {
    /// Hits by outcome.
    Hits,
    /// The histogram of latencies.
    Latency,
    /// Bytes of request bodies.
    RequestBytes,
    /// Bytes of response bodies.
    ResponseBytes,
}

impl EndpointMetric {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hits, Self::Latency, Self::RequestBytes, Self::ResponseBytes];

    /// What there is to say about it.
    pub fn description(self) -> Description {
        match self {
            Self::Hits => HITS.description(),
            Self::Latency => LATENCY.description(),
            Self::RequestBytes => REQUEST_BYTES.description(),
            Self::ResponseBytes => RESPONSE_BYTES.description(),
        }
    }
}

fn of_the_facade() -> [Description; 27] {
    [
        HITS_OBSERVED.description(),
        HITS_FOUND.description(),
        HITS_STORED.description(),
        HITS_DROPPED.description(),
        HITS_PENDING.description(),
        HITS_SPOOLED.description(),
        HITS_FOLDED.description(),
        HITS_REFUSED.description(),
        ENDPOINTS.description(),
        ENDPOINTS_LIMIT.description(),
        FLUSHES.description(),
        FLUSH_DURATION.description(),
        STORE_UP.description(),
        SPOOL_UP.description(),
        SPOOL_BYTES.description(),
        SPOOL_BYTES_LIMIT.description(),
        SPOOL_DAMAGES.description(),
        ROLL_UPS.description(),
        ROLL_UP_DURATION.description(),
        ROLL_UP_SUCCESS.description(),
        POOL_CONNECTIONS.description(),
        POOL_LIMIT.description(),
        POOL_WAITS.description(),
        POOL_TIMEOUTS.description(),
        CACHE_UP.description(),
        CACHE_QUESTIONS.description(),
        CACHE_ANSWERS.description(),
    ]
}

/// Tells the recorder of the `metrics` facade what the metrics of the library are; call it once, when one is installed.
pub fn describe() {
    of_the_facade().iter().for_each(Description::register);
}
