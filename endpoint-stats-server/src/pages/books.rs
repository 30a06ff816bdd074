//! The books: where every hit is.

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use endpoint_stats_core::flush::Books;

use super::asked::Asked;
use super::frame::Frame;
use super::link::Link;
use super::place::Place;
use super::{Pages, numbers, page};
use crate::access::Principal;
use crate::api_error::ApiError;
use crate::ingest::WriterSummary;

#[derive(Template)]
#[template(path = "books.html")]
struct BooksPage {
    frame: Frame,
    books: Option<Balance>,
    writers: Vec<Writer>,
    json: Link,
    writers_json: Option<Link>,
}

struct Balance {
    observed: String,
    stored: String,
    pending: String,
    dropped: String,
    is_balanced: bool,
    /// What is missing, or there twice.
    off_by: String,
}

struct Writer {
    row: WriterSummary,
    services: String,
    hits: String,
    last_seen: String,
    is_well: bool,
}

pub(super) async fn show(
    State(pages): State<Pages>,
    place: Place,
    principal: Result<Principal, ApiError>,
    uri: Uri,
) -> Response {
    let made = async { BooksPage::of(&pages, &place, &principal?, &uri).await }.await;
    page::respond(&place, made)
}

impl BooksPage {
    async fn of(pages: &Pages, place: &Place, principal: &Principal, uri: &Uri) -> Result<Self, ApiError> {
        let asked = Asked::of(uri)?;
        let now = pages.reader.now();
        let range = asked.range(now)?;
        let known = pages.reader.endpoints(principal).await?;
        let writers = pages.writers.as_ref().map(|ledger| ledger.snapshot(principal)).unwrap_or_default();
        let writer = |row: WriterSummary| Writer {
            services: row.services.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
            hits: numbers::count(row.hits),
            last_seen: numbers::ago(row.last_seen, now),
            is_well: row.gaps == 0 && row.conflicts == 0,
            row,
        };
        Ok(Self {
            frame: Frame::new(place.clone(), "Books", "Books", &asked).with_overflow(&known, range),
            books: pages
                .books
                .as_ref()
                .filter(|_| principal.services().is_none())
                .map(|view| Balance::of(view.books())),
            writers: writers.into_iter().map(writer).collect(),
            json: Link::to(format!("{}v1/books", place.base)),
            writers_json: pages.writers.as_ref().map(|_| Link::to(format!("{}v1/writers", place.base))),
        })
    }
}

impl Balance {
    fn of(books: Books) -> Self {
        let accounted = books.stored.saturating_add(books.pending).saturating_add(books.dropped);
        Self {
            observed: numbers::count(books.observed),
            stored: numbers::count(books.stored),
            pending: numbers::count(books.pending),
            dropped: numbers::count(books.dropped),
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
        let whole = Books { observed: 10, stored: 7, pending: 2, dropped: 1 };
        let short = Books { pending: 0, ..whole };

        assert!(Balance::of(whole).is_balanced);
        let short = Balance::of(short);
        assert_eq!((short.is_balanced, short.off_by.as_str()), (false, "2"));
    }
}
