//! The endpoints a file knows.

use std::collections::{BTreeMap, HashMap};

use diesel::dsl::{insert_into, update};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use super::error::Failure;
use super::schema::endpoint;
use super::session::Session;
use crate::endpoint::{Endpoint, Method, Route, ServiceName};
use crate::store::gained::Gained;
use crate::store::{EndpointFilter, EndpointStatus};
use crate::window::Timestamp;

/// Adds what a batch brought to what its endpoints did over all time, all of them in one statement: diesel prepares an
/// update anew each time. A sum past i64 would become a float.
const NOTE: &str = "
    UPDATE endpoint
    SET hits = endpoint.hits + min(gained.hits, 9223372036854775807 - endpoint.hits),
        first_seen = min(coalesce(first_seen, gained.first_at), gained.first_at),
        last_called = max(coalesce(last_called, gained.last_at), gained.last_at)
    FROM (
        SELECT value ->> 0 AS id, value ->> 1 AS hits, value ->> 2 AS first_at, value ->> 3 AS last_at
        FROM json_each(?)
    ) AS gained
    WHERE endpoint.id = gained.id";

#[derive(Queryable, Selectable)]
#[diesel(table_name = endpoint)]
struct EndpointRow {
    id: i64,
    service: String,
    method: String,
    route: String,
    hits: i64,
    registered_at: Option<i64>,
    first_seen: Option<i64>,
    last_called: Option<i64>,
}

#[derive(Insertable)]
#[diesel(table_name = endpoint, treat_none_as_default_value = false)]
struct NewEndpoint<'a> {
    service: &'a str,
    method: &'a str,
    route: &'a str,
}

pub(super) fn register(session: &mut Session, endpoints: &[Endpoint], at: Timestamp) -> Result<(), Failure> {
    session.write(|transaction| {
        for endpoint in endpoints {
            let id = transaction.endpoint_id(endpoint)?;
            update(endpoint::table.filter(endpoint::id.eq(id)).filter(endpoint::registered_at.is_null()))
                .set(endpoint::registered_at.eq(at.as_unix()))
                .execute(transaction.connection)?;
        }
        Ok(())
    })
}

pub(super) fn all(connection: &mut SqliteConnection) -> Result<Vec<EndpointStatus>, Failure> {
    let rows: Vec<EndpointRow> = endpoint::table.select(EndpointRow::as_select()).load(connection)?;
    let mut found = rows.into_iter().map(EndpointRow::into_status).collect::<Result<Vec<_>, _>>()?;
    found.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
    Ok(found)
}

/// The endpoints a question is about, by their numbers.
pub(super) fn matching(
    connection: &mut SqliteConnection,
    filter: &EndpointFilter,
) -> Result<HashMap<i64, Endpoint>, Failure> {
    let mut rows = endpoint::table.select(EndpointRow::as_select()).into_boxed();
    if let Some(service) = &filter.service {
        rows = rows.filter(endpoint::service.eq(service.as_str()));
    }
    if let Some(method) = filter.method {
        rows = rows.filter(endpoint::method.eq(method.as_str()));
    }
    if let Some(route) = &filter.route {
        rows = rows.filter(endpoint::route.eq(route.as_str()));
    }
    rows.load(connection)?.into_iter().map(|row: EndpointRow| Ok((row.id, row.endpoint()?))).collect()
}

/// Finds an endpoint's number, or gives it one.
pub(super) fn id_of(connection: &mut SqliteConnection, wanted: &Endpoint) -> Result<i64, Failure> {
    let key = NewEndpoint {
        service: wanted.service().as_str(),
        method: wanted.method().as_str(),
        route: wanted.route().as_str(),
    };
    let found = endpoint::table
        .filter(endpoint::service.eq(key.service))
        .filter(endpoint::method.eq(key.method))
        .filter(endpoint::route.eq(key.route))
        .select(endpoint::id)
        .first(connection)
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => Ok(insert_into(endpoint::table).values(key).returning(endpoint::id).get_result(connection)?),
    }
}

/// Adds to what endpoints did over all time.
pub(super) fn note(connection: &mut SqliteConnection, gained: &BTreeMap<i64, Gained>) -> Result<(), Failure> {
    let rows: Vec<_> = gained.iter().map(|(id, gained)| as_json(*id, *gained)).collect();
    let rows = format!("[{}]", rows.join(","));
    diesel::sql_query(NOTE).bind::<Text, _>(rows).execute(connection)?;
    Ok(())
}

impl EndpointRow {
    fn endpoint(&self) -> Result<Endpoint, Failure> {
        let damaged = |error: crate::endpoint::InvalidName| Failure::corrupt(error.to_string());
        let service = ServiceName::new(&self.service).map_err(damaged)?;
        let route = Route::new(&self.route).map_err(damaged)?;
        Ok(Endpoint::new(service, Method::from_bytes(self.method.as_bytes()), route))
    }

    fn into_status(self) -> Result<EndpointStatus, Failure> {
        Ok(EndpointStatus {
            endpoint: self.endpoint()?,
            hits: super::window_row::as_u64(self.hits)?,
            registered_at: self.registered_at.map(Timestamp::from_unix),
            first_seen: self.first_seen.map(Timestamp::from_unix),
            last_called: self.last_called.map(Timestamp::from_unix),
        })
    }
}

fn as_json(id: i64, gained: Gained) -> String {
    let hits = super::window_row::as_i64(gained.hits);
    format!("[{id},{hits},{},{}]", gained.first_at.as_unix(), gained.last_at.as_unix())
}
