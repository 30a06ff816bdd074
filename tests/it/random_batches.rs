//! Batches as writers might send them: repeated, skipped, late, from several writers.

use endpoint_stats_core::aggregate::{ConsumerCounts, ConsumerName, Counts, Delta};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::store::{Batch, WriterId};
use endpoint_stats_core::window::{Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Hit, Method, Nanos, Outcome, Route, ServiceName};
use proptest::collection::vec;
use proptest::prelude::*;

const START: i64 = 1_700_000_000;

/// Some batches, and the times at which to roll up in between.
pub(crate) fn scenario() -> impl Strategy<Value = (Vec<Batch>, Vec<Timestamp>)> {
    let batches = vec(batch(), 1..12);
    let roll_ups = vec((0..90_000_000_i64).prop_map(|secs| Timestamp::from_unix(START + secs)), 0..6);
    (batches, roll_ups)
}

fn batch() -> impl Strategy<Value = Batch> {
    (1..4_u8, 0..5_u64, vec(delta(), 0..6), proptest::option::of(vec(any::<u8>(), 0..8))).prop_map(
        |(writer, seq, deltas, checkpoint)| {
            let batch = Batch::new(WriterId::from_bytes([writer; 16]), seq, deltas);
            match checkpoint {
                Some(checkpoint) => batch.with_checkpoint(checkpoint),
                None => batch,
            }
        },
    )
}

fn delta() -> impl Strategy<Value = Delta> {
    (endpoint(), 0..40_000_000_i64, 0..600_i64, counts()).prop_map(|(endpoint, secs, lasting, counts)| {
        let at = Timestamp::from_unix(START + secs);
        let window = Window::containing(at, Width::TenSeconds);
        Delta { endpoint, window, first_at: at, last_at: at.plus_secs(lasting), counts }
    })
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    (0..2_usize, 0..2_usize, 0..3_usize).prop_map(|(service, method, route)| {
        Endpoint::new(
            ServiceName::new(["shop", "mail"][service]).unwrap(),
            [Method::Get, Method::Post][method],
            Route::new(["/", "/users/{id}", "/ö'%"][route]).unwrap(),
        )
    })
}

fn counts() -> impl Strategy<Value = Counts> {
    (vec(hit(), 0..8), any::<u32>(), vec((0..3_usize, 0..9_u64), 0..3)).prop_map(|(hits, bytes, consumers)| {
        let mut counts = Counts { request_bytes: bytes.into(), ..Counts::default() };
        for hit in &hits {
            counts.add(hit);
        }
        for (name, hits) in consumers {
            let name = ConsumerName::new(["acme", "zoo", "x'y"][name]).unwrap();
            counts.consumers.insert(name, ConsumerCounts { hits, errors: 1, response_bytes: 7 });
        }
        counts
    })
}

fn hit() -> impl Strategy<Value = Hit> {
    let outcome = prop_oneof![
        (100..600_u16).prop_map(Outcome::Status),
        Just(Outcome::Failed),
        Just(Outcome::Aborted),
        Just(Outcome::Panicked),
    ];
    (outcome, any::<u32>(), any::<u16>(), proptest::option::of(any::<u64>())).prop_map(
        |(outcome, nanos, response_bytes, caller)| Hit {
            outcome,
            latency: Some(Nanos::new(nanos.into())),
            duration: Some(Nanos::new(u64::from(nanos) * 2)),
            response_bytes: response_bytes.into(),
            caller: caller.map(CallerHash::from_u64),
        },
    )
}
