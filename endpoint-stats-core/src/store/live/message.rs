//! [`Message`]: what one process says about one second.

use uuid::Uuid;

use super::LiveEndpoint;
use crate::sketch::{DecodeError, Reader, write_varint};
use crate::store::batch_encoding::{read_endpoint, write_endpoint};

const WHAT: &str = "live message";
const VERSION: u8 = 1;

/// Endpoints that one message names at most; the ones with the fewest hits are left out.
const MOST_ENDPOINTS: usize = 2_000;

/// One run of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProcessId(Uuid);

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) from: ProcessId,
    pub(super) endpoints: Vec<LiveEndpoint>,
}

impl ProcessId {
    pub(super) fn random() -> Self {
        Self(Uuid::new_v4())
    }

    #[cfg(feature = "test-util")]
    pub(super) fn of(writer: crate::store::WriterId) -> Self {
        Self(Uuid::from_bytes(*writer.as_bytes()))
    }
}

impl Message {
    /// Encodes a version byte, who says it, and for each endpoint its names, hits and errors.
    pub(super) fn encode(mut self) -> Vec<u8> {
        if self.endpoints.len() > MOST_ENDPOINTS {
            self.endpoints.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.hits));
            self.endpoints.truncate(MOST_ENDPOINTS);
        }
        let mut out = vec![VERSION];
        out.extend_from_slice(self.from.0.as_bytes());
        for LiveEndpoint { endpoint, hits, errors } in &self.endpoints {
            write_endpoint(&mut out, endpoint);
            write_varint(&mut out, *hits);
            write_varint(&mut out, *errors);
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WHAT, VERSION, bytes)?;
        let from = Uuid::from_slice(reader.bytes(16)?).map_err(|_| reader.error("from nobody"))?;
        let mut endpoints = Vec::new();
        while !reader.is_empty() {
            if endpoints.len() == MOST_ENDPOINTS {
                return Err(reader.error("too many endpoints"));
            }
            let endpoint = read_endpoint(&mut reader)?;
            endpoints.push(LiveEndpoint { endpoint, hits: reader.count()?, errors: reader.count()? });
        }
        Ok(Self { from: ProcessId(from), endpoints })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::endpoint::{Endpoint, Method, Route, ServiceName};

    fn endpoint(i: usize, hits: u64) -> LiveEndpoint {
        let route = Route::new(&format!("/{i}")).unwrap();
        let endpoint = Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, route);
        LiveEndpoint { endpoint, hits, errors: hits / 2 }
    }

    proptest! {
        #[test]
        fn a_message_is_read_back_as_it_was(hits in vec(0..=i64::MAX as u64, 0..5)) {
            let endpoints: Vec<_> = hits.into_iter().enumerate().map(|(i, hits)| endpoint(i, hits)).collect();
            let from = ProcessId::random();

            let read = Message::decode(&Message { from, endpoints: endpoints.clone() }.encode());

            prop_assert_eq!(read, Ok(Message { from, endpoints }));
        }

        #[test]
        fn damaged_bytes_never_panic(mut bytes in vec(any::<u8>(), 1..64)) {
            bytes[0] = VERSION;
            drop(Message::decode(&bytes));
        }
    }

    #[test]
    fn a_long_message_names_the_endpoints_with_the_most_hits() {
        let endpoints = (0..MOST_ENDPOINTS + 10).map(|i| endpoint(i, i as u64)).collect();

        let read = Message::decode(&Message { from: ProcessId::random(), endpoints }.encode()).unwrap();

        assert_eq!(read.endpoints.len(), MOST_ENDPOINTS);
        assert_eq!(read.endpoints.iter().map(|endpoint| endpoint.hits).min(), Some(10));
    }
}
