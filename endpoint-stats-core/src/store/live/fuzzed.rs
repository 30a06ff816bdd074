//! Messages, as anybody may have said them.

use super::LiveEndpoint;
use super::message::{Message, ProcessId};
use crate::store::Batch;

/// What is read is written as it was.
pub(crate) fn message(bytes: &[u8]) {
    let Ok(read) = Message::decode(bytes) else { return };
    let (from, endpoints) = (read.from, read.endpoints.clone());
    let written = read.encode();
    assert_eq!(Message::decode(&written), Ok(Message { from, endpoints }));
}

pub(crate) fn examples(batch: &Batch) -> [(&'static str, &'static str, Vec<u8>); 1] {
    let endpoint = |delta: &crate::aggregate::Delta| LiveEndpoint {
        endpoint: delta.endpoint.clone(),
        hits: delta.counts.hits(),
        errors: delta.counts.outcomes.errors(),
    };
    let said = Message { from: ProcessId::of(batch.writer), endpoints: batch.deltas.iter().map(endpoint).collect() };
    [("live_message", "second", said.encode())]
}
