//! The pages that people open: what was counted, drawn by the server.
//!
//! Plain HTML with one style sheet and one script of our own; everything works without the script, which only adds
//! what moves. All links are relative, so the pages stand under any prefix.

mod asked;
mod assets;
mod axis;
mod books;
mod change;
mod chart;
mod compared;
mod dashboard;
mod endpoint;
mod frame;
mod heat_map;
mod link;
mod live;
mod numbers;
mod order;
mod overview;
mod page;
mod place;
mod range_choice;
mod row;
mod sparkline;
mod steps;
#[cfg(test)]
mod tests;
mod tiles;
mod unused;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use endpoint_stats_core::ServiceName;
use endpoint_stats_core::flush::BooksView;
use endpoint_stats_core::store::live::LiveFeed;

pub use self::dashboard::Dashboard;
pub(crate) use self::live::LivePage;
use self::live::Watchers;
pub(crate) use self::overview::Overview;
pub(crate) use self::page::show;
pub(crate) use self::place::Place;
pub(crate) use self::visit::Visit;
use crate::ingest::Ledger;
use crate::reading::StatsReader;

/// What the pages show.
#[derive(Clone, Debug)]
pub struct Pages {
    reader: StatsReader,
    books: Option<BooksView>,
    live: Option<LiveFeed>,
    writers: Option<Arc<Ledger>>,
    own_service: Option<ServiceName>,
    takes_hits: bool,
    watchers: Watchers,
}

impl Pages {
    /// Shows what a store holds.
    pub fn new(reader: StatsReader) -> Self {
        Self {
            reader,
            books: None,
            live: None,
            writers: None,
            own_service: None,
            takes_hits: false,
            watchers: Watchers::default(),
        }
    }

    /// Shows the server that these pages are part of: its books, and its live hits. Its own service is not taken for
    /// one that has sent hits.
    #[must_use]
    pub fn of_server(mut self, service: ServiceName, books: BooksView, live: LiveFeed) -> Self {
        (self.own_service, self.books, self.live, self.takes_hits) = (Some(service), Some(books), Some(live), true);
        self
    }

    /// Shows who sends batches too.
    #[must_use]
    pub fn with_writers(mut self, writers: Arc<Ledger>) -> Self {
        self.writers = Some(writers);
        self
    }
}

/// The pages but the overview and the live page, whose paths are shared with answers for programs.
pub(crate) fn router(pages: Pages) -> Router {
    Router::new()
        .route("/endpoint", get(show::<endpoint::EndpointPage>))
        .route("/live/events", get(live::events))
        .route("/unused", get(show::<unused::UnusedPage>))
        .route("/books", get(show::<books::BooksPage>))
        .route(ASSETS, get(assets::show))
        .with_state(pages)
}

/// The route of style sheet, script and icon, which are not worth counting.
pub(crate) const ASSETS: &str = "/assets/{file}";
