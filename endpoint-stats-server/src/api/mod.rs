//! The query API under `/v1`.

use axum::Router;
use endpoint_stats_core::flush::BooksView;
use endpoint_stats_core::store::live::LiveFeed;

use crate::reading::StatsReader;

/// What the query API answers from.
#[derive(Clone, Debug)]
pub struct Api {
    /// The store.
    pub reader: StatsReader,
    /// The books of this process, where it counts.
    pub books: Option<BooksView>,
    /// The hits of the last seconds, where somebody listens.
    pub live: Option<LiveFeed>,
}

/// The routes that answer questions; each handler asks for a principal.
pub fn router(api: Api) -> Router {
    Router::new().with_state(api)
}
