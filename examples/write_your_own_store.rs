//! A store of one's own: it keeps windows in memory and announces each batch that was added, once.
//!
//! Run it with `cargo run --example write_your_own_store`. The promises a store makes are those of
//! `endpoint_stats_core::store`; the tests at the foot of this file are how to prove them.

use std::error::Error;
use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use endpoint_stats_core::store::{
    Applied, Batch, EndpointStatus, MemoryStore, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError,
    WriterId, WriterState,
};
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_core::{Endpoint, EndpointStats, ServiceName};
use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};

/// Keeps windows in memory, and sends each batch on that was added.
#[derive(Debug)]
struct AnnouncingStore {
    memory: MemoryStore,
    announcements: mpsc::Sender<Batch>,
}

impl AnnouncingStore {
    fn new(announcements: mpsc::Sender<Batch>) -> Self {
        Self { memory: MemoryStore::default(), announcements }
    }
}

#[async_trait]
impl StatsStore for AnnouncingStore {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let applied = self.memory.apply(batch).await?;
        // A retry is a `Duplicate`: it is acknowledged again, and neither counted nor announced again.
        if applied == Applied::Applied {
            let _ = self.announcements.send(batch.clone());
        }
        Ok(applied)
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        self.memory.writer(writer).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        self.memory.query(query).await
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        self.memory.register(endpoints, at).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        self.memory.endpoints().await
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        self.memory.roll_up(now, retention).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.memory.health().await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (sender, announcements) = mpsc::channel();
    let stats = EndpointStats::builder(ServiceName::new("shop")?).with_store(AnnouncingStore::new(sender)).start();
    let service = stats.layer_fn(|_| Some("/hello".into())).layer(service_fn(async |_: Request<()>| {
        Ok::<_, std::convert::Infallible>(Response::new(String::from("hello")))
    }));

    for _ in 0..3 {
        let response = service.clone().oneshot(Request::get("/hello").body(())?).await?;
        http_body_util::BodyExt::collect(response.into_body()).await?;
    }
    stats.shutdown(Duration::from_secs(5)).await;

    for batch in announcements {
        for delta in &batch.deltas {
            println!("batch {}: {} +{}", batch.seq, delta.endpoint, delta.counts.hits());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unused_async, reason = "the tests wait for stores that take time to make")]
    async fn fresh() -> Box<AnnouncingStore> {
        Box::new(AnnouncingStore::new(mpsc::channel().0))
    }

    endpoint_stats_core::store_conformance!(fresh);
}
