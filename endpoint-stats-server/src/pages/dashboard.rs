//! [`Dashboard`]: the pages and the query API, to be mounted by a service of your own.

use std::sync::Arc;

use axum::routing::get;
use axum::{Extension, Router};
use endpoint_stats_core::flush::BooksView;
use endpoint_stats_core::store::StatsStore;
use endpoint_stats_core::store::live::LiveFeed;

use super::{LivePage, Overview, Pages, show};
use crate::access::{Principal, Scope};
use crate::api::{self, Api};
use crate::reading::StatsReader;

/// The pages and the query API over a store, as a router that a service mounts under any prefix.
///
/// Whoever reaches the router may read everything: mount it behind your own authentication.
///
/// ```
/// use std::sync::Arc;
///
/// use axum::Router;
/// use endpoint_stats_core::store::MemoryStore;
/// use endpoint_stats_server::Dashboard;
///
/// let dashboard = Dashboard::new(Arc::new(MemoryStore::default()));
/// let app: Router = Router::new().nest("/admin/stats", dashboard.into_router());
/// # drop(app);
/// ```
#[derive(Clone, Debug)]
pub struct Dashboard {
    reader: StatsReader,
    books: Option<BooksView>,
    live: Option<LiveFeed>,
}

impl Dashboard {
    /// Shows what a store holds.
    pub fn new(store: Arc<dyn StatsStore>) -> Self {
        Self { reader: StatsReader::new(store), books: None, live: None }
    }

    /// Shows the last seconds too.
    #[must_use]
    pub fn with_live(mut self, live: LiveFeed) -> Self {
        self.live = Some(live);
        self
    }

    /// Shows the books of this process too.
    #[must_use]
    pub fn with_books(mut self, books: BooksView) -> Self {
        self.books = Some(books);
        self
    }

    /// The router to mount.
    pub fn into_router(self) -> Router {
        let mut pages = Pages::new(self.reader.clone());
        (pages.books, pages.live) = (self.books.clone(), self.live.clone());
        Router::new()
            .route("/", get(show::<Overview>))
            .route("/live", get(show::<LivePage>))
            .with_state(pages.clone())
            .merge(super::router(pages))
            .merge(api::router(Api { reader: self.reader, books: self.books, live: self.live, writers: None }))
            .layer(Extension(Principal::new("dashboard", [Scope::Read])))
    }
}
