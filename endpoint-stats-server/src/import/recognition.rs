//! Tells whether a stream was imported before, and how far.
//!
//! A stream's writer id is the BLAKE3 hash of the service, the stream's first line and a number `n`, and the
//! checkpoint of its last batch says how many bytes were counted and what the last of them were. For n = 0, 1, 2, …
//! the ids that the store knows are the candidates: streams of this service that start with the same line. The stream
//! is the candidate whose bytes it has at the candidate's offset, and goes on there. A stream that ends before that
//! offset is a shorter copy of the candidate if its landmarks are the first of the candidate's: then all of it was
//! counted, and what may be added to it is counted under a new id, from there. If there are several, the one with most
//! bytes in common is meant. If there is none, the stream is a new one, with the first id that the store does not know.
//!
//! Where a shorter copy ends, nothing of the candidate is remembered, so its last bytes are taken on trust: in the
//! first 4 KiB an incomplete last line, behind them less than an eighth of what stands before them.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::store::{StatsStore, WriterId};
use memchr::memchr_iter;

use super::checkpoint::Checkpoint;
use super::tail::Tail;
use super::trail::Trail;
use super::{ImportError, ImportErrorKind};
use crate::retry::Retry;

const DOMAIN: &str = "endpoint-stats 2026 import writer id v1";

/// A place in a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Lines before it.
    pub(super) lines: u64,
    /// The bytes before it.
    pub(super) trail: Trail,
}

/// Who writes the counts of a stream, and where it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resumption {
    pub(super) writer: WriterId,
    pub(super) last_seq: u64,
    pub(super) position: Position,
}

/// The streams of a service that start with one line.
#[derive(Debug)]
pub(super) struct Candidates {
    known: Vec<Candidate>,
    unknown: WriterId,
}

#[derive(Debug)]
struct Candidate {
    writer: WriterId,
    last_seq: u64,
    checkpoint: Checkpoint,
}

/// What a stream may be.
struct Match {
    /// Up to where the candidate was seen to have the same bytes.
    same_up_to: u64,
    resumption: Resumption,
}

/// Reads a stream forwards, to look at what stands before some offsets.
pub(super) struct Walk<'a> {
    input: &'a mut dyn Read,
    copy: Option<&'a mut File>,
    trail: Trail,
    line_feeds: u64,
    end: Option<io::Result<()>>,
}

impl Position {
    /// Bytes before it, decompressed.
    pub(super) fn offset(&self) -> u64 {
        self.trail.offset
    }
}

// === impl Candidates ===

impl Candidates {
    /// Asks the store for the streams of a service that start with a line.
    pub(super) async fn find(
        store: &dyn StatsStore,
        retry: &Retry,
        service: &ServiceName,
        first_line: &[u8],
    ) -> Result<Self, ImportError> {
        let mut known = Vec::new();
        for n in 0_u64.. {
            let writer = writer_id(service, first_line, n);
            let state = retry.until_answered(|_| store.writer(writer)).await;
            let state = state.map_err(|source| failed("look up the file in the store").with_source(source))?;
            let Some(state) = state else {
                return Ok(Self { known, unknown: writer });
            };
            let checkpoint = state.checkpoint.as_deref().and_then(Checkpoint::decode);
            let checkpoint =
                checkpoint.ok_or_else(|| failed("read how far the file was counted: unknown checkpoint"))?;
            known.push(Candidate { writer, last_seq: state.last_seq, checkpoint });
        }
        unreachable!("an id is unknown before all numbers are used up")
    }

    /// Whether the stream is new for sure.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Finds out which of the candidates a file is; one that may be a shorter copy is read to its end.
    pub(super) fn match_file(&self, file: &mut File) -> io::Result<Resumption> {
        let len = file.metadata()?.len();
        if self.known.iter().any(|candidate| candidate.checkpoint.offset > len) {
            file.seek(SeekFrom::Start(0))?;
            return self.match_stream(&mut Walk::new(file, None));
        }
        let mut matches = Vec::new();
        for candidate in &self.known {
            let offset = candidate.checkpoint.offset;
            let mut bytes = vec![0; Tail::len_at(offset)];
            file.seek(SeekFrom::Start(offset - bytes.len() as u64))?;
            file.read_exact(&mut bytes)?;
            let mut tail = Tail::default();
            tail.pass(&bytes);
            matches.extend(candidate.goes_on(&tail));
        }
        Ok(self.choose(matches))
    }

