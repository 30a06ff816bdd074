//! Random requests through the layer and the flusher, against a model that adds in its head.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use endpoint_stats_core::Outcome;
use endpoint_stats_core::clock::ManualClock;
use endpoint_stats_core::flush::{FlushConfig, Flusher};
use endpoint_stats_core::store::{MemoryStore, StatsQuery, StatsStore};
use endpoint_stats_core::window::{TimeRange, Timestamp};
use http::{Request, Response};
use http_body::Body;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tower::{Layer, Service, service_fn};

use crate::middleware::{ScriptedBody, Step};
use crate::recording::Recording;

/// One request: where it goes, what the service does, and when the client leaves.
#[derive(Clone, Debug)]
struct Plan {
    route: u8,
    service: Answer,
    frames: Vec<Ending>,
    content_length: bool,
    /// The client leaves after so many polls: 0 before the first, 1 at the head, then a frame each.
    polls: usize,
    flush: bool,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Status(u16),
    Fails,
    PanicsInTheCall,
    PanicsInTheFuture,
    Never,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Frame,
    Fails,
    Panics,
    Hangs,
}

fn plan() -> impl Strategy<Value = Plan> {
    let answer = prop_oneof![
        6 => prop_oneof![Just(200), Just(204), Just(304), Just(404), Just(500), 100..600_u16].prop_map(Answer::Status),
        1 => Just(Answer::Fails),
        1 => Just(Answer::PanicsInTheCall),
        1 => Just(Answer::PanicsInTheFuture),
        1 => Just(Answer::Never),
    ];
    let frame = prop_oneof![
        8 => Just(Ending::Frame),
        1 => Just(Ending::Fails),
        1 => Just(Ending::Panics),
        1 => Just(Ending::Hangs),
    ];
    (0..3_u8, answer, vec(frame, 0..5), any::<bool>(), 0..9_usize, any::<bool>()).prop_map(
        |(route, service, frames, content_length, polls, flush)| Plan {
            route,
            service,
            frames,
            content_length,
            polls,
            flush,
        },
    )
}

/// What a request must be counted as, and with how many bytes.
fn expected(plan: &Plan) -> (Outcome, u64) {
    match plan.service {
        Answer::PanicsInTheCall => return (Outcome::Panicked, 0),
        _ if plan.polls == 0 => return (Outcome::Aborted, 0),
        Answer::PanicsInTheFuture => return (Outcome::Panicked, 0),
        Answer::Fails => return (Outcome::Failed, 0),
        Answer::Never => return (Outcome::Aborted, 0),
        Answer::Status(code @ (100..=199 | 204 | 304)) => return (Outcome::Status(code), 0),
        Answer::Status(_) => {}
    }
    let Answer::Status(code) = plan.service else { unreachable!("the others have returned") };
    let mut bytes = 0;
    for poll in 0..plan.polls - 1 {
        match plan.frames.get(poll) {
            Some(Ending::Frame) => bytes += 5,
            Some(Ending::Fails) => return (Outcome::Failed, bytes),
            Some(Ending::Panics) => return (Outcome::Panicked, bytes),
            Some(Ending::Hangs) => break,
            None => return (Outcome::Status(code), bytes),
        }
    }
    if plan.content_length && bytes == 5 * plan.frames.len() as u64 {
        (Outcome::Status(code), bytes)
    } else {
        (Outcome::Aborted, bytes)
    }
}

async fn answer(plan: Plan) -> Result<Response<ScriptedBody>, &'static str> {
    let code = match plan.service {
        Answer::Fails => return Err("fails, as the test wants"),
        Answer::Never => std::future::pending().await,
        Answer::Status(code) => code,
        Answer::PanicsInTheCall | Answer::PanicsInTheFuture => panic!("as the test wants"),
    };
    let steps = plan.frames.iter().map(|frame| match frame {
        Ending::Frame => Step::Data("hello"),
        Ending::Fails => Step::Fail,
        Ending::Panics => Step::Panic,
        Ending::Hangs => Step::Hang,
    });
    let mut response = Response::builder().status(code);
    if plan.content_length {
        response = response.header("content-length", 5 * plan.frames.len());
    }
    Ok(response.body(ScriptedBody::new(steps)).unwrap())
}

/// Sends a request and leaves when the plan says so.
async fn send(recording: &Recording, plan: Plan) {
    let (polls, request) = (plan.polls, Request::get(format!("/{}", plan.route)).body(()).unwrap());
    let mut service = recording.layer().layer(service_fn(move |_: Request<()>| {
        assert!(!matches!(plan.service, Answer::PanicsInTheCall), "as the test wants");
        answer(plan.clone())
    }));
    let Ok(future) = catch_unwind(AssertUnwindSafe(|| service.call(request))) else { return };
    let mut future = pin!(future);
    let mut body = None;
    for _ in 0..polls {
        let poll = poll_fn(|cx| {
            let mut step = || match &mut body {
                None => match future.as_mut().poll(cx) {
                    Poll::Ready(Ok(response)) => {
                        body = Some(response.into_body());
                        true
                    }
                    Poll::Ready(Err(_)) | Poll::Pending => false,
                },
                Some(body) => matches!(Pin::new(body).poll_frame(cx), Poll::Ready(Some(Ok(_)))),
            };
            Poll::Ready(catch_unwind(AssertUnwindSafe(&mut step)))
        });
        if !matches!(poll.await, Ok(true)) {
            return;
        }
    }
}

async fn counts_as_the_model(plans: Vec<Plan>) {
    let recording = Recording::new();
    let store = Arc::new(MemoryStore::default());
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_700_000_000)));
    let config = FlushConfig { max_batch: 2, ..FlushConfig::default() };
    let flusher = Flusher::start(recording.aggregator().clone(), store.clone(), clock, config);
    let mut model: BTreeMap<(String, Outcome), u64> = BTreeMap::new();
    let mut bytes = 0;

    for plan in plans {
        let (outcome, sent) = expected(&plan);
        *model.entry((format!("/{}", plan.route), outcome)).or_default() += 1;
        bytes += sent;
        let flush = plan.flush;
        send(&recording, plan).await;
        if flush {
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }
    let books = flusher.shutdown(Duration::from_hours(1)).await.books;

    let report = store.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap();
    let mut counted = BTreeMap::new();
    for found in &report.endpoints {
        let route = found.endpoint.route().as_str();
        for (outcome, hits) in found.summary.counts.outcomes.iter() {
            counted.insert((route.to_owned(), outcome), hits);
        }
    }
    assert_eq!(counted, model);
    assert_eq!(report.totals.counts.response_bytes, bytes);
    assert_eq!((books.stored, books.pending), (model.values().sum(), 0));
}

#[test]
fn random_requests_are_counted_as_a_model_counts_them() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&vec(plan(), 0..40), |plans| {
            runtime.block_on(counts_as_the_model(plans));
            Ok(())
        })
        .unwrap();
}
