//! The endpoints that the database knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Failure;
use super::read;
use super::settle::{Wait, lock};
use super::windows::{as_i64, as_u64};
use crate::endpoint::{Endpoint, Method, Route, ServiceName};
use crate::store::gained::Gained;
use crate::store::{EndpointFilter, EndpointStatus};
use crate::window::Timestamp;

const ALL: &str = "
    SELECT endpoint.id, service.name AS service, endpoint.method, endpoint.route, hits, registered_at, first_seen, last_called
    FROM endpoint JOIN service ON service.id = service_id";

const ADD_SERVICES: &str = "
    INSERT INTO service (name) SELECT DISTINCT unnest($1) AS name ORDER BY name ON CONFLICT (name) DO NOTHING";

const ADD_ENDPOINTS: &str = "
    INSERT INTO endpoint (service_id, method, route)
    SELECT service.id, method, route FROM unnest($1, $2, $3) AS added (service, method, route)
    JOIN service ON service.name = added.service
    ORDER BY 1, 2, 3
    ON CONFLICT (service_id, method, route) DO NOTHING";

const REGISTER: &str = "
    UPDATE endpoint SET registered_at = $2 WHERE registered_at IS NULL AND id = ANY ($1)";

/// Sums stop at the largest number.
const NOTE: &str = "
    UPDATE endpoint
    SET hits = endpoint.hits + least(gained.hits, 9223372036854775807 - endpoint.hits),
        first_seen = least(first_seen, gained.first_at),
        last_called = greatest(last_called, gained.last_at)
    FROM unnest($1, $2, $3, $4) AS gained (id, hits, first_at, last_at)
    WHERE endpoint.id = gained.id";

#[derive(QueryableByName)]
struct EndpointRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    service: String,
    #[diesel(sql_type = Text)]
    method: String,
    #[diesel(sql_type = Text)]
    route: String,
    #[diesel(sql_type = BigInt)]
    hits: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    registered_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    first_seen: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_called: Option<i64>,
}

