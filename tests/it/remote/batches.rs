//! `POST /v1/batches`, answer by answer.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::clock::ManualClock;
use endpoint_stats_core::store::remote::BATCH_TYPE;
use endpoint_stats_core::store::{Batch, MemoryStore, StatsQuery, StatsStore, WriterId};
use endpoint_stats_core::window::{TimeRange, Timestamp, Width, Window};
use endpoint_stats_server::access::{Principal, Scope};
use endpoint_stats_server::ingest::{self, Ingest};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{anyone, open_to_all};
use crate::flush::{Fault, FaultyStore};
use crate::small_batches::{NOON, batch, delta, total};

/// A server without a network, what it keeps, and its clock.
struct Desk {
    app: Router,
    ingest: Ingest,
    kept: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
}

impl Desk {
    fn new() -> Self {
        Self::for_principal(&anyone())
    }

    fn for_principal(principal: &Principal) -> Self {
        let kept = Arc::new(MemoryStore::default());
        let clock = Arc::new(ManualClock::at(NOON));
        let ingest = Ingest::new(kept.clone()).with_clock(clock.clone());
        let app = ingest::router(ingest.clone()).layer(axum::Extension(principal.clone()));
        Self { app, ingest, kept, clock }
    }

    async fn send(&self, batch: &Batch) -> (StatusCode, Value) {
        self.send_bytes(batch.encode()).await
    }

    async fn send_bytes(&self, bytes: Vec<u8>) -> (StatusCode, Value) {
        let (status, _, said) = send(&self.app, BATCH_TYPE, bytes).await;
        (status, said)
    }
}

async fn send(app: &Router, kind: &str, bytes: impl Into<Body>) -> (StatusCode, HeaderMap, Value) {
    let request = Request::post("/v1/batches").header("content-type", kind).body(bytes.into()).unwrap();
    said(app.clone().oneshot(request).await.unwrap()).await
}

pub(super) async fn said(response: Response) -> (StatusCode, HeaderMap, Value) {
    let (head, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (head.status, head.headers, serde_json::from_slice(&body).unwrap_or_default())
}

/// The error's code and field, after a look at the status.
fn error(expected: StatusCode, (status, said): &(StatusCode, Value)) -> (String, String) {
    assert_eq!(*status, expected, "{said}");
    let text = |name: &str| said["error"][name].as_str().unwrap_or_default().to_owned();
    (text("code"), text("field"))
}

fn at(secs: i64) -> Timestamp {
    NOON.plus_secs(secs)
}

#[tokio::test]
async fn a_batch_is_answered_with_its_fate() {
    let desk = Desk::new();
    let writer = WriterId::random();

    assert_eq!(
        desk.send(&batch(writer, 1, 3)).await,
        (StatusCode::OK, json!({"result": "applied", "seq": 1, "hits": 3}))
    );
    assert_eq!(
        desk.send(&batch(writer, 1, 3)).await,
        (StatusCode::OK, json!({"result": "duplicate", "seq": 1, "hits": 3}))
    );
    let gap = desk.send(&batch(writer, 3, 3)).await;
    assert_eq!(error(StatusCode::CONFLICT, &gap).0, "gap");
    assert_eq!(gap.1["error"]["last_seq"], 1);
    let conflict = desk.send(&batch(writer, 1, 4)).await;
    assert_eq!(error(StatusCode::CONFLICT, &conflict).0, "seq_conflict");
    assert_eq!(total(&*desk.kept).await, 3);
}

#[tokio::test]
async fn a_batch_without_deltas_takes_its_number() {
    let desk = Desk::new();
    let empty = Batch::new(WriterId::random(), 1, Vec::new());

    let answer = desk.send(&empty).await;

    assert_eq!(answer, (StatusCode::OK, json!({"result": "applied", "seq": 1, "hits": 0})));
    assert_eq!(desk.kept.writer(empty.writer).await.unwrap().unwrap().last_seq, 1);
}

#[tokio::test]
async fn a_batch_that_no_service_sends_is_refused_by_its_field() {
    let desk = Desk::new();
    let writer = WriterId::random();
    let second = |delta: Delta| Batch::new(writer, 1, vec![self::delta("/a", NOON, 1), delta]);
    let nothing = Delta { counts: Counts::default(), ..delta("/b", NOON, 1) };
    let backwards = Delta { last_at: at(-1), ..delta("/b", NOON, 1) };
    let cases = [
        (batch(WriterId::from_bytes([0; 16]), 1, 1), "writer"),
        (batch(WriterId::from_hash([7; 16]), 1, 1), "writer"),
        (batch(writer, 0, 1), "seq"),
        (batch(writer, 1 << 63, 1), "seq"),
        (batch(writer, u64::MAX, 1), "seq"),
        (second(nothing), "deltas[1]"),
        (second(delta("/b", NOON, 1_000_000_000_001)), "deltas[1]"),
        (second(delta("/b", NOON, u64::MAX)), "deltas[1]"),
        (second(backwards), "deltas[1]"),
        (Batch { deltas: vec![delta("/b", NOON, 1), delta("/a", NOON, 1)], ..batch(writer, 1, 1) }, "deltas[1]"),
    ];

    for (batch, field) in cases {
        let answer = desk.send(&batch).await;
        let expected = ("bad_batch".to_owned(), field.to_owned());
        assert_eq!(error(StatusCode::UNPROCESSABLE_ENTITY, &answer), expected, "{}", answer.1);
    }
    assert_eq!((total(&*desk.kept).await, desk.kept.writer(writer).await.unwrap()), (0, None));
}

#[tokio::test]
async fn a_batch_that_is_cut_or_flipped_anywhere_is_refused_and_changes_nothing() {
    let desk = Desk::new();
    let whole = batch(WriterId::random(), 1, 3).with_checkpoint(vec![1, 2]).encode();

    for place in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << (place % 8);
        for bytes in [whole[..place].to_vec(), flipped] {
            let answer = desk.send_bytes(bytes).await;
            assert_eq!(error(StatusCode::UNPROCESSABLE_ENTITY, &answer).0, "bad_batch", "at {place}");
        }
    }

    assert_eq!(total(&*desk.kept).await, 0);
    assert_eq!(desk.send_bytes(whole).await.0, StatusCode::OK);
}

