//! Counts the routes of an axum service, and prints what it counted.
//!
//! Run it with `cargo run --example count_axum_routes`.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use endpoint_stats_core::store::{SqliteStore, StatsQuery};
use endpoint_stats_core::window::TimeRange;
use endpoint_stats_core::{EndpointStats, Method, ServiceName};
use tower::ServiceExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("stats.db");

    // The two lines that a service adds: where the numbers live, and the layer.
    let stats = EndpointStats::builder(ServiceName::new("shop")?).with_store(SqliteStore::open(&file).await?).start();
    let app = Router::new()
        .route("/users/{id}", get(async || "Ada"))
        .route("/orders", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .layer(stats.layer());
    stats.register(&[(Method::Get, "/users/{id}"), (Method::Get, "/orders"), (Method::Get, "/old-report")]).await?;

    for path in ["/users/1", "/users/2", "/users/3", "/orders", "/wp-admin.php"] {
        let response = app.clone().oneshot(Request::get(path).body(Body::empty())?).await?;
        axum::body::to_bytes(response.into_body(), 1_024).await?;
    }

    // A server calls this when it has stopped; what was counted is then on disk.
    let store = stats.store().clone();
    let written = stats.shutdown(Duration::from_secs(5)).await;
    println!("{} hits written to {}", written.books.stored, file.display());

    for found in store.query(&StatsQuery::over(TimeRange::ALL)).await?.endpoints {
        let counts = &found.summary.counts;
        let p99 = counts.latency.quantile(0.99).unwrap_or_default();
        println!(
            "{:32} hits {}  errors {}  p99 {p99:?}",
            found.endpoint.to_string(),
            counts.hits(),
            counts.outcomes.errors()
        );
    }
    for known in store.endpoints().await?.iter().filter(|known| known.last_called.is_none()) {
        println!("{:32} never called", known.endpoint.to_string());
    }
    Ok(())
}
