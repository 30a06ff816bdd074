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
    spool: Option<SpoolTerms>,
    /// Received, and given up because it may have been counted before.
    baseline: String,
    is_balanced: bool,
    /// What is missing, or there twice.
    off_by: String,
}

/// What the books have only with a spool.
struct SpoolTerms {
    found: String,
    spooled: String,
    full: String,
    unreadable: String,
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
            books: visit
                .pages
                .books
                .as_ref()
                .filter(|_| sees_all)
                .map(|view| Balance::of(view.books(), view.has_spool(), baseline)),
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
    fn of(books: Books, has_spool: bool, baseline: u64) -> Self {
        let Books { observed, found, stored, pending, spooled, dropped, .. } = books;
        let accounted = [pending, spooled, dropped].into_iter().fold(stored, u64::saturating_add);
        Self {
            observed: numbers::count(observed),
            stored: numbers::count(stored),
            pending: numbers::count(pending),
            dropped: numbers::count(dropped),
            spool: has_spool.then(|| SpoolTerms::of(books)),
            baseline: numbers::count(baseline),
            is_balanced: books.balance(),
            off_by: numbers::count(observed.saturating_add(found).abs_diff(accounted)),
        }
    }
}

impl SpoolTerms {
    fn of(books: Books) -> Self {
        Self {
            found: numbers::count(books.found),
            spooled: numbers::count(books.spooled),
            full: numbers::count(books.dropped_full),
            unreadable: numbers::count(books.dropped_unreadable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_that_miss_a_hit_say_so() {
        let whole = Books { observed: 10, stored: 7, pending: 2, dropped: 1, ..Books::default() };
        let short = Books { pending: 0, ..whole };

        assert!(Balance::of(whole, false, 0).is_balanced);
        let short = Balance::of(short, false, 0);
        assert_eq!((short.is_balanced, short.off_by.as_str()), (false, "2"));
    }

    #[test]
    fn hits_that_were_found_and_hits_that_are_spooled_are_on_both_sides_of_the_books() {
        let whole = Books { observed: 10, found: 5, stored: 7, spooled: 8, ..Books::default() };
        let off_by = |books| Balance::of(books, true, 0).off_by;

        assert_eq!(off_by(whole), "0");
        assert_eq!(off_by(Books { found: 2, ..whole }), "3");
        assert_eq!(off_by(Books { spooled: 4, ..whole }), "4");
    }
}
