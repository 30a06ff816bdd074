//! [`WindowRow`]: a window of one endpoint, between Rust and SQL.

use std::collections::{BTreeMap, HashMap};

use diesel::dsl::{replace_into, sql};
use diesel::expression::NonAggregate;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::error::Failure;
use super::schema::{consumer_window, endpoint_window};
use crate::aggregate::{ConsumerCounts, ConsumerName, Counts, OutcomeCounts, encode_parts};
use crate::sketch::{CallersSketch, LatencySketch};
use crate::store::encoded_rows::EncodedRow;
use crate::store::window_counts::{WindowCounts, WindowKey};
use crate::window::{Timestamp, Width, Window};

#[derive(Queryable, Selectable)]
#[diesel(table_name = endpoint_window)]
pub(super) struct WindowRow {
    width_secs: i64,
    start: i64,
    endpoint_id: i64,
    first_at: i64,
    last_at: i64,
    hits: i64,
    errors: i64,
    request_bytes: i64,
    response_bytes: i64,
    outcomes: Vec<u8>,
    latency: Vec<u8>,
    duration: Vec<u8>,
    callers: Vec<u8>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = consumer_window, treat_none_as_default_value = false)]
pub(super) struct ConsumerRow {
    width_secs: i64,
    start: i64,
    endpoint_id: i64,
    consumer: String,
    hits: i64,
    errors: i64,
    response_bytes: i64,
}

/// `REPLACE` of a row, a thousand times in a flush: diesel finds the prepared statement by this type, where it would
/// build the text of its own `replace_into` each time to look it up by.
#[derive(QueryId)]
struct ReplaceWindow(WindowRow);

impl QueryFragment<Sqlite> for ReplaceWindow {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let row = &self.0;
        out.push_sql(
            "REPLACE INTO endpoint_window (width_secs, start, endpoint_id, first_at, last_at, hits, errors, \
             request_bytes, response_bytes, outcomes, latency, duration, callers) VALUES (",
        );
        let counts = [
            &row.width_secs,
            &row.start,
            &row.endpoint_id,
            &row.first_at,
            &row.last_at,
            &row.hits,
            &row.errors,
            &row.request_bytes,
            &row.response_bytes,
        ];
        for count in counts {
            out.push_bind_param::<BigInt, _>(count)?;
            out.push_sql(", ");
        }
        for sketch in [&row.outcomes, &row.latency, &row.duration] {
            out.push_bind_param::<Binary, _>(sketch)?;
            out.push_sql(", ");
        }
        out.push_bind_param::<Binary, _>(&row.callers)?;
        out.push_sql(")");
        Ok(())
    }
}

impl RunQueryDsl<SqliteConnection> for ReplaceWindow {}

/// Puts rows together with their consumers.
pub(super) fn assemble(
    rows: Vec<WindowRow>,
    consumers: Vec<ConsumerRow>,
) -> Result<BTreeMap<WindowKey, WindowCounts>, Failure> {
    let mut found = rows.into_iter().map(WindowRow::into_counts).collect::<Result<BTreeMap<_, _>, _>>()?;
    for row in consumers {
        let (key, name, counts) = row.into_counts()?;
        if let Some(window) = found.get_mut(&key) {
            window.counts.consumers.insert(name, counts);
        }
    }
    Ok(found)
}

/// Reads windows for every endpoint.
pub(super) fn of_windows(
    connection: &mut SqliteConnection,
    windows: &[Window],
) -> Result<HashMap<WindowKey, WindowCounts>, Failure> {
    let mut found = HashMap::new();
    for window in windows {
        found.extend(read(connection, *window, sql::<Bool>("TRUE"))?);
    }
    Ok(found)
}

/// Reads the windows of the given endpoints, as far as they are there.
pub(super) fn of_keys<'a>(
    connection: &mut SqliteConnection,
    keys: impl Iterator<Item = &'a WindowKey>,
) -> Result<HashMap<WindowKey, WindowCounts>, Failure> {
    let mut wanted: BTreeMap<Window, Vec<i64>> = BTreeMap::new();
    for (window, endpoint_id) in keys {
        wanted.entry(*window).or_default().push(*endpoint_id);
    }
    let mut found = HashMap::new();
    for (window, ids) in wanted {
        // One value, however many they are: SQLite takes 32,766 of them.
        let among = sql::<Bool>("endpoint_id IN (SELECT value FROM json_each(");
        found.extend(read(connection, window, among.bind::<Text, _>(format!("{ids:?}")).sql("))"))?);
    }
    Ok(found)
}

fn read<F>(
    connection: &mut SqliteConnection,
    window: Window,
    of: F,
) -> Result<BTreeMap<WindowKey, WindowCounts>, Failure>
where
    F: Expression<SqlType = Bool>
        + NonAggregate
        + SelectableExpression<endpoint_window::table>
        + SelectableExpression<consumer_window::table>
        + QueryFragment<Sqlite>
        + QueryId
        + Clone,
{
    let (width, start) = (window.width().secs(), window.start().as_unix());
    let rows = endpoint_window::table
        .filter(endpoint_window::width_secs.eq(width))
        .filter(endpoint_window::start.eq(start))
        .filter(of.clone())
        .select(WindowRow::as_select())
        .load(connection)?;
    let consumers = consumer_window::table
        .filter(consumer_window::width_secs.eq(width))
        .filter(consumer_window::start.eq(start))
        .filter(of)
        .select(ConsumerRow::as_select())
        .load(connection)?;
    assemble(rows, consumers)
}

