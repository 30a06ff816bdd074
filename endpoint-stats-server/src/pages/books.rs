//! The books: where every hit is.

use askama::Template;
use endpoint_stats_core::flush::Books;
use endpoint_stats_core::window::Timestamp;

use super::frame::Frame;
use super::link::Link;
use super::numbers;
use super::page::Page;
use super::visit::Visit;
use crate::api_error::ApiError;
use crate::ingest::WriterSummary;

const MOST_WRITERS: usize = 100;

#[derive(Template)]
#[template(path = "books.html")]
pub(super) struct BooksPage {
    frame: Frame,
    books: Option<Balance>,
    /// Those that were heard last.
    writers: Vec<Writer>,
    all_writers: usize,
    /// Writers that are not shown.
    more_writers: usize,
    json: Link,
    writers_json: Option<Link>,
}

struct Balance {
    observed: String,
    stored: String,
    pending: String,
    dropped: String,
    /// Received, and given up because it may have been counted before.
    baseline: String,
    is_balanced: bool,
    /// What is missing, or there twice.
    off_by: String,
}

struct Writer {
    row: WriterSummary,
    services: String,
    last_batch: String,
    hits: String,
    last_seen: String,
}

impl Page for BooksPage {
    async fn of(visit: &Visit) -> Result<Self, ApiError> {
        let known = visit.endpoints().await?;
        let range = visit.asked.range(visit.now)?;
        let sees_all = visit.principal.services().is_none();
        let ledger = visit.pages.writers.as_ref();
        let mut writers = ledger.map(|ledger| ledger.snapshot(&visit.principal)).unwrap_or_default();
        let all_writers = writers.len();
        let baseline = ledger.map_or(0, |ledger| ledger.baseline());
        writers.truncate(MOST_WRITERS);
        Ok(Self {
            frame: visit.frame("Books", "Books").with_overflow(&known, range),
            books: visit.pages.books.as_ref().filter(|_| sees_all).map(|view| Balance::of(view.books(), baseline)),
            all_writers,
            more_writers: all_writers - writers.len(),
            writers: writers.into_iter().map(|row| Writer::of(row, visit.now)).collect(),
            json: visit.json("books"),
            writers_json: ledger.map(|_| visit.json("writers")),
        })
    }
}

impl Writer {
    fn of(row: WriterSummary, now: Timestamp) -> Self {
        Self {
            services: row.services.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
            last_batch: numbers::count(row.last_seq),
            hits: numbers::count(row.hits),
            last_seen: numbers::ago(row.last_seen, now),
            row,
        }
    }
}

impl Balance {
    fn of(books: Books, baseline: u64) -> Self {
        let accounted = books.stored.saturating_add(books.pending).saturating_add(books.dropped);
        Self {
            observed: numbers::count(books.observed),
            stored: numbers::count(books.stored),
            pending: numbers::count(books.pending),
            dropped: numbers::count(books.dropped),
            baseline: numbers::count(baseline),
            is_balanced: books.balance(),
            off_by: numbers::count(books.observed.abs_diff(accounted)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_that_miss_a_hit_say_so() {
        let whole = Books { observed: 10, found: 0, stored: 7, pending: 2, spooled: 0, dropped: 1 };
        let short = Books { pending: 0, ..whole };

        assert!(Balance::of(whole, 0).is_balanced);
        let short = Balance::of(short, 0);
        assert_eq!((short.is_balanced, short.off_by.as_str()), (false, "2"));
    }
}
