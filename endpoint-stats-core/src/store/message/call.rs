//! What only a [`RemoteStore`](crate::store::RemoteStore) sends or is sent: questions, writers' states, registrations.

use super::{Message, VERSION, WHAT, read_all, read_option, timestamp, write_all, write_option};
use crate::endpoint::{Endpoint, Method, Route, ServiceName};
use crate::sketch::{DecodeError, Reader, write_bytes, write_signed, write_varint};
use crate::store::batch_encoding::{read_endpoint, read_route, read_service, write_endpoint};
use crate::store::{EndpointFilter, StatsQuery, WriterState};
use crate::window::{TimeRange, Timestamp};

impl Message for Option<WriterState> {
    fn encode(&self, out: &mut Vec<u8>, max_bytes: usize) -> Option<()> {
        out.push(VERSION);
        write_option(out, self.as_ref(), |out, state| {
            write_varint(out, state.last_seq);
            write_option(out, state.checkpoint.as_deref(), write_bytes);
        });
        (out.len() <= max_bytes).then_some(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WHAT, VERSION, bytes)?;
        let state = read_option(&mut reader, |reader| {
            Ok(WriterState { last_seq: reader.varint()?, checkpoint: read_option(reader, owned_bytes)? })
        })?;
        reader.finish()?;
        Ok(state)
    }
}

impl Message for StatsQuery {
    fn encode(&self, out: &mut Vec<u8>, max_bytes: usize) -> Option<()> {
        out.push(VERSION);
        write_signed(out, self.range.from.as_unix());
        write_signed(out, self.range.to.as_unix());
        write_option(out, self.step_secs, write_signed);
        let filter = &self.filter;
        let texts = [
            filter.service.as_ref().map(ServiceName::as_str),
            filter.method.map(Method::as_str),
            filter.route.as_ref().map(Route::as_str),
        ];
        for text in texts {
            write_option(out, text.map(str::as_bytes), write_bytes);
        }
        (out.len() <= max_bytes).then_some(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WHAT, VERSION, bytes)?;
        let range = TimeRange::new(timestamp(&mut reader)?, timestamp(&mut reader)?);
        let step_secs = read_option(&mut reader, Reader::signed)?;
        if step_secs.is_some_and(|secs| secs < 1) {
            return Err(reader.error("a step of no second"));
        }
        let filter = EndpointFilter {
            service: read_option(&mut reader, read_service)?,
            method: read_option(&mut reader, |reader| Ok(Method::from_bytes(reader.text()?.as_bytes())))?,
            route: read_option(&mut reader, read_route)?,
        };
        reader.finish()?;
        Ok(Self { range, filter, step_secs })
    }
}

/// Endpoints to make known, and when the service said so.
impl Message for (Timestamp, Vec<Endpoint>) {
    fn encode(&self, out: &mut Vec<u8>, max_bytes: usize) -> Option<()> {
        out.push(VERSION);
        write_signed(out, self.0.as_unix());
        write_all(out, &self.1, max_bytes, write_endpoint)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WHAT, VERSION, bytes)?;
        let endpoints = (timestamp(&mut reader)?, read_all(&mut reader, read_endpoint)?);
        reader.finish()?;
        Ok(endpoints)
    }
}

fn owned_bytes(reader: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    Ok(reader.length_and_bytes()?.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::store::message::tests::{at, encoded, endpoint};

    prop_compose! {
        fn query()(
            range in (at(), at()),
            step_secs in option::of(1..=i64::MAX),
            filter in option::of(endpoint()),
        ) -> StatsQuery {
            let part = filter.as_ref();
            let filter = EndpointFilter {
                service: part.map(|endpoint| endpoint.service().clone()),
                method: part.map(Endpoint::method),
                route: part.map(|endpoint| endpoint.route().clone()),
            };
            StatsQuery { range: TimeRange::new(range.0, range.1), filter, step_secs }
        }
    }

    proptest! {
        #[test]
        fn questions_and_what_else_a_remote_store_sends_are_read_back_as_they_were(
            query in query(),
            last_seq: u64,
            checkpoint in option::of(vec(any::<u8>(), 0..9)),
            is_known: bool,
            endpoints in (at(), vec(endpoint(), 0..4)),
        ) {
            let state = is_known.then_some(WriterState { last_seq, checkpoint });

            prop_assert_eq!(StatsQuery::decode(&encoded(&query)), Ok(query));
            prop_assert_eq!(Option::decode(&encoded(&state)), Ok(state));
            prop_assert_eq!(<(Timestamp, Vec<Endpoint>)>::decode(&encoded(&endpoints)), Ok(endpoints));
        }
    }
}
