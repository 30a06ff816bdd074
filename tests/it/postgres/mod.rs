//! PostgreSQL keeps the promises of every store, and its own about shared databases and broken networks.

mod black_hole;
mod commits;
mod contract;
mod deadlines;
mod disk;
pub(crate) mod faults;
pub(crate) mod killed;
mod outage;
mod plans;
pub(crate) mod replicas;
mod roles;
mod schema;
mod settling;

use std::net::SocketAddr;
use std::ops::Deref;

use endpoint_stats_core::store::postgres::{PostgresOptions, PostgresStore};

use crate::small_batches::{NOON, batch, delta, endpoint, shown, total};
use crate::support::postgres::{OWNER, OWNER_PASSWORD, PostgresServer};
use crate::support::proxy::Proxy;

pub(crate) const DATABASE: &str = "stats";

/// A store on a server of its own, which goes when it goes.
#[derive(Debug)]
struct PrivateStore {
    store: PostgresStore,
    server: PostgresServer,
}

impl PrivateStore {
    async fn start() -> Self {
        let server = PostgresServer::start();
        let store = migrated(&server, DATABASE).await;
        Self { store, server }
    }

    /// What a query of the owner returns.
    fn sql(&self, sql: &str) -> String {
        self.server.psql(DATABASE, &format!("SET search_path = endpoint_stats; {sql}"))
    }
}

impl Deref for PrivateStore {
    type Target = PostgresStore;

    fn deref(&self) -> &PostgresStore {
        &self.store
    }
}

/// Makes a database with its tables.
pub(crate) async fn migrated(server: &PostgresServer, database: &str) -> PostgresStore {
    let options = PostgresOptions::from_url(&server.create_database(database)).unwrap();
    PostgresStore::migrate(options.clone()).await.unwrap();
    PostgresStore::connect(options).await.unwrap()
}

/// Another process's store on the same database.
pub(crate) async fn another(server: &PostgresServer) -> PostgresStore {
    let url = server.url_for(OWNER, OWNER_PASSWORD, DATABASE);
    PostgresStore::connect(PostgresOptions::from_url(&url).unwrap()).await.unwrap()
}

/// A store that reaches its server through a proxy.
pub(crate) async fn behind_a_proxy(server: &PostgresServer) -> (PostgresStore, Proxy) {
    drop(migrated(server, DATABASE).await);
    let proxy = Proxy::to(SocketAddr::from(([127, 0, 0, 1], server.port()))).await;
    let url = format!("postgres://{OWNER}:{OWNER_PASSWORD}@{}/{DATABASE}", proxy.addr());
    (PostgresStore::connect(PostgresOptions::from_url(&url).unwrap()).await.unwrap(), proxy)
}

/// Waits until the server has ended every session of an application.
fn until_gone(server: &PostgresServer, application: &str) {
    // A query that takes 0.1 s is the clock of tests.
    let sessions =
        format!("SELECT pg_sleep(0.1); SELECT count(*) FROM pg_stat_activity WHERE application_name = '{application}'");
    let are_gone = (0..200).any(|_| server.psql(DATABASE, &sessions).trim() == "0");
    assert!(are_gone, "sessions of {application} are still there");
}
