//! What others counted: batches, hits and OTLP metrics, over HTTP into the store.
//!
//! | route | what |
//! |---|---|
//! | `POST /v1/hits` | hits of services in any language |
//! | `POST /v1/metrics` | OTLP metrics |
//! | `POST /v1/batches` | what the library counted |
//! | `POST /v1/endpoints` | which endpoints there are |
//! | `GET /v1/writers` | who sent batches lately |
//! | `/v1/remote/…` | what the library asks beside; not described in the `OpenAPI` document |

mod batches;
mod body;
mod caller_secret;
mod endpoints;
mod group_commit;
mod hits;
mod known;
mod ledger;
mod limits;
mod otlp;
mod reception;
mod refusals;
mod remote;
mod writers;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::middleware::CallerHasher;
use endpoint_stats_core::store::{ListeningStore, StatsStore};
use endpoint_stats_core::telemetry::EndpointTotals;
use tracing::Instrument;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use self::caller_secret::{CallerSecret, CallerSecretError};
use self::known::Known;
pub use self::ledger::{Ledger, MAX_WRITERS, WriterSummary};
pub use self::limits::Limits;
pub(crate) use self::otlp::ErrorForm;
use crate::api_error::ApiError;
use crate::exposition::Received;

/// A body of so many bytes is parsed in less than a millisecond.
const SMALL_BYTES: usize = 64 << 10;

/// Where what is sent goes.
#[derive(Clone, Debug)]
pub struct Ingest {
    /// The store, without a cache in front: what is taken here was not counted in this process.
    pub store: Arc<dyn StatsStore>,
    /// Stamps what comes without a time.
    pub clock: Arc<dyn Clock>,
    /// Who sent batches lately.
    pub ledger: Arc<Ledger>,
    /// Makes hashes of callers.
    pub callers: Arc<CallerHasher>,
    /// How much may come.
    pub limits: Limits,
}

impl Ingest {
    /// Sends what comes to a store, stamped by the clock of the machine; callers are hashed with a secret of its own.
    ///
    /// # Panics
    ///
    /// When the operating system has no random numbers.
    pub fn new(store: Arc<dyn StatsStore>) -> Self {
        let callers = CallerHasher::random(&SystemClock).expect("the operating system has random numbers");
        Self {
            store,
            clock: Arc::new(SystemClock),
            ledger: Arc::default(),
            callers: Arc::new(callers),
            limits: Limits::default(),
        }
    }

    /// Hashes callers with a secret that outlives this process, and that other servers know.
    #[must_use]
    pub fn with_caller_secret(mut self, secret: &CallerSecret) -> Self {
        self.callers = Arc::new(secret.hasher(&*self.clock));
        self
    }

    /// Counts the hits that come among those of this process, too.
    #[must_use]
    pub fn counted_in(mut self, totals: &EndpointTotals) -> Self {
        self.store = Arc::new(ListeningStore::new(self.store, Received::into(totals.clone())));
        self
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

/// The routes that take something; each handler asks for a principal with the scope `ingest`.
pub fn router(ingest: Ingest) -> Router {
    described(ingest).0
}

/// The same, and what an `OpenAPI` document says of them.
pub fn described(ingest: Ingest) -> (Router, utoipa::openapi::OpenApi) {
    let known = Arc::new(Known::new(ingest.limits));
    OpenApiRouter::with_openapi(Described::openapi())
        .merge(batches::routes())
        .merge(endpoints::routes())
        .merge(writers::routes())
        .merge(remote::routes().into())
        .with_state(ingest.clone())
        .merge(hits::router(ingest.clone(), Arc::clone(&known)))
        .merge(otlp::router(ingest, known))
        .split_for_parts()
}

/// The document without a route.
#[derive(OpenApi)]
#[openapi(tags((name = "ingest", description = "What services send.")))]
struct Described;

/// Does work in a task of its own, which a client that disconnects cannot cut.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(work.in_current_span()).await.map_err(|_| panicked())?
}

/// Parses a body; a large one beside the runtime's threads, which have other requests.
async fn parsed<B, T>(body: B, parse: impl FnOnce(&[u8]) -> T + Send + 'static) -> Result<T, ApiError>
where
    B: AsRef<[u8]> + Send + 'static,
    T: Send + 'static,
{
    if body.as_ref().len() <= SMALL_BYTES {
        return Ok(parse(body.as_ref()));
    }
    tokio::task::spawn_blocking(move || parse(body.as_ref())).await.map_err(|_| panicked())
}

/// The task panicked, as the log says.
fn panicked() -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "store_failed", "the server could not do this")
        .with_hint("the server's log says why, under this request id")
}
