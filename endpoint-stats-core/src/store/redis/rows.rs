//! Rows between Rust and Redis: windows and endpoints as bytes.

use std::collections::HashMap;

use crate::aggregate::Counts;
use crate::endpoint::Endpoint;
use crate::sketch::{DecodeError, Reader, write_signed, write_varint};
use crate::store::EndpointStatus;
use crate::store::batch_encoding::{read_endpoint, write_endpoint};
use crate::store::window_counts::WindowCounts;
use crate::window::Timestamp;

const WINDOW: &str = "window";
const ENDPOINT: &str = "endpoint";
const VERSION: u8 = 1;

/// A row of a window, its counts still encoded.
pub(super) struct WindowRow<'a> {
    pub(super) first_at: Timestamp,
    pub(super) last_at: Timestamp,
    pub(super) counts: &'a [u8],
}

/// An endpoint, and the number that stands for it in windows.
#[derive(Clone, Debug)]
pub(super) struct NumberedEndpoint {
    pub(super) id: i64,
    pub(super) status: EndpointStatus,
}

impl<'a> WindowRow<'a> {
    /// Encodes a row: a version byte, first and last hit, counts.
    pub(super) fn encode(counted: &WindowCounts) -> Vec<u8> {
        let mut out = vec![VERSION];
        write_signed(&mut out, counted.first_at.as_unix());
        write_signed(&mut out, counted.last_at.as_unix());
        out.extend(counted.counts.encode());
        out
    }

    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WINDOW, VERSION, bytes)?;
        let (first_at, last_at) = (reader.signed()?, reader.signed()?);
        let (first_at, last_at) = (Timestamp::from_unix(first_at), Timestamp::from_unix(last_at));
        Ok(Self { first_at, last_at, counts: reader.rest() })
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<WindowCounts, DecodeError> {
        let Self { first_at, last_at, counts } = Self::read(bytes)?;
        Ok(WindowCounts { counts: Counts::decode(counts)?, first_at, last_at })
    }
}

/// An endpoint as the field of a hash.
pub(super) fn endpoint_name(endpoint: &Endpoint) -> Vec<u8> {
    let mut name = vec![VERSION];
    write_endpoint(&mut name, endpoint);
    name
}

impl NumberedEndpoint {
    pub(super) fn new(id: i64, endpoint: Endpoint) -> Self {
        let status = EndpointStatus { endpoint, hits: 0, registered_at: None, first_seen: None, last_called: None };
        Self { id, status }
    }

    /// Encodes what is known of an endpoint: a version byte, its number, its hits, and three times that may be missing,
    /// each behind a byte that says so.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        write_signed(&mut out, self.id);
        write_varint(&mut out, self.status.hits);
        for time in [self.status.registered_at, self.status.first_seen, self.status.last_called] {
            out.push(u8::from(time.is_some()));
            if let Some(time) = time {
                write_signed(&mut out, time.as_unix());
            }
        }
        out
    }

    pub(super) fn decode(name: &[u8], row: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(ENDPOINT, VERSION, name)?;
        let endpoint = read_endpoint(&mut reader)?;
        reader.finish()?;
        let mut reader = Reader::new(ENDPOINT, VERSION, row)?;
        let id = reader.signed()?;
        let hits = reader.count()?;
        let mut time = || match reader.varint()? {
            0 => Ok(None),
            _ => reader.signed().map(|secs| Some(Timestamp::from_unix(secs))),
        };
        let (registered_at, first_seen, last_called) = (time()?, time()?, time()?);
        reader.finish()?;
        Ok(Self { id, status: EndpointStatus { endpoint, hits, registered_at, first_seen, last_called } })
    }
}

/// Decodes a whole hash of endpoints, by their numbers.
pub(super) fn endpoints(hash: Vec<(Vec<u8>, Vec<u8>)>) -> Result<HashMap<i64, NumberedEndpoint>, DecodeError> {
    let numbered = |(name, row): (Vec<u8>, Vec<u8>)| {
        let endpoint = NumberedEndpoint::decode(&name, &row)?;
        Ok((endpoint.id, endpoint))
    };
    hash.into_iter().map(numbered).collect()
}