    /// Finds out which of the candidates a stream is, read from its start.
    pub(super) fn match_stream(&self, walk: &mut Walk<'_>) -> io::Result<Resumption> {
        let mut in_order: Vec<_> = self.known.iter().collect();
        in_order.sort_by_key(|candidate| candidate.checkpoint.offset);
        let mut matches = Vec::new();
        for candidate in in_order {
            let is_there = walk.go_to(candidate.checkpoint.offset)?;
            let found = if is_there { candidate.goes_on(&walk.trail.tail) } else { self.ends_before(candidate, walk) };
            matches.extend(found);
        }
        Ok(self.choose(matches))
    }

    /// A stream that was read to its end, if it is a shorter copy of a candidate.
    fn ends_before(&self, candidate: &Candidate, walk: &Walk<'_>) -> Option<Match> {
        let landmarks = &walk.trail.landmarks;
        let is_copy = candidate.checkpoint.landmarks.starts_with(landmarks);
        is_copy.then(|| Match { same_up_to: landmarks.last_offset(), resumption: self.new_stream(walk.position()) })
    }

    fn choose(&self, matches: Vec<Match>) -> Resumption {
        let most = matches.into_iter().max_by_key(|found| found.same_up_to);
        most.map_or_else(|| self.new_stream(Position::default()), |found| found.resumption)
    }

    fn new_stream(&self, position: Position) -> Resumption {
        Resumption { writer: self.unknown, last_seq: 0, position }
    }
}

impl Candidate {
    /// A stream with a tail at the candidate's offset, if it is the candidate's.
    fn goes_on(&self, found: &Tail) -> Option<Match> {
        let Checkpoint { offset, lines, tail, landmarks } = &self.checkpoint;
        let trail = Trail { offset: *offset, tail: found.clone(), landmarks: landmarks.clone() };
        let position = Position { lines: *lines, trail };
        let resumption = Resumption { writer: self.writer, last_seq: self.last_seq, position };
        (found.digest() == *tail).then_some(Match { same_up_to: *offset, resumption })
    }
}

fn writer_id(service: &ServiceName, first_line: &[u8], n: u64) -> WriterId {
    let mut hasher = blake3::Hasher::new_derive_key(DOMAIN);
    hasher.update(service.as_str().as_bytes());
    hasher.update(b"\n");
    hasher.update(&n.to_le_bytes());
    hasher.update(first_line);
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    WriterId::from_bytes(id)
}

fn failed(what: &str) -> ImportError {
    ImportError::new(ImportErrorKind::Store, what)
}

// === impl Walk ===

impl<'a> Walk<'a> {
    /// Starts at a stream's start; what is read is copied, so that it can be read again.
    pub(super) fn new(input: &'a mut dyn Read, copy: Option<&'a mut File>) -> Self {
        Self { input, copy, trail: Trail::default(), line_feeds: 0, end: None }
    }

    /// Bytes that were read.
    pub(super) fn offset(&self) -> u64 {
        self.trail.offset
    }

    /// Why the stream could not be read on, if it was not its end.
    pub(super) fn into_error(self) -> Option<io::Error> {
        self.end?.err()
    }

    /// Where it stands; a line of which the end is missing is one.
    fn position(&self) -> Position {
        let trail = self.trail.clone();
        Position { lines: self.line_feeds + u64::from(trail.tail.is_within_line()), trail }
    }

    /// Reads up to an offset; false when the stream ends before it, or cannot be read up to there.
    pub(super) fn go_to(&mut self, offset: u64) -> io::Result<bool> {
        let mut buffer = vec![0; 1 << 16];
        while self.offset() < offset && self.end.is_none() {
            let wanted = usize::try_from(offset - self.offset()).map_or(buffer.len(), |rest| rest.min(buffer.len()));
            match self.input.read(&mut buffer[..wanted]) {
                Ok(0) => self.end = Some(Ok(())),
                Ok(read) => self.pass(&buffer[..read])?,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(error) => self.end = Some(Err(error)),
            }
        }
        Ok(self.offset() >= offset)
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(copy) = &mut self.copy {
            copy.write_all(bytes)?;
        }
        self.line_feeds += memchr_iter(b'\n', bytes).count() as u64;
        self.trail.pass(bytes);
        Ok(())
    }
}
