//! `migrate`: the tables of a database, made or brought up to date.

use std::future::Future;
use std::io::Write;
use std::time::Duration;

use endpoint_stats_core::store::postgres::{PostgresOptions, PostgresStore};
use endpoint_stats_core::store::{StoreError, StoreErrorKind};
use tokio::time::{interval, timeout};

use super::{Failure, from_database, print};
use crate::cli::{MigrateArgs, StoreArgs};
use crate::settings::StoreUrl;

const TRY_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn run(args: MigrateArgs) -> Result<(), Failure> {
    let text = match StoreUrl::from_args(&args.store)? {
        StoreUrl::Postgres(options) if args.check => check(*options, &args).await?,
        StoreUrl::Postgres(options) => migrate_patiently(*options, &args).await?,
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
        for migration in PostgresStore::migrate(*options).await.map_err(from_database)? {
            tracing::info!(migration, "migrated the database");
        }
    }
    Ok(())
}

async fn check(options: PostgresOptions, args: &MigrateArgs) -> Result<String, Failure> {
    let is_hopeless = |error: &StoreError| error.kind() == StoreErrorKind::Rejected;
    until(args.wait_secs, is_hopeless, || PostgresStore::connect(options.clone())).await.map_err(from_database)?;
    Ok("the tables are those of this version\n".to_owned())
}

async fn migrate_patiently(options: PostgresOptions, args: &MigrateArgs) -> Result<String, Failure> {
    let is_hopeless = |error: &StoreError| error.kind() != StoreErrorKind::Unavailable;
    let migrations = until(args.wait_secs, is_hopeless, || PostgresStore::migrate(options.clone()));
    let mut text = describe(&migrations.await.map_err(from_database)?);
    if args.roles {
        PostgresStore::make_roles(options).await.map_err(from_database)?;
        text += "endpoint_stats_writer and endpoint_stats_reader have their rights\n";
    }
    Ok(text)
}

/// Tries until it works, is hopeless, or the time is over; then the last error tells why.
async fn until<T, F>(
    wait_secs: u32,
    is_hopeless: impl Fn(&StoreError) -> bool,
    call: impl Fn() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut last = match call().await {
        Err(error) if !is_hopeless(&error) => error,
        answer => return answer,
    };
    if wait_secs > 0 {
        let _ = writeln!(std::io::stderr(), "waiting up to {wait_secs} s: {last}");
    }
    let patiently = async {
        let mut pause = interval(TRY_EVERY);
        loop {
            pause.tick().await;
            match call().await {
                Err(error) if !is_hopeless(&error) => last = error,
                answer => return answer,
            }
        }
    };
    match timeout(Duration::from_secs(wait_secs.into()), patiently).await {
        Ok(answer) => answer,
        Err(_) => Err(last),
    }
}

fn describe(migrations: &[String]) -> String {
    if migrations.is_empty() {
        return "nothing to do: every migration is there\n".to_owned();
    }
    migrations.join("\n") + "\n"
}
