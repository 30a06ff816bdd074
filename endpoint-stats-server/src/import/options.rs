//! [`ImportOptions`]: how a log is counted.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::window::Width;

use super::{AddressHasher, LineFormat, RouteTemplates};

/// The longest line that is read, and how much is read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// How a log is counted.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    pub(super) service: ServiceName,
    pub(super) format: LineFormat,
    pub(super) routes: RouteTemplates,
    pub(super) width: Width,
    pub(super) callers: AddressHasher,
    pub(super) threads: usize,
    pub(super) max_endpoints: usize,
    pub(super) commit_every: Duration,
    pub(super) poll_every: Duration,
    pub(super) chunk_bytes: usize,
}

impl ImportOptions {
    /// Counts for a service: combined format, inferred routes, windows of an hour, a thread for each processor, at
    /// most 10,000 endpoints, a commit each second.
    pub fn new(service: ServiceName) -> Self {
        Self {
            callers: AddressHasher::for_service(&service),
            service,
            format: LineFormat::combined(),
            routes: RouteTemplates::inferred(),
            width: Width::Hour,
            threads: available_parallelism().map_or(1, NonZeroUsize::get),
            max_endpoints: 10_000,
            commit_every: Duration::from_secs(1),
            poll_every: Duration::from_millis(250),
            chunk_bytes: CHUNK_BYTES,
        }
    }

    /// Sets how lines are written.
    #[must_use]
    pub fn with_format(mut self, format: LineFormat) -> Self {
        self.format = format;
        self
    }

    /// Sets how route templates are found.
    #[must_use]
    pub fn with_routes(mut self, routes: RouteTemplates) -> Self {
        self.routes = routes;
        self
    }

    /// Sets the width of the windows that hits are counted in.
    #[must_use]
    pub fn with_width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// Sets how callers are hashed.
    #[must_use]
    pub fn with_callers(mut self, callers: AddressHasher) -> Self {
        self.callers = callers;
        self
    }

    /// Sets how many threads read lines, at least one.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sets how many endpoints are told apart; the others are counted under [`Route::overflow`].
    ///
    /// [`Route::overflow`]: endpoint_stats_core::Route::overflow
    #[must_use]
    pub fn with_max_endpoints(mut self, max: usize) -> Self {
        self.max_endpoints = max;
        self
    }

    /// Sets after how long what was read is committed, at the latest.
    #[must_use]
    pub fn with_commit_every(mut self, every: Duration) -> Self {
        self.commit_every = every;
        self
    }

    /// Sets how often a followed file is looked at for more.
    #[must_use]
    pub fn with_poll_every(mut self, every: Duration) -> Self {
        self.poll_every = every.max(Duration::from_millis(1));
        self
    }

    #[cfg(test)]
    pub(super) fn with_chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = bytes;
        self
    }
}
