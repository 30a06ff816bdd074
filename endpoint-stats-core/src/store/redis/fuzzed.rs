//! Rows, as anybody may have written them.

use super::rows::{NumberedEndpoint, WindowRow, endpoint_name};
use crate::store::Batch;
use crate::store::window_counts::WindowCounts;

/// The first byte says how long the name of an endpoint is that stands before its row; all of it may be a window's row.
pub(crate) fn row(bytes: &[u8]) {
    window(bytes);
    if let Some((len, rest)) = bytes.split_first()
        && let Some((name, row)) = rest.split_at_checked(usize::from(*len))
    {
        endpoint(name, row);
    }
}

fn window(row: &[u8]) {
    let Ok(read) = WindowRow::decode(row) else { return };
    let again = WindowRow::decode(&WindowRow::encode(&read)).expect("it was just written");
    assert_eq!((again.first_at, again.last_at, again.counts), (read.first_at, read.last_at, read.counts));
}

fn endpoint(name: &[u8], row: &[u8]) {
    let Ok(read) = NumberedEndpoint::decode(name, row) else { return };
    let again = NumberedEndpoint::decode(&endpoint_name(&read.status.endpoint), &read.encode());
    let again = again.expect("it was just written");
    assert_eq!((again.id, again.status), (read.id, read.status));
}

pub(crate) fn examples(batch: &Batch) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let Some(delta) = batch.deltas.first() else { return Vec::new() };
    let mut known = NumberedEndpoint::new(7, delta.endpoint.clone());
    known.status.hits = delta.counts.hits();
    known.status.first_seen = Some(delta.first_at);
    let name = endpoint_name(&delta.endpoint);
    let len = u8::try_from(name.len()).unwrap_or(u8::MAX);
    let endpoint = [&[len], &name[..], &known.encode()].concat();
    vec![
        ("redis_row", "window", WindowRow::encode(&WindowCounts::from(delta.clone()))),
        ("redis_row", "endpoint", endpoint),
    ]
}
