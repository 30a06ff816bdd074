//! The endpoints a file knows.

use std::collections::HashMap;

use diesel::dsl::{insert_into, update};
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::error::Failure;
use super::schema::endpoint;
use crate::aggregate::Delta;
use crate::endpoint::{Endpoint, Method, Route, ServiceName};
use crate::store::EndpointStatus;
use crate::window::Timestamp;

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
#[diesel(table_name = endpoint)]
struct NewEndpoint<'a> {
    service: &'a str,
    method: &'a str,
    route: &'a str,
}

pub(super) fn register(
    connection: &mut SqliteConnection,
    endpoints: &[Endpoint],
    at: Timestamp,
) -> Result<(), Failure> {
    connection.immediate_transaction(|connection| {
        for endpoint in endpoints {
            let id = id_of(connection, endpoint)?;
            update(endpoint::table.filter(endpoint::id.eq(id)).filter(endpoint::registered_at.is_null()))
                .set(endpoint::registered_at.eq(at.as_unix()))
                .execute(connection)?;
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

/// Every endpoint by its number.
pub(super) fn by_id(connection: &mut SqliteConnection) -> Result<HashMap<i64, Endpoint>, Failure> {
    let rows: Vec<EndpointRow> = endpoint::table.select(EndpointRow::as_select()).load(connection)?;
    rows.into_iter().map(|row| Ok((row.id, row.endpoint()?))).collect()
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

/// Adds a delta's hits to what the endpoint did over all time.
pub(super) fn note_hits(connection: &mut SqliteConnection, id: i64, delta: &Delta) -> Result<(), Failure> {
    use diesel::dsl::sql;
    use diesel::sql_types::{BigInt, Nullable};

    // min(a + b, max) cannot be said in diesel's own words: SQLite would turn a sum past i64 into a float.
    let hits = super::window_row::as_i64(delta.counts.hits());
    let (first, last) = (delta.first_at.as_unix(), delta.last_at.as_unix());
    update(endpoint::table.filter(endpoint::id.eq(id)))
        .set((
            endpoint::hits
                .eq(sql::<BigInt>("hits + min(").bind::<BigInt, _>(hits).sql(", 9223372036854775807 - hits)")),
            endpoint::first_seen.eq(sql::<Nullable<BigInt>>("min(coalesce(first_seen, ")
                .bind::<BigInt, _>(first)
                .sql("), ")
                .bind::<BigInt, _>(first)
                .sql(")")),
            endpoint::last_called.eq(sql::<Nullable<BigInt>>("max(coalesce(last_called, ")
                .bind::<BigInt, _>(last)
                .sql("), ")
                .bind::<BigInt, _>(last)
                .sql(")")),
        ))
        .execute(connection)?;
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