#[tokio::test]
async fn another_type_of_content_is_refused_with_the_one_that_is_taken() {
    let desk = Desk::new();
    let bytes = batch(WriterId::random(), 1, 3).encode();

    for kind in ["", "application/json", "application/octet-stream"] {
        let (status, _, said) = send(&desk.app, kind, bytes.clone()).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        assert!(said["error"]["hint"].as_str().unwrap().contains(BATCH_TYPE), "{said}");
    }
    let encoded = Request::post("/v1/batches").header("content-type", BATCH_TYPE).header("content-encoding", "br");
    let response = desk.app.clone().oneshot(encoded.body(Body::from(bytes)).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_whether_it_says_its_length_or_not() {
    let desk = Desk::new();
    let piece = bytes::Bytes::from(vec![0; 1 << 20]);
    let pieces = (0..10).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let unsaid = Body::from_stream(futures_util::stream::iter(pieces));

    for body in [Body::from(vec![0; (8 << 20) + 1]), unsaid] {
        let (status, _, said) = send(&desk.app, BATCH_TYPE, body).await;
        assert_eq!(error(StatusCode::PAYLOAD_TOO_LARGE, &(status, said)).0, "body_too_large");
    }
}

#[tokio::test]
async fn a_body_that_ends_too_early_is_refused() {
    let desk = Desk::new();
    let pieces = [Ok(bytes::Bytes::from_static(b"abc")), Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))];

    let (status, _, said) = send(&desk.app, BATCH_TYPE, Body::from_stream(futures_util::stream::iter(pieces))).await;

    assert_eq!(error(StatusCode::BAD_REQUEST, &(status, said)).0, "bad_body");
}

