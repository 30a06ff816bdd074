//! Deltas as bytes: what a store that settles later keeps of a batch.

use crate::aggregate::{Counts, Delta};
use crate::endpoint::{Endpoint, Method, Route, ServiceName};
use crate::sketch::{DecodeError, Reader, write_bytes, write_signed};
use crate::window::{Timestamp, Width, Window};

const WHAT: &str = "batch";
const VERSION: u8 = 1;

/// Encodes deltas: a version byte, then each delta behind its length.
///
/// A delta is its service, method and route behind their lengths, the window's width and start, the first and the last
/// hit, in seconds since 1970, and the counts in their own encoding. Numbers are LEB128, signed ones zigzag.
pub(crate) fn encode_deltas(deltas: &[Delta]) -> Vec<u8> {
    let mut out = vec![VERSION];
    let mut one = Vec::new();
    for delta in deltas {
        one.clear();
        write_delta(&mut one, delta);
        write_bytes(&mut out, &one);
    }
    out
}

/// Decodes what [`encode_deltas`] wrote.
#[cfg(any(test, feature = "postgres", feature = "redis", feature = "spool"))]
pub(crate) fn decode_deltas(bytes: &[u8]) -> Result<Vec<Delta>, DecodeError> {
    deltas(bytes)?.collect()
}

/// Decodes what [`encode_deltas`] wrote, one delta after the other, up to the first that is damaged.
pub(crate) fn deltas(bytes: &[u8]) -> Result<impl Iterator<Item = Result<Delta, DecodeError>>, DecodeError> {
    let mut reader = Reader::new(WHAT, VERSION, bytes)?;
    let mut is_sound = true;
    Ok(std::iter::from_fn(move || {
        let next = (is_sound && !reader.is_empty()).then(|| read_part(&mut reader))?;
        is_sound = next.is_ok();
        Some(next)
    }))
}

fn read_part(reader: &mut Reader<'_>) -> Result<Delta, DecodeError> {
    let mut one = reader.part()?;
    let delta = read_delta(&mut one)?;
    one.finish()?;
    Ok(delta)
}

fn write_delta(out: &mut Vec<u8>, delta: &Delta) {
    write_endpoint(out, &delta.endpoint);
    for secs in
        [delta.window.width().secs(), delta.window.start().as_unix(), delta.first_at.as_unix(), delta.last_at.as_unix()]
    {
        write_signed(out, secs);
    }
    write_bytes(out, &delta.counts.encode());
}

fn read_delta(reader: &mut Reader<'_>) -> Result<Delta, DecodeError> {
    let endpoint = read_endpoint(reader)?;
    let width = Width::from_secs(reader.signed()?).ok_or_else(|| reader.error("a window of an unknown width"))?;
    let start = Timestamp::from_unix(reader.signed()?);
    let window = Window::containing(start, width);
    if window.start() != start {
        return Err(reader.error("a window that starts in between"));
    }
    let (first_at, last_at) = (Timestamp::from_unix(reader.signed()?), Timestamp::from_unix(reader.signed()?));
    let counts = Counts::decode(reader.length_and_bytes()?)?;
    Ok(Delta { endpoint, window, first_at, last_at, counts })
}

/// Appends an endpoint: its service, method and route behind their lengths.
pub(crate) fn write_endpoint(out: &mut Vec<u8>, endpoint: &Endpoint) {
    for name in [endpoint.service().as_str(), endpoint.method().as_str(), endpoint.route().as_str()] {
        write_bytes(out, name.as_bytes());
    }
}

/// Reads what [`write_endpoint`] wrote.
pub(crate) fn read_endpoint(reader: &mut Reader<'_>) -> Result<Endpoint, DecodeError> {
    let service = read_service(reader)?;
    let method = Method::from_bytes(reader.text()?.as_bytes());
    Ok(Endpoint::new(service, method, read_route(reader)?))
}

pub(crate) fn read_service(reader: &mut Reader<'_>) -> Result<ServiceName, DecodeError> {
    ServiceName::new(reader.text()?).map_err(|_| reader.error("a service's name is none"))
}

pub(crate) fn read_route(reader: &mut Reader<'_>) -> Result<Route, DecodeError> {
    Route::new(reader.text()?).map_err(|_| reader.error("a route is none"))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::hit::Outcome;

    prop_compose! {
        fn delta()(
            route in "/[a-zü{}]{0,20}",
            method in prop::sample::select(Method::ALL.to_vec()),
            width in prop::sample::select(Width::ALL.to_vec()),
            at in any::<i64>(),
            hits in 1..1_000_u64,
        ) -> Delta {
            let at = Timestamp::from_unix(at);
            let counts = Counts { outcomes: [(Outcome::Status(200), hits)].into_iter().collect(), ..Counts::default() };
            let endpoint = Endpoint::new(ServiceName::new("shop").unwrap(), method, Route::new(&route).unwrap());
            Delta { endpoint, window: Window::containing(at, width), first_at: at, last_at: at.plus_secs(3), counts }
        }
    }

    proptest! {
        #[test]
        fn deltas_are_read_back_as_they_were(deltas in vec(delta(), 0..5)) {
            prop_assert_eq!(decode_deltas(&encode_deltas(&deltas)), Ok(deltas));
        }

        #[test]
        fn a_delta_that_is_cut_is_refused(deltas in vec(delta(), 1..3)) {
            let bytes = encode_deltas(&deltas);

            prop_assert!(decode_deltas(&bytes[..bytes.len() - 1]).is_err());
        }

        #[test]
        fn damaged_bytes_never_panic(deltas in vec(delta(), 1..3), at in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = encode_deltas(&deltas);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(deltas) = decode_deltas(&bytes) {
                prop_assert_eq!(decode_deltas(&encode_deltas(&deltas)), Ok(deltas));
            }
        }
    }
}
