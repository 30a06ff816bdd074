//! Tells whether a stream was imported before, and how far.
//!
//! A stream's writer id is the BLAKE3 hash of the service, the stream's first line and a number `n`, and the
//! checkpoint of its last batch says how many bytes were counted and what the last of them were. For n = 0, 1, 2, …
//! the ids that the store knows are the candidates: streams of this service that start with the same line. The stream
//! is the candidate whose bytes it has at the candidate's offset, the one with most bytes if there are several. If
//! there is none, the stream is a new one, with the first id that the store does not know.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::store::{StatsStore, WriterId};

use super::checkpoint::Checkpoint;
use super::retry::Retry;
use super::tail::Tail;
use super::{ImportError, ImportErrorKind};

const DOMAIN: &str = "endpoint-stats 2026 import writer id v1";

/// A place in a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Bytes before it, decompressed.
    pub(super) offset: u64,
    /// Lines before it.
    pub(super) lines: u64,
    /// The last of the bytes before it.
    pub(super) tail: Tail,
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

#[derive(Clone, Copy, Debug)]
struct Candidate {
    writer: WriterId,
    last_seq: u64,
    checkpoint: Checkpoint,
}

/// Reads a stream forwards, to look at what stands before some offsets.
pub(super) struct Walk<'a> {
    input: &'a mut dyn Read,
    copy: Option<&'a mut File>,
    tail: Tail,
    offset: u64,
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

    /// Finds out which of the candidates a file is.
    pub(super) fn match_file(&self, file: &mut File) -> io::Result<Resumption> {
        let len = file.metadata()?.len();
        let mut matches = Vec::new();
        for candidate in self.known.iter().filter(|candidate| candidate.checkpoint.offset <= len) {
            let offset = candidate.checkpoint.offset;
            let mut bytes = vec![0; Tail::len_at(offset)];
            file.seek(SeekFrom::Start(offset - bytes.len() as u64))?;
            file.read_exact(&mut bytes)?;
            let mut tail = Tail::default();
            tail.pass(&bytes);
            matches.extend(candidate.matched(tail));
        }
        Ok(self.choose(matches))
    }

    /// Finds out which of the candidates a stream is, read from its start.
    pub(super) fn match_stream(&self, walk: &mut Walk<'_>) -> io::Result<Resumption> {
        let mut in_order = self.known.clone();
        in_order.sort_by_key(|candidate| candidate.checkpoint.offset);
        let mut matches = Vec::new();
        for candidate in in_order {
            if !walk.go_to(candidate.checkpoint.offset)? {
                break;
            }
            matches.extend(candidate.matched(walk.tail.clone()));
        }
        Ok(self.choose(matches))
    }

    fn choose(&self, matches: Vec<Resumption>) -> Resumption {
        let most = matches.into_iter().max_by_key(|matched| matched.position.offset);
        most.unwrap_or_else(|| Resumption { writer: self.unknown, last_seq: 0, position: Position::default() })
    }
}

impl Candidate {
    fn matched(&self, tail: Tail) -> Option<Resumption> {
        let Checkpoint { offset, lines, tail: digest } = self.checkpoint;
        let is_same = tail.digest() == digest;
        let position = Position { offset, lines, tail };
        is_same.then_some(Resumption { writer: self.writer, last_seq: self.last_seq, position })
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
        Self { input, copy, tail: Tail::default(), offset: 0 }
    }

    /// Bytes that were read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads up to an offset; false when the stream ends before it, or cannot be read up to there.
    pub(super) fn go_to(&mut self, offset: u64) -> io::Result<bool> {
        let mut buffer = vec![0; 1 << 16];
        while self.offset < offset {
            let wanted = usize::try_from(offset - self.offset).map_or(buffer.len(), |rest| rest.min(buffer.len()));
            let read = match self.input.read(&mut buffer[..wanted]) {
                Ok(read @ 1..) => read,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {
                    continue;
                }
                Ok(0) | Err(_) => return Ok(false),
            };
            self.pass(&buffer[..read])?;
        }
        Ok(true)
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(copy) = &mut self.copy {
            copy.write_all(bytes)?;
        }
        self.offset += bytes.len() as u64;
        self.tail.pass(bytes);
        Ok(())
    }
}
