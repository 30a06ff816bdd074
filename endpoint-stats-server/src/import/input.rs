//! [`Input`]: an opened log, from plain and compressed files and from standard input.

use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use memchr::memchr;

use super::pipe::Pipe;
use super::recognition::{Candidates, Resumption, Walk};
use super::{ImportError, ImportErrorKind, LineFormat, LineParser, Source};

const HEAD_BYTES: usize = 1 << 16;
const BINARY_CHECK_BYTES: usize = 8 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const PACKED_BUFFER_BYTES: usize = 1 << 17;

/// A stream of log lines.
pub(super) type Stream = Box<dyn Read + Send>;

/// An opened log, its first line read.
pub(super) struct Input {
    name: String,
    body: Body,
    head: Head,
    bytes_read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
}

enum Body {
    Plain(File),
    Packed(PathBuf),
    Pipe(Stream),
}

/// The start of a stream, at least its first line; and why reading stopped.
#[derive(Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
    error: Option<io::Error>,
}

/// Counts the bytes that are read.
struct Counted<R>(R, Arc<AtomicU64>);

/// A stream whose next read fails.
struct Failing(Option<io::Error>);

// === impl Input ===

impl Input {
    /// Opens a log and reads its first line.
    pub(super) fn open(source: &Source, patience: Duration, format: &LineFormat) -> Result<Self, ImportError> {
        let name = source.to_string();
        match source {
            Source::File(path) => Self::open_with(name, format, |read| open_file(path, patience, read)),
            Source::Stdin => Self::of_pipe(name, format, io::stdin(), patience),
        }
    }

    /// Takes a stream that can be read only once, and reads its first line.
    pub(super) fn of_pipe(
        name: String,
        format: &LineFormat,
        pipe: impl Read + Send + 'static,
        patience: Duration,
    ) -> Result<Self, ImportError> {
        Self::open_with(name, format, |read| Ok((open_pipe(pipe, patience, read)?, None)))
    }

    fn open_with(
        name: String,
        format: &LineFormat,
        open: impl FnOnce(&Arc<AtomicU64>) -> io::Result<(Body, Option<u64>)>,
    ) -> Result<Self, ImportError> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        let opened = open(&bytes_read).and_then(|(mut body, total)| Ok((body.head(&bytes_read)?, body, total)));
        let (mut head, body, bytes_total) = opened.map_err(|source| unreadable(&name, "open").with_source(source))?;
        if head.bytes.is_empty()
            && let Some(source) = head.error.take()
        {
            return Err(unreadable(&name, "read").with_source(source));
        }
        if head.is_binary(format) {
            return Err(unreadable(&name, "read a log from").with_source("it is a binary file"));
        }
        Ok(Self { name, body, head, bytes_read, bytes_total })
    }

    /// What the log is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The first line, or all there is.
    pub(super) fn first_line(&self) -> &[u8] {
        self.head.first_line()
    }

    /// Whether there is nothing to read.
    pub(super) fn is_empty(&self) -> bool {
        self.head.bytes.is_empty()
    }

    /// Bytes that were read of the file, compressed as it is; and how many there are, if that is known.
    pub(super) fn progress(&self) -> (Arc<AtomicU64>, Option<u64>) {
        (Arc::clone(&self.bytes_read), self.bytes_total)
    }

    /// Finds out where to go on, and goes there.
    pub(super) fn resume(self, candidates: &Candidates) -> Result<(Stream, Resumption), ImportError> {
        let Self { name, body, head, bytes_read, .. } = self;
        let resumed = match body {
            Body::Plain(file) => resume_file(file, candidates, bytes_read),
            Body::Packed(path) => resume_packed(&path, candidates, &bytes_read),
            Body::Pipe(stream) => resume_pipe(head.before(stream), candidates),
        };
        resumed.map_err(|source| ImportError::new(ImportErrorKind::Read, format!("read {name}")).with_source(source))
    }
}

fn unreadable(name: &str, what: &str) -> ImportError {
    ImportError::new(ImportErrorKind::Input, format!("{what} {name}"))
}

fn open_file(path: &Path, patience: Duration, read: &Arc<AtomicU64>) -> io::Result<(Body, Option<u64>)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Ok((open_pipe(file, patience, read)?, None));
    }
    let body =
        if is_packed(&read_patiently(&mut file, 2)?) { Body::Packed(path.to_owned()) } else { Body::Plain(file) };
    Ok((body, Some(metadata.len())))
}

fn open_pipe(input: impl Read + Send + 'static, patience: Duration, read: &Arc<AtomicU64>) -> io::Result<Body> {
    let mut pipe = Counted(Pipe::new(input, patience), Arc::clone(read));
    let magic = read_patiently(&mut pipe, 2)?;
    let stream = Cursor::new(magic.clone()).chain(pipe);
    Ok(Body::Pipe(if is_packed(&magic) { unpacked(stream) } else { Box::new(stream) }))
}

