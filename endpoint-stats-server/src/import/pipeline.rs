//! [`Pipeline`]: one stream, from its bytes to the store.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use endpoint_stats_core::store::StatsStore;
use tokio::time::{MissedTickBehavior, interval};

use super::chunk_reader::{ChunkReader, LastLine};
use super::committer::Committer;
use super::dispatcher::Dispatcher;
use super::endpoints::Endpoints;
use super::input::Stream;
use super::recognition::Resumption;
use super::worker::{Gauges, Job, Part, Worker};
use super::{ImportError, ImportErrorKind, ImportOptions, ImportSummary, Progress};
use crate::retry::Retry;

const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What is told of the progress of an import.
pub(super) type OnProgress<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// One stream, from its bytes to the store: a thread reads, others count, this task commits.
pub(super) struct Pipeline<'a> {
    pub(super) options: &'a ImportOptions,
    pub(super) store: Arc<dyn StatsStore>,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) last_line: LastLine,
    pub(super) retry: Retry,
    pub(super) bytes_read: Arc<AtomicU64>,
    pub(super) bytes_total: Option<u64>,
}

impl Pipeline<'_> {
    /// Counts a stream from where an earlier import ended, to its end.
    pub(super) async fn run(
        &self,
        name: &str,
        stream: Stream,
        resumption: &Resumption,
        on_progress: OnProgress<'_>,
    ) -> Result<ImportSummary, ImportError> {
        let gauges = Arc::new(Gauges::default());
        let chunks = ChunkReader::new(stream, &resumption.position, self.last_line);
        let (reader, counted) = self.start(chunks, &gauges);
        let mut committer = self.committer(resumption);
        let outcome = self.commit(&mut committer, counted, &gauges, on_progress).await;
        if let Err(error) = outcome {
            return Err(error.with_summary(committer.into_summary()));
        }
        assert!(committer.has_ended(), "a counting thread panicked");
        on_progress(self.progress(&gauges));
        let summary = committer.into_summary();
        match reader.join().expect("the reading thread does not panic") {
            Ok(()) => Ok(summary),
            Err(source) => {
                let offset = resumption.position.offset() + summary.bytes;
                Err(damaged(name, offset, source).with_summary(summary))
            }
        }
    }

    fn start(
        &self,
        chunks: ChunkReader<Stream>,
        gauges: &Arc<Gauges>,
    ) -> (JoinHandle<io::Result<()>>, tokio::sync::mpsc::Receiver<Part>) {
        let threads = self.options.threads;
        let (used, buffers) = mpsc::channel();
        let (sender, parts) = tokio::sync::mpsc::channel(threads);
        for _ in 0..=2 * threads {
            let _ = used.send(vec![0; self.options.chunk_bytes]);
        }
        let workers = (0..threads).map(|_| self.start_worker(gauges, sender.clone(), used.clone())).collect();
        let dispatcher = Dispatcher::new(chunks, workers, buffers, Arc::clone(gauges), self.options.commit_every);
        (thread::spawn(move || dispatcher.run()), parts)
    }

    fn start_worker(
        &self,
        gauges: &Arc<Gauges>,
        parts: tokio::sync::mpsc::Sender<Part>,
        used: mpsc::Sender<Vec<u8>>,
    ) -> mpsc::Sender<Job> {
        let (jobs, received) = mpsc::channel();
        let worker = Worker::new(self.options, Arc::clone(&self.endpoints), Arc::clone(gauges));
        thread::spawn(move || worker.run(&received, &parts, &used));
        jobs
    }

    fn committer(&self, resumption: &Resumption) -> Committer {
        let store = Arc::clone(&self.store);
        let endpoints = Arc::clone(&self.endpoints);
        Committer::new(store, endpoints, self.options.width, self.retry.clone(), resumption, self.options.threads)
    }

    async fn commit(
        &self,
        committer: &mut Committer,
        mut parts: tokio::sync::mpsc::Receiver<Part>,
        gauges: &Gauges,
        on_progress: OnProgress<'_>,
    ) -> Result<(), ImportError> {
        let mut ticks = interval(PROGRESS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                part = parts.recv() => match part {
                    Some(part) => committer.take(part).await?,
                    None => return Ok(()),
                },
                _ = ticks.tick() => on_progress(self.progress(gauges)),
            }
        }
    }

    fn progress(&self, gauges: &Gauges) -> Progress {
        Progress {
            bytes: self.bytes_read.load(Ordering::Relaxed),
            bytes_total: self.bytes_total,
            lines: gauges.lines.load(Ordering::Relaxed),
        }
    }
}

fn damaged(name: &str, offset: u64, source: io::Error) -> ImportError {
    let what = format!("read {name} behind byte {offset} of the log, up to which it is counted");
    ImportError::new(ImportErrorKind::Read, what).with_source(source)
}
