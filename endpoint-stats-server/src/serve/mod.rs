//! The server: routes, connections, and an orderly end.
//!
//! | route | what |
//! |---|---|
//! | `GET /` | a page for browsers; for others `{"message": …, "access_count": n}` |
//! | `GET /stats` | `{"stats": {route: hits}, "access_count": n}` over every endpoint of every service |
//! | `GET /live` | hits of the last ten seconds, of all servers or of this one, and which |
//! | `GET /health` | `{"status": "ok"}`: the process is alive, whatever the store does |
//! | `GET /ready` | 200, or 503 with the reason |
//! | `GET /metrics` | Prometheus text |
//!
//! `/health` and `/ready` are open, and `/metrics` on a listener of its own; the others are for those whom
//! [`access`](crate::access) lets read.
//!
//! `/` and `/stats` count themselves; the number in a response includes the request it answers, whatever others are
//! under way. They answer from memory, where hits of other processes arrive within a second.

mod app;
mod connections;
mod interrupt;
mod live;
mod metrics;
mod page;
mod readiness;

use std::time::Duration;

use endpoint_stats_core::EndpointStats;
use endpoint_stats_core::store::live::LiveFeed;
use tokio::net::TcpListener;

pub use self::app::{UNCOUNTED, main as routes};
pub use self::connections::Connections;
pub use self::interrupt::interrupted;
pub use self::metrics::{Metrics, install as install_metrics};
use self::readiness::Readiness;
use crate::access::Access;
use crate::ingest::Ingest;

/// Where to listen.
#[derive(Debug)]
pub struct Listeners {
    /// For everything, or for all but what `admin` serves.
    pub main: TcpListener,
    /// For `/health`, `/ready` and `/metrics`.
    pub admin: Option<TcpListener>,
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who is let in.
    pub access: Access,
    /// Connections served at once, on each listener.
    pub max_connections: usize,
    /// How long a shutdown may take, requests under way and the last flush together.
    pub drain: Duration,
}

/// Serves until `shutdown` is there, then lets requests under way end and writes what was counted.
///
/// # Errors
///
/// When not everything could be written before the deadline.
pub async fn serve(
    listeners: Listeners,
    stats: EndpointStats,
    live: LiveFeed,
    ingest: Ingest,
    metrics: Metrics,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let readiness = Readiness::new(stats.store().clone());
    let mut connections = Connections::new(options.max_connections);
    announce(&listeners)?;
    let app = app::main(&stats, live, ingest, options.access.clone());
    let health = app::health(readiness.clone());
    match listeners.admin {
        Some(listener) => {
            connections.serve(listeners.main, app);
            connections.serve(listener, health.merge(app::metrics(metrics)));
        }
        None => {
            connections.serve(listeners.main, app.merge(health).merge(app::guarded_metrics(metrics, options.access)));
        }
    }

    shutdown.await;
    tracing::info!("shutting down");
    readiness.drain();
    let started = tokio::time::Instant::now();
    connections.finish(options.drain / 2).await;
    let left = options.drain.saturating_sub(started.elapsed());
    let books = stats.shutdown(left).await.books;
    if books.pending > 0 {
        anyhow::bail!("{} hits could not be written before the deadline", books.pending);
    }
    tracing::info!(stored = books.stored, dropped = books.dropped, "every hit is accounted for");
    Ok(())
}

fn announce(listeners: &Listeners) -> anyhow::Result<()> {
    tracing::info!("listening on http://{}", listeners.main.local_addr()?);
    if let Some(admin) = &listeners.admin {
        tracing::info!("health and metrics on http://{}", admin.local_addr()?);
    }
    Ok(())
}
