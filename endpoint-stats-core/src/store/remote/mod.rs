//! [`RemoteStore`]: batches to a server of endpoint-stats over HTTP, which keeps them in its store.
//!
//! A service that uses it needs no database, only the server's address and a token with the scope `ingest`:
//!
//! ```
//! use endpoint_stats_core::store::remote::{RemoteOptions, RemoteStore};
//! use endpoint_stats_core::{EndpointStats, ServiceName};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # let _guard = runtime.enter();
//! let options = RemoteOptions::from_url("https://stats.example:9999")?.with_token("est_…");
//! let stats = EndpointStats::builder(ServiceName::new("shop")?)
//!     .with_store(RemoteStore::connect(options)?)
//!     .start();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is kept, and when hits are lost:
//!
//! - The server answers after its store has the batch. A batch without an answer is sent again under its number and
//!   counts once, whatever happened to the first answer.
//! - Whatever an operator can mend (no server, a wrong address, a wrong or missing token, a proxy that answers in its
//!   place) is an error of kind [`Unavailable`](super::StoreErrorKind::Unavailable): hits stay in memory and are sent
//!   when it is mended. They are lost when the process ends before.
//! - A server that asks for a pause (`Retry-After`) is not called before that has passed: calls fail at once meanwhile.
//! - A batch of more than [`MAX_BATCH_BYTES`], or that the server refuses for its content, is
//!   [`Rejected`](super::StoreErrorKind::Rejected); the flusher sends it in halves, and drops only what is refused alone.

mod answer;
mod client;
mod options;
mod protocol;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;

pub use self::options::RemoteOptions;
pub use self::protocol::{BATCH_TYPE, MAX_BATCH_BYTES, MAX_REGISTERED, MESSAGE_TYPE, paths};

use self::answer::{Answer, Refusal};
use self::client::{Client, Content};
use super::batch_message::MAX_DELTAS;
use super::{
    Applied, Batch, EndpointStatus, Message, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError,
    StoreErrorKind, WriterId, WriterState,
};
use crate::endpoint::Endpoint;
use crate::window::Timestamp;

/// Sends batches to a server of endpoint-stats, and asks it; clones share connections. See the [module](self).
#[derive(Clone)]
pub struct RemoteStore {
    client: Arc<Client>,
}

impl RemoteStore {
    /// Prepares to call a server, which need not be there yet: a service starts without it.
    ///
    /// # Errors
    ///
    /// `Rejected` when the root certificate cannot be read, or the token cannot stand in a header.
    pub fn connect(options: RemoteOptions) -> Result<Self, StoreError> {
        Ok(Self { client: Arc::new(Client::new(options)?) })
    }

    /// Prepares to call a server over connections that somebody else makes, those of a simulated network.
    #[cfg(feature = "test-util")]
    #[doc(hidden)]
    pub fn connect_over<C>(connector: C, options: RemoteOptions) -> Self
    where
        C: hyper_util::client::legacy::connect::Connect + Clone + Send + Sync + 'static,
    {
        Self { client: Arc::new(Client::over(connector, options)) }
    }

    /// Asks, and reads the answer.
    async fn ask<M: Message>(&self, what: &str, method: Method, path: &str, body: Content) -> Result<M, StoreError> {
        let answer = self.call(what, method, path, body).await?;
        answer.message().map_err(|refusal| self.failed(what, refusal))
    }

    async fn call(&self, what: &str, method: Method, path: &str, body: Content) -> Result<Answer, StoreError> {
        let sent = self.client.send(method, path, body).await;
        sent.map_err(|cause| self.failed(what, Refusal { kind: StoreErrorKind::Unavailable, cause }))
    }

    fn failed(&self, what: &str, refusal: Refusal) -> StoreError {
        StoreError::new(refusal.kind, format!("{what} ({})", self.client.place())).with_source(refusal.cause)
    }

    fn too_large(&self, what: &str, size: &str) -> StoreError {
        self.failed(what, Refusal { kind: StoreErrorKind::Rejected, cause: format!("it has more than {size}").into() })
    }
}

#[async_trait]
impl StatsStore for RemoteStore {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let what = format!("send batch {}", batch.seq);
        if batch.deltas.len() > MAX_DELTAS {
            return Err(self.too_large(&what, "20,000 deltas"));
        }
        let bytes = batch.encode();
        if bytes.len() > MAX_BATCH_BYTES {
            return Err(self.too_large(&what, "8 MiB"));
        }
        let content = Content { kind: BATCH_TYPE, bytes: bytes.into() };
        let answer = self.call(&what, Method::POST, paths::BATCHES, content).await?;
        answer.applied(batch.seq).map_err(|refusal| self.failed(&what, refusal))
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        let path = format!("{}/{writer}", paths::WRITERS);
        self.ask("read a writer's state", Method::GET, &path, Content::none()).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        self.ask("ask a question", Method::POST, paths::QUERY, Content::of(query)).await
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        let what = "register endpoints";
        for some in endpoints.chunks(MAX_REGISTERED) {
            let answer = self.call(what, Method::POST, paths::ENDPOINTS, Content::of(&(at, some.to_vec()))).await?;
            answer.accepted().map_err(|refusal| self.failed(what, refusal))?;
        }
        Ok(())
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        self.ask("list the endpoints", Method::GET, paths::ENDPOINTS, Content::none()).await
    }

    /// Does nothing: the server rolls up what it keeps.
    async fn roll_up(&self, _: Timestamp, _: &Retention) -> Result<RolledUp, StoreError> {
        Ok(RolledUp::default())
    }

    /// Finds out whether the server would take a batch: it is there, the token is good, and its store is well.
    async fn health(&self) -> Result<(), StoreError> {
        let what = "find the server ready";
        let answer = self.call(what, Method::GET, paths::READY, Content::none()).await?;
        answer.accepted().map_err(|refusal| self.failed(what, refusal))
    }
}

impl Content {
    fn none() -> Self {
        Self { kind: "", bytes: Bytes::new() }
    }

    fn of(message: &impl Message) -> Self {
        let mut bytes = Vec::new();
        message.encode(&mut bytes, usize::MAX).expect("there is no limit");
        Self { kind: MESSAGE_TYPE, bytes: bytes.into() }
    }
}

impl fmt::Debug for RemoteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteStore").field("place", &self.client.place()).finish_non_exhaustive()
    }
}