#[tokio::test]
async fn who_may_not_send_stores_nothing() {
    let mail = ServiceName::new("mail").unwrap();
    let reader = Desk::for_principal(&Principal::new("reader", [Scope::Read]));
    let bound = Desk::for_principal(&Principal::new("mail", [Scope::Ingest]).bound_to([mail]));
    let batch = batch(WriterId::random(), 1, 3);

    assert_eq!(error(StatusCode::FORBIDDEN, &reader.send(&batch).await).0, "forbidden");
    let answer = bound.send(&batch).await;
    assert_eq!(error(StatusCode::FORBIDDEN, &answer), ("forbidden".to_owned(), "service".to_owned()));
    let nobody = ingest::router(bound.ingest.clone());
    assert_eq!(send(&nobody, BATCH_TYPE, batch.encode()).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(total(&*bound.kept).await + total(&*reader.kept).await, 0);
}

#[tokio::test]
async fn windows_that_no_sound_clock_gives_are_moved_to_the_moment_of_receipt() {
    let desk = Desk::new();
    let deltas = vec![
        delta("/a", Timestamp::from_unix(-1), 1),
        delta("/a", at(86_400 + 10), 2),
        delta("/a", Timestamp::from_unix(i64::MAX), 4),
        delta("/b", at(86_400), 8),
    ];
    let sent = Batch::new(WriterId::random(), 1, deltas);

    let answer = desk.send(&sent).await;

    let expected = json!({"result": "applied", "seq": 1, "hits": 15, "clock_corrected": 3});
    assert_eq!(answer, (StatusCode::OK, expected));
    let known = desk.kept.endpoints().await.unwrap();
    let told: Vec<_> = known.iter().map(|status| (status.hits, status.first_seen, status.last_called)).collect();
    assert_eq!(told, [(7, Some(NOON), Some(NOON)), (8, Some(at(86_400)), Some(at(86_400)))]);
}

#[tokio::test]
async fn a_batch_whose_windows_were_moved_is_a_duplicate_when_it_comes_again() {
    let desk = Desk::new();
    let sent = Batch::new(WriterId::random(), 1, vec![delta("/a", at(90_000), 2)]);
    assert_eq!(desk.send(&sent).await.1["result"], "applied");

    for later in [60, 90_000] {
        desk.clock.set(at(later));
        assert_eq!(desk.send(&sent).await.1["result"], "duplicate", "after {later} s");
    }

    let window = Window::containing(NOON, Width::TenSeconds);
    let report = desk.kept.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap();
    assert_eq!(report.covered.unwrap().from, window.start());
}

#[tokio::test]
async fn a_store_that_is_away_is_answered_with_a_time_to_come_again() {
    let store = FaultyStore::new(|_| Fault::FailBefore).await;
    let app = open_to_all(Ingest::new(store.clone()));
    let batch = batch(WriterId::random(), 1, 3);

    let (status, headers, said) = send(&app, BATCH_TYPE, batch.encode()).await;

    assert_eq!(error(StatusCode::SERVICE_UNAVAILABLE, &(status, said)).0, "store_unavailable");
    assert_eq!(headers["retry-after"], "1");
    store.set_faults(|_| Fault::None);
    assert_eq!(send(&app, BATCH_TYPE, batch.encode()).await.0, StatusCode::OK);
    assert_eq!(store.hits().await, 3);
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_is_applied_all_the_same() {
    let store = FaultyStore::new(|_| Fault::Wait).await;
    let app = open_to_all(Ingest::new(store.clone()));
    let bytes = batch(WriterId::random(), 1, 3).encode();
    let asking = tokio::spawn(async move { send(&app, BATCH_TYPE, bytes).await });
    store.until(|seen| seen.tries == 1).await;

    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    store.release();

    store.until(|seen| seen.taken == 1).await;
    assert_eq!(store.hits().await, 3);
}

#[tokio::test]
async fn who_sent_what_is_listed_as_far_as_the_reader_may_see() {
    let desk = Desk::new();
    let writer = WriterId::random();
    for seq in [1, 1, 3] {
        desk.send(&batch(writer, seq, 5)).await;
    }
    let list = async |principal: Principal| {
        let app = ingest::router(desk.ingest.clone()).layer(axum::Extension(principal));
        said(app.oneshot(Request::get("/v1/writers").body(Body::empty()).unwrap()).await.unwrap()).await
    };

    let (status, _, all) = list(anyone()).await;
    let (_, _, of_mail) = list(anyone().bound_to([ServiceName::new("mail").unwrap()])).await;
    let (refused, _, _) = list(Principal::new("shop", [Scope::Ingest])).await;

    let expected = json!({"writers": [{
        "writer": writer.to_string()[..8], "principal": "anyone", "services": ["shop"], "last_seq": 1, "batches": 1,
        "hits": 5, "duplicates": 1, "gaps": 1, "conflicts": 0, "clock_corrected": 0,
        "last_seen": "2023-11-15T12:00:00Z",
    }]});
    assert_eq!((status, all), (StatusCode::OK, expected));
    assert_eq!(of_mail, json!({"writers": []}));
    assert_eq!(refused, StatusCode::FORBIDDEN);
}
