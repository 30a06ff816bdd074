//! A service that counts itself and shows the dashboard under a path of its own.
//!
//! Run it with `cargo run --example embed_the_dashboard`, and open the address that it prints.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use endpoint_stats_core::store::MemoryStore;
use endpoint_stats_core::store::live::LiveFeed;
use endpoint_stats_core::{EndpointStats, ServiceName};
use endpoint_stats_server::Dashboard;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let live = LiveFeed::of_this_process();
    let store = Arc::new(live.listening_to(MemoryStore::default()));
    let stats = EndpointStats::builder(ServiceName::new("shop")?).with_shared_store(store.clone()).start();

    // Whoever reaches the dashboard may read everything: put your own authentication around it.
    let dashboard = Dashboard::new(store).with_live(live).with_books(stats.books_view().clone());
    let app = Router::new()
        .route("/users/{id}", get(async || "Ada"))
        .layer(stats.layer())
        .nest("/admin/stats", dashboard.into_router());

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/admin/stats", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    stats.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
