//! The service that a writer is: requests are answered, and counted by its layer.

use std::net::SocketAddr;

use anyhow::Context;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use endpoint_stats_core::aggregate::Aggregator;
use endpoint_stats_core::middleware::{AxumRoutes, EndpointStatsLayer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::line::Line;
use crate::oracle::said::Said;

/// Answers requests until it is dropped.
#[derive(Debug)]
pub(super) struct Service(JoinHandle<()>);

impl Service {
    pub(super) async fn listen(address: SocketAddr, recorder: Aggregator, line: Line) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| format!("{address} is taken"))?;
        let router = Router::new()
            .route("/probed", get(async || Json(true)))
            .route_layer(EndpointStatsLayer::new(recorder, AxumRoutes))
            .route_layer(from_fn_with_state(line, say_first));
        Ok(Self(tokio::spawn(async {
            // It ends with this process.
            drop(axum::serve(listener, router).await);
        })))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn say_first(State(line): State<Line>, path: MatchedPath, request: Request, next: Next) -> Response {
    line.say(&Said::Counting(vec![(path.as_str().to_owned(), 1)]));
    next.run(request).await
}
