//! `POST /v1/metrics`: OTLP/HTTP metrics of services that OpenTelemetry instruments.
//!
//! Counted are histograms of `http.server.request.duration` (and of its older name), and the sums of body sizes; other
//! metrics are received and ignored.
//!
//! Each resource and scope of a principal is a [`Stream`](stream::Stream) with a writer of its own. What was last seen of its
//! points is the checkpoint of its last batch, so that it is true exactly when the counts are: a request that is sent
//! again adds nothing, whichever server takes it, and a point whose total was counted adds only what came since.
//!
//! - A cumulative point that is seen for the first time counts whole, as does one that starts anew; but a source
//!   that is not known may have been forgotten, and what began so long ago is a baseline in its first reports.
//! - A request with deltas counts once among the last 256 of its stream.

mod answer;
mod attributes;
mod durations;
mod parts;
mod request;
mod state;
mod status;
mod stream;
mod total;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use endpoint_stats_core::store::{Applied, Batch, StoreError, StoreErrorKind};
use endpoint_stats_core::window::{Timestamp, Width};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use prost::Message;
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::answer::Exported;
use self::request::Export;
use self::state::State;
pub(crate) use self::status::ErrorForm;
use self::status::Status;
use self::stream::Stream;
use super::Ingest;
use super::body;
use super::known::Known;
use super::reception::Reception;
use crate::access::{Principal, Scope};
use crate::api::guarded;
use crate::api_error::ApiError;
use crate::exposition::catalog::OTLP_IGNORED;
use crate::retry::Retry;

const PATH: &str = "/v1/metrics";
const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// How long a stream is tried before its sender is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// Streams that this server works on at a time; what is more waits, and does not meet at the store.
const TURNS: usize = 16;

/// How often other servers may be faster with the same stream.
const RACES: u32 = 20;

/// What the route works with.
#[derive(Clone, Debug)]
struct Otlp {
    ingest: Ingest,
    known: Arc<Known>,
    turns: Arc<[Mutex<()>; TURNS]>,
}

/// How a request is written, and so its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

pub(super) fn router(ingest: Ingest, known: Arc<Known>) -> OpenApiRouter {
    OpenApiRouter::new().routes(guarded(Scope::Ingest, routes!(take_metrics))).with_state(Otlp {
        ingest,
        known,
        turns: Arc::default(),
    })
}

/// Counts the histograms of `http.server.request.duration` in an OTLP metrics request; other metrics are ignored.
#[utoipa::path(
    post,
    path = PATH,
    tag = "ingest",
    request_body(
        description = "An `ExportMetricsServiceRequest`, at most 8 MiB. Gzip is taken.",
        content(("application/x-protobuf"), (Object = "application/json"))
    ),
    responses(
        (
            status = 200,
            description = "They are in the store; answered as the request is written",
            content((Exported = "application/json"), ("application/x-protobuf"))
        ),
        (
            status = "4XX",
            description = "Nothing was counted; a `google.rpc.Status`, written as the request is",
            content((Status = "application/json"), ("application/x-protobuf"))
        ),
        (
            status = "5XX",
            description = "The same; send it again, after `Retry-After` if there is one",
            content((Status = "application/json"), ("application/x-protobuf"))
        ),
    )
)]
async fn take_metrics(
    Shared(otlp): Shared<Otlp>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    principal.need(Scope::Ingest)?;
    let encoding = Encoding::of(&headers)?;
    let reception = Reception::at(otlp.ingest.clock.now());
    let limits = &otlp.ingest.limits;
    let body = body::read(&headers, body, limits.document_bytes, limits, Vec::new()).await?;
    let read = move |body: &[u8]| Ok((Export::of(&encoding.decode(body)?, &principal)?, digest(body)));
    let (export, digest) = super::parsed(body, read).await??;
    OTLP_IGNORED.counter([]).increment(export.ignored);
    let answer = super::to_its_end(async move { otlp.apply(export, digest, reception).await }).await?;
    Ok(encoding.encode(&answer))
}

fn digest(body: &[u8]) -> [u8; 16] {
    let mut digest = [0; 16];
    blake3::Hasher::new().update(body).finalize_xof().fill(&mut digest);
    digest
}

