//! [`Message`]: questions and answers as bytes, as Redis keeps them and [`RemoteStore`](super::RemoteStore) sends them.
//!
//! Numbers are LEB128, those that may be below zero zigzag; counts have their own encoding, behind its length. What may
//! be missing stands behind a byte that is 0 or 1. Integrity is the concern of whoever keeps or sends them; still, no
//! bytes make a reader panic or reserve room.

#[cfg(feature = "remote")]
mod call;
#[cfg(test)]
mod tests;

use crate::aggregate::Counts;
use crate::sketch::{DecodeError, Reader, write_bytes, write_signed, write_varint};
use crate::store::batch_encoding::{read_endpoint, write_endpoint};
use crate::store::{EndpointReport, EndpointStatus, SeriesPoint, StatsReport, Summary};
use crate::window::{TimeRange, Timestamp};

const WHAT: &str = "message";
const VERSION: u8 = 2;

/// What a store is asked, or answers, as bytes.
pub trait Message: Clone + Send + Sync + 'static {
    /// Appends the message; `None` when that makes more than so many bytes in all.
    fn encode(&self, out: &mut Vec<u8>, max_bytes: usize) -> Option<()>;

    /// Reads what [`encode`](Self::encode) appended.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;
}

impl Message for StatsReport {
    fn encode(&self, out: &mut Vec<u8>, max_bytes: usize) -> Option<()> {
        out.push(VERSION);
        write_option(out, self.covered, |out, covered| {
            write_signed(out, covered.from.as_unix());
            write_signed(out, covered.to.as_unix());
        });
        write_summary(out, &self.totals);
        write_all(out, &self.endpoints, max_bytes, |out, of_one| {
            write_endpoint(out, &of_one.endpoint);
            write_summary(out, &of_one.summary);
            write_varint(out, of_one.hits_by_step.len() as u64);
            for (start, hits) in &of_one.hits_by_step {
                write_signed(out, start.as_unix());
                write_varint(out, *hits);
            }
        })?;
        write_all(out, &self.series, max_bytes, |out, point| {
            write_signed(out, point.start.as_unix());
            write_counts(out, &point.counts);
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WHAT, VERSION, bytes)?;
        let report = Self {
            covered: read_option(&mut reader, |reader| Ok(TimeRange::new(timestamp(reader)?, timestamp(reader)?)))?,
            totals: read_summary(&mut reader)?,
            endpoints: read_all(&mut reader, |reader| {
                Ok(EndpointReport {
                    endpoint: read_endpoint(reader)?,
                    summary: read_summary(reader)?,
                    hits_by_step: read_all(reader, |reader| Ok((timestamp(reader)?, reader.varint()?)))?,
                })
            })?,
            series: read_all(&mut reader, |reader| {
                Ok(SeriesPoint { start: timestamp(reader)?, counts: read_counts(reader)? })
            })?,
        };
        reader.finish()?;
        Ok(report)
    }
}

impl Message for Vec<EndpointStatus> {
    fn encode(&self, out: &mut Vec<u8>, max_bytes: usize) -> Option<()> {
        out.push(VERSION);
        write_all(out, self, max_bytes, |out, status| {
            write_endpoint(out, &status.endpoint);
            write_varint(out, status.hits);
            for at in [status.registered_at, status.first_seen, status.last_called] {
                write_option(out, at, |out, at| write_signed(out, at.as_unix()));
            }
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WHAT, VERSION, bytes)?;
        let statuses = read_all(&mut reader, |reader| {
            Ok(EndpointStatus {
                endpoint: read_endpoint(reader)?,
                hits: reader.varint()?,
                registered_at: read_option(reader, timestamp)?,
                first_seen: read_option(reader, timestamp)?,
                last_called: read_option(reader, timestamp)?,
            })
        })?;
        reader.finish()?;
        Ok(statuses)
    }
}

fn write_all<T>(out: &mut Vec<u8>, all: &[T], max_bytes: usize, each: impl Fn(&mut Vec<u8>, &T)) -> Option<()> {
    write_varint(out, all.len() as u64);
    for one in all {
        each(out, one);
        if out.len() > max_bytes {
            return None;
        }
    }
    (out.len() <= max_bytes).then_some(())
}

fn read_all<'a, T>(
    reader: &mut Reader<'a>,
    each: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    (0..reader.varint()?).map(|_| each(reader)).collect()
}

fn write_option<T>(out: &mut Vec<u8>, value: Option<T>, some: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(value.is_some().into());
    if let Some(value) = value {
        some(out, value);
    }
}

fn read_option<'a, T>(
    reader: &mut Reader<'a>,
    some: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    match reader.bytes(1)? {
        [0] => Ok(None),
        [1] => some(reader).map(Some),
        _ => Err(reader.error("neither there nor missing")),
    }
}

fn write_summary(out: &mut Vec<u8>, summary: &Summary) {
    for at in [summary.first_at, summary.last_at] {
        write_option(out, at, |out, at| write_signed(out, at.as_unix()));
    }
    write_counts(out, &summary.counts);
}

fn read_summary(reader: &mut Reader<'_>) -> Result<Summary, DecodeError> {
    let (first_at, last_at) = (read_option(reader, timestamp)?, read_option(reader, timestamp)?);
    Ok(Summary { counts: read_counts(reader)?, first_at, last_at })
}

fn write_counts(out: &mut Vec<u8>, counts: &Counts) {
    write_bytes(out, &counts.encode());
}

fn read_counts(reader: &mut Reader<'_>) -> Result<Counts, DecodeError> {
    Counts::decode(reader.length_and_bytes()?)
}

fn timestamp(reader: &mut Reader<'_>) -> Result<Timestamp, DecodeError> {
    Ok(Timestamp::from_unix(reader.signed()?))
}