fn resume_file(mut file: File, candidates: &Candidates, read: Arc<AtomicU64>) -> io::Result<(Stream, Resumption)> {
    let resumption = candidates.match_file(&mut file)?;
    let target = resumption.position.offset();
    file.seek(SeekFrom::Start(target))?;
    read.store(target, Ordering::Relaxed);
    Ok((Box::new(Counted(file, read)), resumption))
}

fn resume_packed(path: &Path, candidates: &Candidates, read: &Arc<AtomicU64>) -> io::Result<(Stream, Resumption)> {
    let mut stream = open_packed(path, read)?;
    let mut walk = Walk::new(&mut stream, None);
    let resumption = candidates.match_stream(&mut walk)?;
    let target = resumption.position.offset();
    if walk.offset() == target {
        let error = walk.into_error();
        return Ok((failing_with(error, stream), resumption));
    }
    stream = open_packed(path, read)?;
    Walk::new(&mut stream, None).go_to(target)?;
    Ok((stream, resumption))
}

/// A pipe cannot be read twice: what is read to find out which stream it is goes through a temporary file.
fn resume_pipe(mut stream: Stream, candidates: &Candidates) -> io::Result<(Stream, Resumption)> {
    let mut copy = if candidates.is_empty() { None } else { Some(tempfile::tempfile()?) };
    let mut walk = Walk::new(&mut stream, copy.as_mut());
    let resumption = candidates.match_stream(&mut walk)?;
    let target = resumption.position.offset();
    let is_there = walk.offset() == target;
    let error = walk.into_error();
    let rest = failing_with(error, stream);
    match copy {
        Some(mut copy) if !is_there => {
            copy.seek(SeekFrom::Start(target))?;
            Ok((Box::new(copy.chain(rest)), resumption))
        }
        _ => Ok((rest, resumption)),
    }
}

/// A stream that could not be read on is not read again: it might look as if it ended.
fn failing_with(error: Option<io::Error>, stream: Stream) -> Stream {
    error.map_or(stream, |error| Box::new(Failing(Some(error))))
}

fn open_packed(path: &Path, read: &Arc<AtomicU64>) -> io::Result<Stream> {
    read.store(0, Ordering::Relaxed);
    Ok(unpacked(Counted(File::open(path)?, Arc::clone(read))))
}

fn unpacked(packed: impl Read + Send + 'static) -> Stream {
    Box::new(MultiGzDecoder::new(BufReader::with_capacity(PACKED_BUFFER_BYTES, packed)))
}

pub(super) fn is_packed(start: &[u8]) -> bool {
    start.starts_with(&GZIP_MAGIC)
}

/// Reads so many bytes, or to the end.
fn read_patiently(input: &mut impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = Head::default();
    head.read(input, bytes, |_| false);
    head.error.map_or(Ok(head.bytes), Err)
}

impl Body {
    fn head(&mut self, read: &Arc<AtomicU64>) -> io::Result<Head> {
        match self {
            Self::Plain(file) => {
                file.seek(SeekFrom::Start(0))?;
                Ok(Head::of(file))
            }
            Self::Packed(path) => Ok(Head::of(&mut open_packed(path, read)?)),
            Self::Pipe(stream) => Ok(Head::of(stream)),
        }
    }
}

// === impl Head ===

impl Head {
    /// Reads a stream's first line; of a longer one, 64 KiB.
    pub(super) fn of(input: &mut impl Read) -> Self {
        let mut head = Self::default();
        head.read(input, HEAD_BYTES, |bytes| memchr(b'\n', bytes).is_some());
        head
    }

    /// The first line, or all there is.
    pub(super) fn first_line(&self) -> &[u8] {
        memchr(b'\n', &self.bytes).map_or(&self.bytes, |end| &self.bytes[..end])
    }

    /// Whether the first line is there to its end, or too long to be one.
    pub(super) fn has_whole_line(&self) -> bool {
        self.bytes.len() == HEAD_BYTES || memchr(b'\n', &self.bytes).is_some()
    }

    /// Why reading stopped, if not at the end.
    pub(super) fn into_error(self) -> Option<io::Error> {
        self.error
    }

    fn read(&mut self, input: &mut impl Read, limit: usize, is_enough: impl Fn(&[u8]) -> bool) {
        self.bytes.resize(limit, 0);
        let mut filled = 0;
        while filled < limit && !is_enough(&self.bytes[..filled]) {
            match input.read(&mut self.bytes[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
        }
        self.bytes.truncate(filled);
    }

    /// The whole stream again.
    fn before(self, rest: Stream) -> Stream {
        Box::new(Cursor::new(self.bytes).chain(failing_with(self.error, rest)))
    }

    /// Whether there is a NUL in it, and no line that can be read.
    fn is_binary(&self, format: &LineFormat) -> bool {
        let start = &self.bytes[..self.bytes.len().min(BINARY_CHECK_BYTES)];
        let mut parser = LineParser::new(format.clone());
        memchr(0, start).is_some() && !start.split(|byte| *byte == b'\n').any(|line| parser.read(line).is_ok())
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
