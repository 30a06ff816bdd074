//! [`StoreError`]: one opaque error for every store.

use std::error::Error;
use std::fmt;
#[cfg(feature = "redis")]
use std::sync::Arc;

/// Says that a store failed, of what kind the failure is, and what caused it.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What a caller can do about a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached, is locked, full or read-only: try the same call again later.
    Unavailable,
    /// The store will never accept this call: do not repeat it.
    Rejected,
    /// The batch number is taken by a batch with other content: go on as a new writer.
    Conflict,
    /// What the store holds cannot be read: a damaged file, a foreign file, a newer schema.
    Corrupt,
}

/// The cause of an error that many have.
#[cfg(feature = "redis")]
#[derive(Debug)]
struct SharedSource(Arc<StoreError>);

// === impl StoreError ===

impl StoreError {
    /// Creates an error from what was tried, as text that fits after "failed to …".
    pub fn new(kind: StoreErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error, for one more of those who waited for the same answer.
    #[cfg(feature = "redis")]
    pub(crate) fn share(self: &Arc<Self>) -> Self {
        let error = Self::new(self.kind, self.what.clone());
        if self.source.is_some() { error.with_source(SharedSource(Arc::clone(self))) } else { error }
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}", self.what)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

// === impl SharedSource ===

#[cfg(feature = "redis")]
impl fmt::Display for SharedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source.as_ref().map_or(Ok(()), |source| source.fmt(f))
    }
}

#[cfg(feature = "redis")]
impl Error for SharedSource {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().and_then(|source| source.source())
    }
}
