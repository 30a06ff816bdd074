//! [`Dispatcher`]: the thread that reads the stream and hands it to the workers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use endpoint_stats_core::clock::Moment;

use super::chunk_reader::{ChunkReader, Next};
use super::input::Stream;
use super::worker::{Chunk, Content, Gauges, Job, Seal};

/// A batch is sealed when its threads hold this many pairs of endpoint and window.
const MAX_CELLS: usize = 32_000;

/// A batch is sealed when it covers this many bytes.
const MAX_BATCH_BYTES: u64 = 1 << 30;

/// Reads the stream, deals chunks to the workers in turn, and says where a batch ends.
///
/// Every worker gets every seal, and each chunk before or after it, so a batch covers exactly the bytes between two
/// places of the stream.
pub(super) struct Dispatcher {
    chunks: ChunkReader<Stream>,
    workers: Vec<Sender<Job>>,
    buffers: Receiver<Vec<u8>>,
    gauges: Arc<Gauges>,
    commit_every: Duration,
    chunks_dealt: u64,
    seals: u64,
    sealed_at: Moment,
    sealed_offset: u64,
}

// === impl Dispatcher ===

impl Dispatcher {
    /// Deals the chunks of a stream, read into the buffers that come back from the workers.
    pub(super) fn new(
        chunks: ChunkReader<Stream>,
        workers: Vec<Sender<Job>>,
        buffers: Receiver<Vec<u8>>,
        gauges: Arc<Gauges>,
        commit_every: Duration,
    ) -> Self {
        Self {
            sealed_at: Moment::now(),
            sealed_offset: chunks.offset(),
            chunks,
            workers,
            buffers,
            gauges,
            commit_every,
            chunks_dealt: 0,
            seals: 0,
        }
    }

    /// Reads to the end, or to an error; what was read until then is dealt and sealed.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut free = None;
        let read = loop {
            // Nobody gives buffers back when the import was dropped.
            let Some(mut buffer) = free.take().or_else(|| self.buffers.recv().ok()) else {
                return Ok(());
            };
            match self.chunks.next(&mut buffer) {
                Ok(Next::Lines(len)) => self.deal(buffer, Content::Lines(len)),
                Ok(Next::Overlong) => self.deal(buffer, Content::Overlong),
                Ok(Next::Idle) => free = Some(buffer),
                Ok(Next::End) => break Ok(()),
                Err(error) => break Err(error),
            }
            if self.is_due() {
                self.seal(false);
            }
        };
        self.seal(true);
        read
    }

    fn deal(&mut self, buffer: Vec<u8>, content: Content) {
        let worker = usize::try_from(self.chunks_dealt % self.workers.len() as u64).unwrap_or(0);
        self.send(worker, Job::Count(Chunk { index: self.chunks_dealt, buffer, content }));
        self.chunks_dealt += 1;
    }

    fn is_due(&self) -> bool {
        let bytes = self.chunks.offset() - self.sealed_offset;
        let waits = || Moment::now().since(self.sealed_at);
        bytes > 0
            && (bytes >= MAX_BATCH_BYTES
                || self.gauges.cells.load(Ordering::Relaxed) >= MAX_CELLS
                || waits() >= self.commit_every)
    }

    fn seal(&mut self, is_last: bool) {
        self.seals += 1;
        self.sealed_at = Moment::now();
        self.sealed_offset = self.chunks.offset();
        let seal = Seal { number: self.seals, trail: Arc::new(self.chunks.trail().clone()), is_last };
        for worker in 0..self.workers.len() {
            self.send(worker, Job::Seal(seal.clone()));
        }
    }

    /// A worker that is gone needs no job: the import was dropped.
    fn send(&self, worker: usize, job: Job) {
        let _ = self.workers[worker].send(job);
    }
}