// === impl Encoding ===

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        match body::content_type(headers).as_str() {
            PROTOBUF => Ok(Self::Protobuf),
            JSON => Ok(Self::Json),
            _ => Err(body::unknown_type(&[PROTOBUF, JSON])),
        }
    }

    fn decode(self, body: &[u8]) -> Result<ExportMetricsServiceRequest, ApiError> {
        let wrong = |code, why: String| {
            let why: String = why.chars().take(300).collect();
            ApiError::new(StatusCode::BAD_REQUEST, code, format!("the body is no OTLP metrics request: {why}"))
                .with_hint("send an ExportMetricsServiceRequest; nothing was counted")
        };
        let are_few = match self {
            Self::Protobuf => parts::are_few(body),
            Self::Json => parts::are_few_in_json(body),
        };
        if !are_few {
            return Err(too_many_parts());
        }
        match self {
            Self::Protobuf => Message::decode(body).map_err(|error| wrong("bad_protobuf", error.to_string())),
            // An array would be taken for the fields of the request.
            Self::Json if !body.trim_ascii_start().starts_with(b"{") => {
                Err(wrong("bad_json", "expected an object".to_owned()))
            }
            Self::Json => serde_json::from_slice(body).map_err(|error| wrong("bad_json", error.to_string())),
        }
    }

    fn encode(self, answer: &ExportMetricsServiceResponse) -> Response {
        match self {
            Self::Protobuf => ([(header::CONTENT_TYPE, PROTOBUF)], answer.encode_to_vec()).into_response(),
            Self::Json => axum::Json(Exported::from(answer)).into_response(),
        }
    }
}

// === impl Otlp ===

impl Otlp {
    async fn apply(
        &self,
        mut export: Export,
        request: [u8; 16],
        reception: Reception,
    ) -> Result<ExportMetricsServiceResponse, ApiError> {
        for stream in export.take_streams() {
            let rejected = self.apply_stream(&stream, request, reception).await?;
            export.rejected.add(rejected, || format!("a stream has more than {} points", state::MAX_POINTS));
        }
        let rejected = export.rejected;
        let partial_success = (rejected.points > 0).then(|| ExportMetricsPartialSuccess {
            rejected_data_points: i64::try_from(rejected.points).unwrap_or(i64::MAX),
            error_message: rejected.why,
        });
        Ok(ExportMetricsServiceResponse { partial_success })
    }

    /// Counts a stream, and says how many points there was no room for.
    ///
    /// After an answer that did not come nobody knows what was counted: the store is asked anew each time.
    async fn apply_stream(&self, stream: &Stream, request: [u8; 16], reception: Reception) -> Result<u64, ApiError> {
        let trying = async {
            let _turn = self.turns[usize::from(stream.writer.as_bytes()[0]) % TURNS].lock().await;
            Retry::some_times().until_answered(|_| self.race(stream, request, reception)).await
        };
        match timeout(PATIENCE, trying).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(ApiError::from_store(error)),
            Err(_) => {
                Err(ApiError::from_store(StoreError::new(StoreErrorKind::Unavailable, "write within five seconds")))
            }
        }
    }

    /// What began before may be forgotten, by clocks that are less than a day apart.
    fn forgotten(&self, reception: Reception) -> Timestamp {
        let remembered = i64::try_from(self.ingest.limits.sources_remembered.as_secs()).unwrap_or(i64::MAX);
        reception.at.minus_secs(remembered).plus_secs(Width::Day.secs())
    }

    /// Counts a stream while other servers may count it too: who comes second looks again at what is there.
    async fn race(
        &self,
        stream: &Stream,
        request: [u8; 16],
        reception: Reception,
    ) -> Result<Result<u64, ApiError>, StoreError> {
        let store = &*self.ingest.store;
        for _ in 0..RACES {
            let (last_seq, mut state) = match store.writer(stream.writer).await? {
                None => (0, State::of_a_stranger(reception.at)),
                Some(known) => match State::decode(known.checkpoint.as_deref().unwrap_or_default()) {
                    Some(state) => (known.last_seq, state),
                    None => return Ok(Err(unreadable())),
                },
            };
            let mut gain = stream.gain(&mut state, request, reception, self.forgotten(reception));
            if !state.has_changed() {
                return Ok(Ok(gain.rejected));
            }
            if let Err(refusal) = self.known.fold(store, &mut gain.deltas).await {
                return Ok(Err(refusal));
            }
            let batch = Batch::new(stream.writer, last_seq + 1, gain.deltas).with_checkpoint(state.encode());
            match store.apply(&batch.remembered_for(self.ingest.limits.sources_remembered)).await {
                Ok(Applied::Applied) => {
                    self.ingest.ledger.note_baseline(gain.baseline);
                    return Ok(Ok(gain.rejected));
                }
                Ok(Applied::Duplicate | Applied::Gap { .. }) => {}
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::new(StoreErrorKind::Unavailable, "count a stream that other servers count too"))
    }
}

fn too_many_parts() -> ApiError {
    let message = "the body has more than 400,000 resources, metrics, points and attributes";
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_parts", message)
        .with_hint("nothing was counted: send fewer metrics at a time")
}

/// A newer version of this program wrote it, or nobody did.
fn unreadable() -> ApiError {
    tracing::error!("what is remembered of an OTLP stream cannot be read; a newer version may have written it");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "store_failed", "the store could not do this")
        .with_hint("the server's log says why, under this request id")
}
