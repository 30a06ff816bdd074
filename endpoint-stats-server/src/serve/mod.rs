//! The server: routes, connections, and an orderly end.
//!
//! | route | what |
//! |---|---|
//! | `GET /` | the overview for browsers; for others `{"message": …, "access_count": n}` |
//! | `GET /stats` | `{"stats": {route: hits}, "access_count": n}` over every endpoint of every service |
//! | `GET /live` | hits of the last ten seconds, of all servers or of this one, and which; a page for browsers |
//! | `GET /endpoint`, `/unused`, `/books` | the other [pages](crate::pages) |
//! | `GET /v1/…` | the [query API](crate::api) |
//! | `POST /v1/…`, `GET /v1/writers` | what others [send](crate::ingest) |
//! | `GET /openapi.json`, `/docs` | the routes under `/v1` described, for programs and for people |
//! | `GET /health` | `{"status": "ok"}`: the process is alive, whatever the store does |
//! | `GET /ready` | 200, or 503 with the reason |
//! | `GET /metrics` | Prometheus text |
//!
//! `/health` and `/ready` are open, and `/metrics` on a listener of its own; the others are for those whom
//! [`access`](crate::access) lets read.
//!
//! `/` and `/stats` count themselves; the number in a response includes the request it answers, whatever others are
//! under way. They answer from memory, where hits of other processes arrive within a second.
//!
//! A client meets, from the outside in: an accept loop that makes room for whoever comes by ending who does nothing
//! (`room`); clocks for its handshake, heads, idling and reading (`pulse`); a name for its request, one shape of errors,
//! and a catch for panics (`hardened`); the layer that counts; a turn, a size and a time (`shelter`), which probes do not
//! need. Who is slow takes a connection and nothing else. The [`Limits`] are settings.

mod app;
mod connection;
mod connections;
mod draining;
mod explained;
mod file_descriptors;
mod hardened;
mod interrupt;
mod limits;
mod live;
mod pulse;
mod readiness;
mod request_id;
mod room;
mod shelter;
mod timed_body;
mod tls;
mod turn;
mod watched_stream;

use std::time::Duration;

use endpoint_stats_core::EndpointStats;
use endpoint_stats_core::flush::Books;
use endpoint_stats_core::store::live::LiveFeed;
use tokio::net::TcpListener;

pub use self::app::{UNCOUNTED, main as routes};
pub use self::connections::Connections;
pub use self::draining::Draining;
pub use self::file_descriptors::raise_for as raise_file_descriptors_for;
use self::hardened::hardened;
pub use self::interrupt::interrupted;
pub use self::limits::{ConnectionLimits, Limits, RequestLimits};
use self::readiness::Readiness;
pub use self::request_id::RequestId;
pub use self::timed_body::BodyTooSlow;
pub use self::tls::Tls;
use crate::access::Access;
use crate::exposition::Exposition;
use crate::ingest::Ingest;

/// Where to listen.
#[derive(Debug)]
pub struct Listeners {
    /// For everything, or for all but what `admin` serves.
    pub main: TcpListener,
    /// For `/health`, `/ready` and `/metrics`.
    pub admin: Option<TcpListener>,
    /// What `main` is encrypted with.
    pub tls: Option<Tls>,
    /// What `admin` is encrypted with.
    pub admin_tls: Option<Tls>,
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who is let in.
    pub access: Access,
    /// What clients can take.
    pub limits: Limits,
    /// How long a shutdown may take, requests under way and the last flush together.
    pub drain: Duration,
}

/// Serves until `shutdown` is there, then lets requests under way end and writes what was counted; what the store does not take stays in the
/// spool, if there is one.
///
/// # Errors
///
/// When not everything could be written before the deadline, to the store or to the spool.
pub async fn serve(
    listeners: Listeners,
    stats: EndpointStats,
    live: LiveFeed,
    ingest: Ingest,
    exposition: Exposition,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let readiness = Readiness::new(stats.store().clone());
    let mut connections = Connections::with_limits(options.limits.connections);
    announce(&listeners)?;
    let exposition = exposition.with_totals(stats.totals().clone());
    let ingest = ingest.counted_in(stats.totals());
    let app = app::main(&stats, live, ingest, options.access.clone(), options.limits.requests);
    let health = app::health(readiness.clone());
    let draining = connections.draining();
    if let Some(listener) = listeners.admin {
        let admin = health.merge(app::metrics(exposition));
        connections.serve_with("main", listeners.main, hardened(app, draining.clone()), listeners.tls);
        connections.serve_with("admin", listener, hardened(admin, draining), listeners.admin_tls);
    } else {
        let all = app.merge(health).merge(app::guarded_metrics(exposition, options.access));
        connections.serve_with("main", listeners.main, hardened(all, draining), listeners.tls);
    }

    shutdown.await;
    tracing::info!("shutting down");
    readiness.drain();
    let started = tokio::time::Instant::now();
    connections.finish(options.drain / 2).await;
    let left = options.drain.saturating_sub(started.elapsed());
    account_for(stats.shutdown(left).await.books)
}

/// Says where every hit is in the end.
fn account_for(books: Books) -> anyhow::Result<()> {
    let Books { stored, pending, spooled, dropped, .. } = books;
    if spooled > 0 {
        tracing::warn!(spooled, "the store does not have all hits; those in the spool are sent at the next start");
    }
    if pending > 0 {
        anyhow::bail!("{pending} hits could not be written before the deadline");
    }
    tracing::info!(stored, spooled, dropped, "every hit is accounted for");
    Ok(())
}

fn announce(listeners: &Listeners) -> anyhow::Result<()> {
    let scheme = |tls: &Option<Tls>| if tls.is_some() { "https" } else { "http" };
    tracing::info!("listening on {}://{}", scheme(&listeners.tls), listeners.main.local_addr()?);
    if let Some(admin) = &listeners.admin {
        tracing::info!("health and metrics on {}://{}", scheme(&listeners.admin_tls), admin.local_addr()?);
    }
    Ok(())
}
