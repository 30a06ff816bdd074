//! Answers as bytes: [`StatsReport`]s and lists of [`EndpointStatus`].
//!
//! Numbers are LEB128, those that may be below zero zigzag; counts have their own encoding, behind its length. What may
//! be missing stands behind a byte that is 0 or 1. Integrity is the [value](super::value)'s concern, not that of these
//! bytes; still, none of them makes a reader panic or reserve room.

use crate::aggregate::Counts;
use crate::sketch::{DecodeError, Reader, write_bytes, write_signed, write_varint};
use crate::store::batch_encoding::{read_endpoint, write_endpoint};
use crate::store::{EndpointReport, EndpointStatus, SeriesPoint, StatsReport, Summary};
use crate::window::{TimeRange, Timestamp};

const WHAT: &str = "answer";
const VERSION: u8 = 2;

/// What a store answers, and Redis keeps.
pub(super) trait Answer: Clone + Send + Sync + 'static {
    /// Appends the answer; `None` when that makes more than so many bytes in all.
    fn encode(&self, out: &mut Vec<u8>, max_bytes: usize) -> Option<()>;

    /// Reads what [`encode`](Self::encode) appended.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;
}

impl Answer for StatsReport {
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

impl Answer for Vec<EndpointStatus> {
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::aggregate::any_counts as counts;
    use crate::endpoint::{Endpoint, Method, Route, ServiceName};

    prop_compose! {
        fn endpoint()(
            service in "[a-z.-]{1,9}",
            method in prop::sample::select(Method::ALL.to_vec()),
            route in "/[a-zü{}]{0,20}",
        ) -> Endpoint {
            Endpoint::new(ServiceName::new(&service).unwrap(), method, Route::new(&route).unwrap())
        }
    }

    fn at() -> impl Strategy<Value = Timestamp> {
        any::<i64>().prop_map(Timestamp::from_unix)
    }

    prop_compose! {
        fn summary()(counts in counts(), first_at in option::of(at()), last_at in option::of(at())) -> Summary {
            Summary { counts, first_at, last_at }
        }
    }

    prop_compose! {
        fn report()(
            covered in option::of((at(), at())),
            totals in summary(),
            endpoints in vec((endpoint(), summary(), vec((at(), any::<u64>()), 0..3)), 0..4),
            series in vec((at(), counts()), 0..4),
        ) -> StatsReport {
            StatsReport {
                covered: covered.map(|(from, to)| TimeRange::new(from, to)),
                totals,
                endpoints: endpoints
                    .into_iter()
                    .map(|(endpoint, summary, hits_by_step)| EndpointReport { endpoint, summary, hits_by_step })
                    .collect(),
                series: series.into_iter().map(|(start, counts)| SeriesPoint { start, counts }).collect(),
            }
        }
    }

    prop_compose! {
        fn status()(
            endpoint in endpoint(),
            hits: u64,
            registered_at in option::of(at()),
            first_seen in option::of(at()),
            last_called in option::of(at()),
        ) -> EndpointStatus {
            EndpointStatus { endpoint, hits, registered_at, first_seen, last_called }
        }
    }

    fn encoded(answer: &impl Answer) -> Vec<u8> {
        let mut out = Vec::new();
        answer.encode(&mut out, usize::MAX).unwrap();
        out
    }

    proptest! {
        #[test]
        fn a_report_is_read_back_as_it_was(report in report()) {
            prop_assert_eq!(StatsReport::decode(&encoded(&report)), Ok(report));
        }

        #[test]
        fn a_list_of_endpoints_is_read_back_as_it_was(statuses in vec(status(), 0..6)) {
            prop_assert_eq!(Vec::decode(&encoded(&statuses)), Ok(statuses));
        }

        #[test]
        fn an_answer_that_is_cut_is_refused(report in report(), at in any::<prop::sample::Index>()) {
            let bytes = encoded(&report);

            prop_assert!(StatsReport::decode(&bytes[..at.index(bytes.len())]).is_err());
        }

        #[test]
        fn damaged_bytes_never_panic(report in report(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = encoded(&report);
            let at = at.index(bytes.len());
            bytes[at] = byte;

            if let Ok(read) = StatsReport::decode(&bytes) {
                prop_assert_eq!(StatsReport::decode(&encoded(&read)), Ok(read));
            }
            drop(Vec::<EndpointStatus>::decode(&bytes));
        }

        #[test]
        fn an_answer_past_the_limit_is_given_up(report in report()) {
            let len = encoded(&report).len();

            prop_assert!(report.encode(&mut Vec::new(), len).is_some());
            prop_assert!(report.encode(&mut Vec::new(), len - 1).is_none());
        }
    }
}
