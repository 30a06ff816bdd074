//! [`Worker`]: a thread that reads the lines of its chunks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;

use endpoint_stats_core::window::{Timestamp, Width};
use memchr::memchr_iter;

use super::endpoints::{EndpointCache, Endpoints};
use super::tally::Tally;
use super::trail::Trail;
use super::{AddressHasher, ImportOptions, LineParser, RejectReason};

/// What a worker is to do.
pub(super) enum Job {
    Count(Chunk),
    /// Hand over what was counted.
    Seal(Seal),
}

/// A piece of the stream.
pub(super) struct Chunk {
    pub(super) index: u64,
    pub(super) buffer: Vec<u8>,
    pub(super) content: Content,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// So many bytes of whole lines; the last one may lack its line feed.
    Lines(usize),
    /// The start of one line that is too long.
    Overlong,
}

/// The end of what a batch covers.
#[derive(Clone, Debug)]
pub(super) struct Seal {
    pub(super) number: u64,
    pub(super) trail: Arc<Trail>,
    pub(super) is_last: bool,
}

/// What one worker counted of what a batch covers.
pub(super) struct Part {
    pub(super) seal: Seal,
    pub(super) tally: Tally,
}

/// What the threads tell each other while they work.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    /// Lines that were read.
    pub(super) lines: AtomicU64,
    /// Pairs of endpoint and window that wait for a batch, of all workers.
    pub(super) cells: AtomicUsize,
}

/// Reads the lines of its chunks, and counts them.
pub(super) struct Worker {
    parser: LineParser,
    endpoints: EndpointCache,
    callers: AddressHasher,
    window: CurrentWindow,
    tally: Tally,
    gauges: Arc<Gauges>,
}

/// The window of the last line, which is mostly that of the next one.
struct CurrentWindow {
    width_secs: i64,
    start: i64,
}

// === impl Worker ===

impl Worker {
    pub(super) fn new(options: &ImportOptions, endpoints: Arc<Endpoints>, gauges: Arc<Gauges>) -> Self {
        Self {
            parser: LineParser::new(options.format.clone()),
            endpoints: EndpointCache::new(endpoints),
            callers: options.callers.clone(),
            window: CurrentWindow::new(options.width),
            tally: Tally::default(),
            gauges,
        }
    }

    /// Works until there are no more jobs, or nobody wants their results.
    pub(super) fn run(
        mut self,
        jobs: &mpsc::Receiver<Job>,
        parts: &tokio::sync::mpsc::Sender<Part>,
        used: &mpsc::Sender<Vec<u8>>,
    ) {
        for job in jobs {
            let is_wanted = match job {
                Job::Count(chunk) => {
                    self.count(&chunk);
                    // Nobody takes the buffer back when the reader has ended.
                    let _ = used.send(chunk.buffer);
                    !parts.is_closed()
                }
                Job::Seal(seal) => parts.blocking_send(Part { seal, tally: self.seal() }).is_ok(),
            };
            if !is_wanted {
                return;
            }
        }
    }

    fn count(&mut self, chunk: &Chunk) {
        let before = self.tally.cells();
        let lines = match chunk.content {
            Content::Lines(len) => self.count_lines(chunk.index, &chunk.buffer[..len]),
            Content::Overlong => {
                self.tally.reject(chunk.index, 1, RejectReason::TooLong, &chunk.buffer);
                1
            }
        };
        self.tally.end_chunk(chunk.index, lines);
        self.gauges.lines.fetch_add(lines, Ordering::Relaxed);
        self.gauges.cells.fetch_add(self.tally.cells() - before, Ordering::Relaxed);
    }

    fn count_lines(&mut self, chunk: u64, bytes: &[u8]) -> u64 {
        let mut lines = 0;
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            lines += 1;
            self.count_line(chunk, lines, &bytes[start..end]);
            start = end + 1;
        }
        if start < bytes.len() {
            lines += 1;
            self.count_line(chunk, lines, &bytes[start..]);
        }
        lines
    }

    #[inline]
    fn count_line(&mut self, chunk: u64, number: u64, text: &[u8]) {
        match self.parser.read(text) {
            Ok(line) => {
                let endpoint = self.endpoints.id_of(line.request);
                let window = self.window.start_of(line.at);
                self.tally.count(endpoint, window, &line, self.callers.hash(line.caller));
            }
            Err(reason) => self.tally.reject(chunk, number, reason, text),
        }
    }

    fn seal(&mut self) -> Tally {
        self.gauges.cells.fetch_sub(self.tally.cells(), Ordering::Relaxed);
        std::mem::take(&mut self.tally)
    }
}

// === impl CurrentWindow ===

impl CurrentWindow {
    fn new(width: Width) -> Self {
        Self { width_secs: width.secs(), start: 0 }
    }

    #[inline]
    fn start_of(&mut self, at: Timestamp) -> i64 {
        let at = at.as_unix();
        if at < self.start || at - self.start >= self.width_secs {
            self.start = at - at.rem_euclid(self.width_secs);
        }
        self.start
    }
}
