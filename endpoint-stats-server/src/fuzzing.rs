//! What takes bytes of strangers, a function each; for `fuzz/` and for the test that replays its corpus.
//!
//! A target panics when a promise is broken: what is read is written back as it was, and no input makes a request fail
//! with a status of 500 or above.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use axum::{Extension, Router};
use endpoint_stats_core::Endpoint;
use endpoint_stats_core::aggregate::{Counts, OutcomeCounts};
use endpoint_stats_core::sketch::{CallersSketch, LatencySketch};
use endpoint_stats_core::store::{EndpointStatus, MemoryStore, Message, StatsQuery, StatsReport, WriterState};
use endpoint_stats_core::window::Timestamp;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::access::{Principal, Scope, TokenList};
use crate::api::{self, Api};
use crate::config::ConfigFile;
use crate::import::{LineFormat, LineParser};
use crate::ingest::{self, Ingest};
use crate::reading::{RangeText, StatsReader, range, step};
use crate::telemetry::parent_of;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 12] = [
    ("batch", batch),
    ("config_file", config_file),
    ("hits_json", hits_json),
    ("hits_ndjson", hits_ndjson),
    ("log_line", log_line),
    ("message", message),
    ("otlp_json", otlp_json),
    ("otlp_protobuf", otlp_protobuf),
    ("query_string", query_string),
    ("sketch", sketch),
    ("token_file", token_file),
    ("trace_context", trace_context),
];

const QUERIES: [&str; 9] = [
    "/v1/services",
    "/v1/endpoints",
    "/v1/totals",
    "/v1/series",
    "/v1/percentiles",
    "/v1/callers",
    "/v1/consumers",
    "/v1/unused",
    "/v1/live",
];

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime without I/O starts")
});

/// The body of `POST /v1/batches`.
pub fn batch(bytes: &[u8]) {
    post("/v1/batches", "application/vnd.endpoint-stats.batch", bytes);
}

/// The body of `POST /v1/hits` as one JSON value.
pub fn hits_json(bytes: &[u8]) {
    post("/v1/hits", "application/json", bytes);
}

/// The body of `POST /v1/hits` as JSON lines.
pub fn hits_ndjson(bytes: &[u8]) {
    post("/v1/hits", "application/x-ndjson", bytes);
}

/// The body of `POST /v1/metrics` as JSON.
pub fn otlp_json(bytes: &[u8]) {
    post("/v1/metrics", "application/json", bytes);
}

/// The body of `POST /v1/metrics` as protobuf.
pub fn otlp_protobuf(bytes: &[u8]) {
    post("/v1/metrics", "application/x-protobuf", bytes);
}

/// A file of settings.
pub fn config_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let problem = ConfigFile::parse(Path::new("fuzzed.toml"), text).and_then(|file| file.check()).err();
    if let Some(problem) = problem {
        assert!(!problem.to_string().contains('\n'), "{problem}");
    }
}

/// A format in the first line, if it is one, and a log in it; all of it as a combined log.
pub fn log_line(bytes: &[u8]) {
    read_lines(LineFormat::combined(), bytes);
    let (first, log) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0));
    if let Ok(format) = String::from_utf8_lossy(first).parse() {
        read_lines(format, log);
    }
}

/// What a server answers, a cache keeps, and a client asks: which of them, the first byte says.
pub fn message(bytes: &[u8]) {
    let Some((picked, message)) = bytes.split_first() else { return };
    match picked % 5 {
        0 => read_back::<StatsReport>(message),
        1 => read_back::<Vec<EndpointStatus>>(message),
        2 => read_back::<Option<WriterState>>(message),
        3 => read_back::<StatsQuery>(message),
        _ => read_back::<(Timestamp, Vec<Endpoint>)>(message),
    }
}

/// A file of tokens.
pub fn token_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(list) = TokenList::parse(text) {
        let rendered = list.render();
        let again = TokenList::parse(&rendered).expect("a list is read back");
        assert_eq!(again.render(), rendered);
    }
}

/// The header `traceparent` in the first line, and a `tracestate` in each other one.
pub fn trace_context(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(HeaderValue::from_bytes);
    let mut headers = HeaderMap::new();
    headers.extend(lines.next().into_iter().flatten().map(|value| (HeaderName::from_static("traceparent"), value)));
    for value in lines.flatten() {
        headers.append("tracestate", value);
    }
    if let Some(parent) = parent_of(&headers) {
        assert!(parent.is_valid() && parent.is_remote(), "{parent:?}");
    }
}

/// A route of the query API, picked by the first byte, and what stands behind its question mark.
pub fn query_string(bytes: &[u8]) {
    let Some((picked, query)) = bytes.split_first() else { return };
    let path = QUERIES[usize::from(*picked) % QUERIES.len()];
    let Ok(uri) = [path.as_bytes(), b"?", query].concat().as_slice().try_into() else { return };
    read_range(&uri);
    answer(queries(), Request::get(uri).body(Body::empty()));
}

/// Whatever stores keep encoded.
pub fn sketch(bytes: &[u8]) {
    if let Ok(found) = LatencySketch::decode(bytes) {
        assert_eq!(LatencySketch::decode(&found.encode()), Ok(found));
    }
    if let Ok(found) = CallersSketch::decode(bytes) {
        assert_eq!(CallersSketch::decode(&found.encode()), Ok(found));
    }
    if let Ok(found) = OutcomeCounts::decode(bytes) {
        assert_eq!(OutcomeCounts::decode(&found.encode()), Ok(found));
    }
    if let Ok(found) = Counts::decode(bytes) {
        assert_eq!(Counts::decode(&found.encode()), Ok(found));
    }
}

fn read_back<M: Message>(bytes: &[u8]) {
    let Ok(read) = M::decode(bytes) else { return };
    let written = |message: &M| {
        let mut out = Vec::new();
        message.encode(&mut out, usize::MAX).expect("there is no limit");
        out
    };
    let once = written(&read);
    assert_eq!(written(&M::decode(&once).expect("what was written is read")), once);
}

fn read_lines(format: LineFormat, log: &[u8]) {
    let mut parser = LineParser::new(format);
    for line in log.split(|byte| *byte == b'\n') {
        if let Ok(line) = parser.read(line) {
            assert!((100..=999).contains(&line.status), "{line:?}");
        }
    }
}

fn read_range(uri: &axum::http::Uri) {
    let Ok(axum::extract::Query(text)) = axum::extract::Query::<RangeText>::try_from_uri(uri) else { return };
    if let Ok(found) = range(&text, Timestamp::from_unix(1_700_000_000)) {
        assert!(!found.is_empty(), "{text:?}");
        assert!(step(None, found).is_ok_and(|secs| secs > 0), "{text:?}");
        let _ = step(uri.query(), found);
    }
}

fn queries() -> Router {
    api::router(Api {
        reader: StatsReader::new(Arc::new(MemoryStore::default())),
        books: None,
        live: None,
        writers: None,
    })
}

fn post(path: &str, content_type: &str, body: &[u8]) {
    let request = Request::post(path).header(header::CONTENT_TYPE, content_type).body(Body::from(body.to_vec()));
    answer(ingest::router(Ingest::new(Arc::new(MemoryStore::default()))), request);
}

fn answer(router: Router, request: Result<Request<Body>, axum::http::Error>) {
    let Ok(request) = request else { return };
    let router = router.layer(Extension(Principal::new("fuzzer", [Scope::Ingest, Scope::Read])));
    let Ok(response) = RUNTIME.block_on(router.oneshot(request));
    assert!(!response.status().is_server_error(), "{}", response.status());
}