/// Registers under the lock of all work on windows, which writes to the same rows.
pub(super) async fn register(
    connection: &mut AsyncPgConnection,
    endpoints: Vec<Endpoint>,
    at: Timestamp,
) -> Result<(), Failure> {
    let endpoints: BTreeSet<_> = endpoints.into_iter().collect();
    connection
        .build_transaction()
        .read_committed()
        .run(async |connection| {
            lock(connection, Wait::ForTurn).await?;
            let ids: Vec<i64> = ids(connection, &endpoints).await?.into_values().collect();
            diesel::sql_query(REGISTER)
                .bind::<Array<BigInt>, _>(ids)
                .bind::<BigInt, _>(at.as_unix())
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
}

/// Every endpoint, with what has arrived and is not settled yet.
pub(super) async fn all(connection: &mut AsyncPgConnection) -> Result<Vec<EndpointStatus>, Failure> {
    connection
        .build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |connection| {
            let rows: Vec<EndpointRow> = diesel::sql_query(ALL).load(connection).await?;
            let mut found: BTreeMap<Endpoint, EndpointStatus> = BTreeMap::new();
            for row in rows {
                let status = row.into_status()?;
                found.insert(status.endpoint.clone(), status);
            }
            for delta in read::arrivals(connection).await? {
                let gained = Gained::by(&delta);
                found.entry(delta.endpoint.clone()).or_insert_with(|| never_seen(delta.endpoint)).gain(gained);
            }
            Ok(found.into_values().collect())
        })
        .await
}

/// The endpoints that a question is about, by their numbers.
pub(super) async fn matching(
    connection: &mut AsyncPgConnection,
    filter: &EndpointFilter,
) -> Result<HashMap<i64, Endpoint>, Failure> {
    let sql = format!(
        "{ALL} WHERE ($1 IS NULL OR service.name = $1) AND ($2 IS NULL OR method = $2) AND ($3 IS NULL OR route = $3)"
    );
    let rows: Vec<EndpointRow> = diesel::sql_query(sql)
        .bind::<Nullable<Text>, _>(filter.service.as_ref().map(ServiceName::as_str))
        .bind::<Nullable<Text>, _>(filter.method.map(Method::as_str))
        .bind::<Nullable<Text>, _>(filter.route.as_ref().map(Route::as_str))
        .load(connection)
        .await?;
    rows.into_iter().map(|row| Ok((row.id, row.endpoint()?))).collect()
}

/// Finds the numbers of endpoints, and gives one to those that have none.
pub(super) async fn ids(
    connection: &mut AsyncPgConnection,
    wanted: &BTreeSet<Endpoint>,
) -> Result<HashMap<Endpoint, i64>, Failure> {
    let known = known(connection, wanted).await?;
    if known.len() == wanted.len() {
        return Ok(known);
    }
    let (services, methods, routes) = columns(wanted.iter().filter(|endpoint| !known.contains_key(*endpoint)));
    diesel::sql_query(ADD_SERVICES).bind::<Array<Text>, _>(&services).execute(connection).await?;
    diesel::sql_query(ADD_ENDPOINTS)
        .bind::<Array<Text>, _>(&services)
        .bind::<Array<Text>, _>(&methods)
        .bind::<Array<Text>, _>(&routes)
        .execute(connection)
        .await?;
    self::known(connection, wanted).await
}

async fn known(
    connection: &mut AsyncPgConnection,
    wanted: &BTreeSet<Endpoint>,
) -> Result<HashMap<Endpoint, i64>, Failure> {
    let (services, methods, routes) = columns(wanted.iter());
    let sql = format!(
        "{ALL} JOIN unnest($1, $2, $3) AS wanted (service, method, route)
         ON (service.name, endpoint.method, endpoint.route) = (wanted.service, wanted.method, wanted.route)"
    );
    let rows: Vec<EndpointRow> = diesel::sql_query(sql)
        .bind::<Array<Text>, _>(services)
        .bind::<Array<Text>, _>(methods)
        .bind::<Array<Text>, _>(routes)
        .load(connection)
        .await?;
    rows.into_iter().map(|row| Ok((row.endpoint()?, row.id))).collect()
}

fn columns<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>) {
    let (mut services, mut methods, mut routes) = (Vec::new(), Vec::new(), Vec::new());
    for endpoint in endpoints {
        services.push(endpoint.service().as_str());
        methods.push(endpoint.method().as_str());
        routes.push(endpoint.route().as_str());
    }
    (services, methods, routes)
}

/// Adds to what endpoints did over all time.
pub(super) async fn note(connection: &mut AsyncPgConnection, gained: &BTreeMap<i64, Gained>) -> Result<(), Failure> {
    let ids: Vec<i64> = gained.keys().copied().collect();
    let hits: Vec<i64> = gained.values().map(|gained| as_i64(gained.hits)).collect();
    let first: Vec<i64> = gained.values().map(|gained| gained.first_at.as_unix()).collect();
    let last: Vec<i64> = gained.values().map(|gained| gained.last_at.as_unix()).collect();
    diesel::sql_query(NOTE)
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Array<BigInt>, _>(hits)
        .bind::<Array<BigInt>, _>(first)
        .bind::<Array<BigInt>, _>(last)
        .execute(connection)
        .await?;
    Ok(())
}

fn never_seen(endpoint: Endpoint) -> EndpointStatus {
    EndpointStatus { endpoint, hits: 0, registered_at: None, first_seen: None, last_called: None }
}

// === impl EndpointRow ===

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
            hits: as_u64(self.hits)?,
            registered_at: self.registered_at.map(Timestamp::from_unix),
            first_seen: self.first_seen.map(Timestamp::from_unix),
            last_called: self.last_called.map(Timestamp::from_unix),
        })
    }
}
