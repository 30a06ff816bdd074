//! `POST /v1/batches`: the batches of services, each applied once, under its sender's own number.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use endpoint_stats_core::aggregate::Delta;
use endpoint_stats_core::store::remote::{BATCH_TYPE, paths};
use endpoint_stats_core::store::{Applied, Batch, InvalidBatch, StoreError, StoreErrorKind};
use endpoint_stats_core::window::{Timestamp, Width, Window};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Ingest;
use super::body::{need_type, whole};
use super::ledger::Fate;
use super::refusals::{BodyRefusals, Conflict};
use crate::access::{Principal, Scope};
use crate::api::{Refusals, guarded};
use crate::api_error::ApiError;

/// More hits than any endpoint has in a window: whoever sends them is mistaken.
const MAX_HITS_A_DELTA: u64 = 1_000_000_000_000;

/// A clock may be so far ahead of the server's before its windows are not believed.
const MAX_AHEAD_SECS: i64 = 86_400;

pub(super) fn routes() -> OpenApiRouter<Ingest> {
    OpenApiRouter::new().routes(guarded(Scope::Ingest, routes!(take_batch)))
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchTaken)]
struct Taken {
    /// `applied`, or `duplicate` when the store had it already.
    #[schema(pattern = "^(applied|duplicate)$")]
    result: &'static str,
    /// The batch's number.
    seq: u64,
    /// The hits in it.
    hits: u64,
    /// Deltas whose time no sound clock tells, which count at the time of arrival.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    clock_corrected: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A batch of the library, as `RemoteStore` sends it: applied once, under its sender's own number.
#[utoipa::path(
    post,
    path = paths::BATCHES,
    tag = "ingest",
    request_body(description = "A batch in the layout of the library's version.", content(("application/vnd.endpoint-stats.batch"))),
    responses((status = 200, description = "It is in the store", body = Taken), Conflict, BodyRefusals, Refusals)
)]
async fn take_batch(
    State(ingest): State<Ingest>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Taken>, ApiError> {
    principal.need(Scope::Ingest)?;
    need_type(&headers, BATCH_TYPE)?;
    let bytes = whole(&headers, body, ingest.limits.batch_bytes, &ingest.limits).await?;
    let batch = super::parsed(bytes, Batch::decode).await?.map_err(|error| unreadable(&error))?;
    check(&batch, &principal)?;
    super::to_its_end(apply(ingest, principal, batch)).await.map(Json)
}

/// Refuses what no service sends, and services that are not the principal's.
fn check(batch: &Batch, principal: &Principal) -> Result<(), ApiError> {
    if batch.writer.as_bytes() == &[0; 16] {
        return Err(bad_batch("the writer's id is all zeros").with_field("writer"));
    }
    if batch.writer.is_from_hash() {
        let refused = bad_batch("the writer's id is a UUID of version 8, which servers give to senders of other kinds");
        return Err(refused.with_field("writer").with_hint("draw the id at random, as `WriterId::random` does"));
    }
    if batch.seq == 0 || i64::try_from(batch.seq).is_err() {
        return Err(bad_batch("a batch's number is 1 to 2^63 - 1").with_field("seq"));
    }
    for (place, delta) in batch.deltas.iter().enumerate() {
        if let Some(problem) = problem(delta) {
            return Err(bad_batch(problem).with_field(format!("deltas[{place}]")));
        }
    }
    batch.deltas.iter().try_for_each(|delta| principal.need_service(delta.endpoint.service()))
}

fn problem(delta: &Delta) -> Option<&'static str> {
    if delta.counts.is_empty() {
        Some("the delta counts nothing")
    } else if delta.counts.hits() > MAX_HITS_A_DELTA {
        Some("the delta has more than 1,000,000,000,000 hits")
    } else if delta.last_at < delta.first_at {
        Some("the delta's last hit is before its first")
    } else {
        None
    }
}

async fn apply(ingest: Ingest, principal: Principal, batch: Batch) -> Result<Taken, ApiError> {
    let now = ingest.clock.now();
    let (batch, clock_corrected) = by_this_clock(batch, now);
    let answer = ingest.store.apply(&batch).await;
    if let Some(fate) = Fate::of(&answer) {
        ingest.ledger.note(&principal, &batch, fate, clock_corrected, now);
    }
    let result = match answer {
        Ok(Applied::Applied) => "applied",
        Ok(Applied::Duplicate) => "duplicate",
        Ok(Applied::Gap { last_seq }) => return Err(gap(last_seq)),
        Err(error) => return Err(refused(error)),
    };
    Ok(Taken { result, seq: batch.seq, hits: batch.hits(), clock_corrected })
}

/// Moves windows that no sound clock gives to the moment they are received in, and says how many.
///
/// The batch stays the one that was sent, so that it is told when it comes again at another moment.
fn by_this_clock(batch: Batch, now: Timestamp) -> (Batch, u64) {
    let identity = batch.digest();
    let mut corrected = 0;
    let Batch { writer, seq, mut deltas, checkpoint, .. } = batch;
    for delta in &mut deltas {
        corrected += u64::from(correct(delta, now));
    }
    let deltas = if corrected > 0 { Batch::new(writer, seq, deltas).deltas } else { deltas };
    (Batch { writer, seq, deltas, checkpoint, identity: Some(identity), remembered_for: None }, corrected)
}

fn correct(delta: &mut Delta, now: Timestamp) -> bool {
    let is_sound = |at: Timestamp| (Timestamp::EPOCH..=now.plus_secs(MAX_AHEAD_SECS)).contains(&at);
    if [delta.window.start(), delta.first_at, delta.last_at].into_iter().all(is_sound) {
        return false;
    }
    delta.window = Window::containing(now, Width::TenSeconds);
    (delta.first_at, delta.last_at) = (now, now);
    true
}

fn gap(last_seq: u64) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "gap", "batches of this writer are missing before this one")
        .with_detail("last_seq", last_seq)
        .with_hint("send the batch after last_seq, or begin at 1 under a new writer's id")
}

fn refused(error: StoreError) -> ApiError {
    match error.kind() {
        StoreErrorKind::Conflict => {
            ApiError::new(StatusCode::CONFLICT, "seq_conflict", "another batch has this number already")
                .with_hint("begin at 1 under a new writer's id")
        }
        StoreErrorKind::Rejected => {
            tracing::warn!("the store rejects a batch: {:#}", anyhow::Error::new(error));
            bad_batch("the store never takes this batch").with_hint("send it in halves")
        }
        _ => ApiError::from_store(error),
    }
}

fn unreadable(error: &InvalidBatch) -> ApiError {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let refused = bad_batch(format!("{error}{cause}"));
    match error.delta() {
        Some(place) => refused.with_field(format!("deltas[{place}]")),
        None => refused,
    }
}

fn bad_batch(message: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_batch", message)
}