/// Writes a window, in place of what was there.
pub(super) fn write(connection: &mut SqliteConnection, key: WindowKey, window: &WindowCounts) -> Result<(), Failure> {
    ReplaceWindow(WindowRow::new(key, window)).execute(connection)?;
    for (name, counts) in &window.counts.consumers {
        replace_into(consumer_window::table).values(ConsumerRow::new(key, name, *counts)).execute(connection)?;
    }
    Ok(())
}

// === impl WindowRow ===

impl WindowRow {
    fn new((window, endpoint_id): WindowKey, counted: &WindowCounts) -> Self {
        let counts = &counted.counts;
        Self {
            width_secs: window.width().secs(),
            start: window.start().as_unix(),
            endpoint_id,
            first_at: counted.first_at.as_unix(),
            last_at: counted.last_at.as_unix(),
            hits: as_i64(counts.hits()),
            errors: as_i64(counts.outcomes.errors()),
            request_bytes: as_i64(counts.request_bytes),
            response_bytes: as_i64(counts.response_bytes),
            outcomes: counts.outcomes.encode(),
            latency: counts.latency.encode(),
            duration: counts.duration.encode(),
            callers: counts.callers.encode(),
        }
    }

    /// Width, start and endpoint.
    pub(super) fn key(&self) -> (i64, i64, i64) {
        (self.width_secs, self.start, self.endpoint_id)
    }

    /// The row as others add it up.
    pub(super) fn into_encoded(self) -> Result<EncodedRow, Failure> {
        let sketches = [&self.outcomes, &self.latency, &self.duration, &self.callers].map(Vec::as_slice);
        let counts = encode_parts(sketches, [as_u64(self.request_bytes)?, as_u64(self.response_bytes)?]);
        let [start, first_at, last_at] = [self.start, self.first_at, self.last_at].map(Timestamp::from_unix);
        Ok(EncodedRow { endpoint_id: self.endpoint_id, start, first_at, last_at, counts })
    }

    pub(super) fn into_counts(self) -> Result<(WindowKey, WindowCounts), Failure> {
        let counts = Counts {
            outcomes: OutcomeCounts::decode(&self.outcomes)?,
            latency: LatencySketch::decode(&self.latency)?,
            duration: LatencySketch::decode(&self.duration)?,
            request_bytes: as_u64(self.request_bytes)?,
            response_bytes: as_u64(self.response_bytes)?,
            callers: CallersSketch::decode(&self.callers)?,
            consumers: BTreeMap::new(),
        };
        let window = WindowCounts {
            counts,
            first_at: Timestamp::from_unix(self.first_at),
            last_at: Timestamp::from_unix(self.last_at),
        };
        Ok(((window_of(self.width_secs, self.start)?, self.endpoint_id), window))
    }
}

// === impl ConsumerRow ===

impl ConsumerRow {
    fn new((window, endpoint_id): WindowKey, name: &ConsumerName, counts: ConsumerCounts) -> Self {
        Self {
            width_secs: window.width().secs(),
            start: window.start().as_unix(),
            endpoint_id,
            consumer: name.as_str().to_owned(),
            hits: as_i64(counts.hits),
            errors: as_i64(counts.errors),
            response_bytes: as_i64(counts.response_bytes),
        }
    }

    pub(super) fn endpoint_id(&self) -> i64 {
        self.endpoint_id
    }

    /// The row as others add it up, beside its window's.
    pub(super) fn into_encoded(self, first_at: i64, last_at: i64) -> Result<EncodedRow, Failure> {
        let ((window, endpoint_id), name, of_one) = self.into_counts()?;
        let counts = Counts { consumers: BTreeMap::from([(name, of_one)]), ..Counts::default() };
        let [first_at, last_at] = [first_at, last_at].map(Timestamp::from_unix);
        Ok(EncodedRow { endpoint_id, start: window.start(), first_at, last_at, counts: counts.encode() })
    }

    fn into_counts(self) -> Result<(WindowKey, ConsumerName, ConsumerCounts), Failure> {
        let name = ConsumerName::new(&self.consumer).map_err(|error| Failure::corrupt(error.to_string()))?;
        let counts = ConsumerCounts {
            hits: as_u64(self.hits)?,
            errors: as_u64(self.errors)?,
            response_bytes: as_u64(self.response_bytes)?,
        };
        Ok(((window_of(self.width_secs, self.start)?, self.endpoint_id), name, counts))
    }
}

fn window_of(width_secs: i64, start: i64) -> Result<Window, Failure> {
    let width = Width::from_secs(width_secs).ok_or_else(|| Failure::corrupt("a window of an unknown width"))?;
    Ok(Window::containing(Timestamp::from_unix(start), width))
}

pub(super) fn as_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn as_u64(count: i64) -> Result<u64, Failure> {
    u64::try_from(count).map_err(|_| Failure::corrupt("a count below zero"))
}
