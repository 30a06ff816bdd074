//! `migrate`: the tables of a database, made or brought up to date.

use endpoint_stats_core::store::postgres::{PostgresOptions, PostgresStore};

use super::{Failure, from_database, print};
use crate::cli::{MigrateArgs, StoreArgs};
use crate::settings::StoreUrl;

pub(super) async fn run(args: MigrateArgs) -> Result<(), Failure> {
    let text = match StoreUrl::from_args(&args.store)? {
        StoreUrl::Postgres(options) => describe(&migrate(*options).await?),
        StoreUrl::Sqlite(_) => "nothing to do: an SQLite file is brought up to date when it is opened\n".to_owned(),
        StoreUrl::Redis(_) => "nothing to do: Redis has no tables\n".to_owned(),
        StoreUrl::Memory => "nothing to do: memory has no tables\n".to_owned(),
    };
    print(text);
    Ok(())
}

/// Does the same before something else is done, and logs it.
pub(super) async fn run_first(args: &StoreArgs) -> Result<(), Failure> {
    if let StoreUrl::Postgres(options) = StoreUrl::from_args(args)? {
        for migration in migrate(*options).await? {
            tracing::info!(migration, "migrated the database");
        }
    }
    Ok(())
}

async fn migrate(options: PostgresOptions) -> Result<Vec<String>, Failure> {
    PostgresStore::migrate(options).await.map_err(from_database)
}

fn describe(migrations: &[String]) -> String {
    if migrations.is_empty() {
        return "nothing to do: every migration is there\n".to_owned();
    }
    migrations.join("\n") + "\n"
}
