//! Windows that cannot be read any more: set aside, so that they do not hold up those that can.

use diesel::dsl::delete;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use super::error::Failure;
use super::schema::{endpoint_window, sum, summed};
use super::session::Session;
use super::window_row::WindowRow;
use crate::aggregate::Counts;
use crate::sketch::DecodeError;

type Key = (i64, i64, i64);

const KEEP: &str = "
    INSERT INTO damaged_window
    SELECT ?, * FROM endpoint_window WHERE width_secs = ? AND start = ? AND endpoint_id = ?";

/// Does some work; when a damaged window is in its way, sets all of those aside and does it again.
pub(super) fn around<T>(
    session: &mut Session,
    work: impl Fn(&mut Session) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match work(session) {
        Err(Failure::Damaged(_)) => {
            set_aside(session)?;
            work(session)
        }
        done => done,
    }
}

/// Moves every window that cannot be read to `damaged_window`, with the reason, and says how many they were.
pub(super) fn set_aside(session: &mut Session) -> Result<usize, Failure> {
    session.write(|transaction| {
        let damaged = find(transaction.connection)?;
        let sums = drop_sums(transaction.connection)?;
        for (key, reason) in &damaged {
            let (width, start, endpoint) = *key;
            diesel::sql_query(KEEP)
                .bind::<Text, _>(reason.to_string())
                .bind::<BigInt, _>(width)
                .bind::<BigInt, _>(start)
                .bind::<BigInt, _>(endpoint)
                .execute(transaction.connection)?;
            delete(endpoint_window::table.find((width, start, endpoint))).execute(transaction.connection)?;
            tracing::error!(width, start, endpoint, %reason, "a window cannot be read; it is kept in damaged_window");
        }
        Ok(damaged.len() + sums)
    })
}

/// Drops every sum that cannot be read, and those above windows that cannot; says how many could not.
///
/// All of them go: this happens once in the life of a file, if ever, and they are made again.
fn drop_sums(connection: &mut SqliteConnection) -> Result<usize, Failure> {
    let mut damaged = 0;
    for row in sum::table.select((sum::start, sum::counts)).load_iter(connection)? {
        let (start, counts): (i64, Vec<u8>) = row?;
        if let Err(reason) = Counts::decode(&counts) {
            damaged += 1;
            tracing::error!(start, %reason, "a sum cannot be read; it is made again of its windows");
        }
    }
    delete(summed::table).execute(connection)?;
    delete(sum::table).execute(connection)?;
    Ok(damaged)
}

/// Width, start and endpoint of each window that cannot be read, and why.
fn find(connection: &mut SqliteConnection) -> Result<Vec<(Key, DecodeError)>, Failure> {
    let mut damaged = Vec::new();
    for row in endpoint_window::table.select(WindowRow::as_select()).load_iter(connection)? {
        let row: WindowRow = row?;
        let key = row.key();
        if let Err(Failure::Damaged(reason)) = row.into_counts() {
            damaged.push((key, reason));
        }
    }
    Ok(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{Counts, Delta};
    use crate::endpoint::{Endpoint, Method, Route, ServiceName};
    use crate::hit::Outcome;
    use crate::store::sqlite::{apply, connection};
    use crate::store::{Applied, Batch, WriterId};
    use crate::window::{Timestamp, Width, Window};

    fn batch(routes: &[&str]) -> Batch {
        let at = Timestamp::from_unix(1_700_000_000);
        let service = ServiceName::new("shop").unwrap();
        let deltas = routes.iter().map(|route| Delta {
            endpoint: Endpoint::new(service.clone(), Method::Get, Route::new(route).unwrap()),
            window: Window::containing(at, Width::TenSeconds),
            first_at: at,
            last_at: at,
            counts: Counts { outcomes: [(Outcome::Status(200), 1)].into_iter().collect(), ..Counts::default() },
        });
        Batch::new(WriterId::random(), 1, deltas.collect())
    }

    #[test]
    fn a_new_endpoint_beside_a_damaged_window_is_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stats.db");
        let mut session = connection::open(&path).unwrap();
        apply::apply(&mut session, &batch(&["/a"])).unwrap();
        diesel::sql_query("UPDATE endpoint_window SET latency = x'ff'").execute(&mut session.connection).unwrap();

        let applied = around(&mut session, |session| apply::apply(session, &batch(&["/a", "/b"])));

        assert_eq!(applied.unwrap(), Applied::Applied);
        let mut other = connection::open(&path).unwrap();
        let windows: i64 = endpoint_window::table.count().get_result(&mut other.connection).unwrap();
        assert_eq!(windows, 2);
    }
}
