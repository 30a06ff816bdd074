//! `POST /v1/hits`: hits of services in any language, as JSON or as a stream of lines.
//!
//! A request counts whole or not at all. Its hits are added up by endpoint and window as they arrive, so memory depends on
//! those and never on the number of hits; the answer comes when the store has them.
//!
//! With an `Idempotency-Key`, the request is a writer of its own with one batch, so the same key counts once for as long as
//! [`Limits::keys_remembered`](super::Limits) says, and longer while there are few keys. Without one, concurrent requests share a batch.

mod described;
mod document;
mod idempotency;
mod lines;
mod reading;
mod row;
mod scalar;
mod tally;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::Delta;
use endpoint_stats_core::store::{Applied, Batch, StoreErrorKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::described::OneOrMany;
use self::idempotency::IdempotencyKey;
use self::lines::Lines;
use self::tally::{Sender, Tally, Totals};
use super::body::{self, Sink};
use super::group_commit::{GroupCommit, apply_patiently, contract_broken};
use super::known::Known;
use super::reception::Reception;
use super::refusals::{BodyRefusals, Conflict};
use super::{self as ingest, Ingest, to_its_end};
use crate::access::{Principal, Scope};
use crate::api::{Refusals, guarded};
use crate::api_error::ApiError;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const FOLDED: HeaderName = HeaderName::from_static("x-endpoint-stats-folded");

/// What the route works with.
#[derive(Clone, Debug)]
struct Hits {
    ingest: Ingest,
    known: Arc<Known>,
    group: Arc<GroupCommit>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Parameters {
    /// The service of hits that name none.
    #[param(pattern = "^[a-z0-9._-]{1,64}$")]
    service: Option<String>,
}

/// What became of a request, in hits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HitsTaken)]
struct Answer {
    /// `applied`, or `duplicate` when they were counted under this idempotency key before.
    #[schema(pattern = "^(applied|duplicate)$")]
    result: &'static str,
    /// All of them.
    accepted: u64,
    /// Those whose time cannot be, which count at the time of arrival.
    clock_corrected: u64,
    /// Those whose endpoint was one too many, which count under `_OVERFLOW`.
    folded: u64,
}

/// What a request adds, and what tells it from others.
struct Taken {
    tally: Tally,
    digest: [u8; 32],
}

pub(super) fn router(ingest: Ingest, known: Arc<Known>) -> OpenApiRouter {
    let group = Arc::new(GroupCommit::new(Arc::clone(&ingest.store)));
    OpenApiRouter::new().routes(guarded(Scope::Ingest, routes!(take_hits))).with_state(Hits { ingest, known, group })
}

/// Counts hits of services in any language: all of a request's or none.
#[utoipa::path(
    post,
    path = "/v1/hits",
    tag = "ingest",
    params(Parameters, IdempotencyKey),
    request_body(
        description = "A hit or an array of them, at most 8 MiB; or one a line, at most 64 MiB. Gzip is taken.",
        content((OneOrMany = "application/json"), (String = "application/x-ndjson"))
    ),
    responses(
        (
            status = 200,
            description = "They are in the store",
            body = Answer,
            headers(("x-endpoint-stats-folded" = u64, description = "Hits that count under `_OVERFLOW`, if there are any."))
        ),
        Conflict,
        BodyRefusals,
        Refusals,
    )
)]
async fn take_hits(
    State(hits): State<Hits>,
    principal: Principal,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    principal.need(Scope::Ingest)?;
    let key = IdempotencyKey::of(&headers)?;
    let service = service(parameters)?;
    let writer = key.map(|key| key.writer(&principal));
    let reception = Reception::at(hits.ingest.clock.now());
    let sender = Sender { principal, service, reception, callers: Arc::clone(&hits.ingest.callers) };
    let taken = hits.read(sender, &headers, body).await?;
    let (mut deltas, mut totals) = taken.tally.finish();
    totals.folded += hits.known.fold(&*hits.ingest.store, &mut deltas).await?;
    let result = match writer {
        Some(writer) => {
            let batch = Batch::new(writer, 1, deltas).identified_by(taken.digest);
            hits.commit_once(batch.remembered_for(hits.ingest.limits.keys_remembered)).await?
        }
        None => hits.commit(deltas).await?,
    };
    Ok(answer(result, totals))
}

fn service(parameters: Result<Query<Parameters>, QueryRejection>) -> Result<Option<ServiceName>, ApiError> {
    let wrong = |why| ApiError::bad_query("service", why).with_hint("the only parameter is ?service=NAME");
    let Query(parameters) = parameters.map_err(|error| wrong(error.body_text()))?;
    let parse = |name: String| ServiceName::new(&name).map_err(|error| wrong(error.to_string()));
    parameters.service.map(parse).transpose()
}

fn answer(result: &'static str, totals: Totals) -> Response {
    let Totals { hits: accepted, clock_corrected, folded, .. } = totals;
    let mut response = Json(Answer { result, accepted, clock_corrected, folded }).into_response();
    if folded > 0 {
        response.headers_mut().insert(FOLDED, HeaderValue::from(folded));
    }
    response
}

// === impl Hits ===

impl Hits {
    async fn read(&self, sender: Sender, headers: &HeaderMap, body: Body) -> Result<Taken, ApiError> {
        let limits = &self.ingest.limits;
        let mut hasher = blake3::Hasher::new();
        hasher.update(sender.service.as_ref().map_or("", ServiceName::as_str).as_bytes()).update(b"\n");
        let tally = Tally::new(sender, *limits);
        match body::content_type(headers).as_str() {
            JSON => {
                let whole = Hashed { sink: Vec::new(), hasher };
                let whole = body::read(headers, body, limits.document_bytes, limits, whole).await?;
                let Hashed { sink, hasher } = whole;
                let tally = ingest::parsed(sink, |body| document::read(body, tally)).await??;
                Ok(Taken { tally, digest: hasher.finalize().into() })
            }
            NDJSON => {
                let lines = Hashed { sink: Lines::new(tally, limits.line_bytes), hasher };
                let lines = body::read(headers, body, limits.stream_bytes, limits, lines).await?;
                Ok(Taken { tally: lines.sink.finish()?, digest: lines.hasher.finalize().into() })
            }
            _ => Err(body::unknown_type(&[JSON, NDJSON])),
        }
    }

    async fn commit(&self, deltas: Vec<Delta>) -> Result<&'static str, ApiError> {
        self.group.commit(deltas).await?;
        Ok("applied")
    }

    /// Applies the batch of a key, in a task that goes on when nobody waits any more.
    async fn commit_once(&self, batch: Batch) -> Result<&'static str, ApiError> {
        let store = Arc::clone(&self.ingest.store);
        let applying = async move {
            match apply_patiently(&*store, &batch).await {
                Ok(Applied::Applied) => Ok("applied"),
                Ok(Applied::Duplicate) => Ok("duplicate"),
                Ok(Applied::Gap { .. }) => Err(contract_broken()),
                Err(error) if error.kind() == StoreErrorKind::Conflict => Err(idempotency::conflict()),
                Err(error) => Err(ApiError::from_store(error)),
            }
        };
        to_its_end(applying).await
    }
}

/// A sink whose bytes are hashed on their way.
struct Hashed<S> {
    sink: S,
    hasher: blake3::Hasher,
}

impl<S: Sink> Sink for Hashed<S> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        self.hasher.update(bytes);
        self.sink.take(bytes)
    }
}
