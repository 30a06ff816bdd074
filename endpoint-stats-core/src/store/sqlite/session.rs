//! [`Session`]: a connection, and what it remembers.

use std::collections::HashMap;

use diesel::sqlite::SqliteConnection;

use super::error::Failure;
use crate::endpoint::Endpoint;

/// A connection to the file, and the numbers of the endpoints it has met.
pub(super) struct Session {
    pub(super) connection: SqliteConnection,
    // An endpoint keeps its number for ever, unless the transaction that gave it is undone.
    endpoint_ids: HashMap<Endpoint, i64>,
}

impl Session {
    pub(super) fn new(connection: SqliteConnection) -> Self {
        Self { connection, endpoint_ids: HashMap::new() }
    }

    /// Runs a transaction that takes the write lock before it looks.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Self { connection, endpoint_ids } = self;
        let done = connection.immediate_transaction(|connection| work(&mut Transaction { connection, endpoint_ids }));
        if done.is_err() {
            self.endpoint_ids.clear();
        }
        done
    }
}

/// A session within a transaction.
pub(super) struct Transaction<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    endpoint_ids: &'a mut HashMap<Endpoint, i64>,
}

impl Transaction<'_> {
    /// Finds an endpoint's number, or gives it one.
    pub(super) fn endpoint_id(&mut self, endpoint: &Endpoint) -> Result<i64, Failure> {
        if let Some(id) = self.endpoint_ids.get(endpoint) {
            return Ok(*id);
        }
        let id = super::endpoints::id_of(self.connection, endpoint)?;
        self.endpoint_ids.insert(endpoint.clone(), id);
        Ok(id)
    }
}
