//! Flags that say where windows are kept.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::Args;

use crate::settings::DatabaseUrl;

/// Where the windows are kept.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "a flag is named after its field")]
pub struct StoreArgs {
    /// Where the windows are kept: `sqlite://FILE`, `postgres://USER@HOST/DATABASE`, `redis://HOST/DATABASE` or
    /// `memory:`
    #[arg(long, help_heading = "Store", env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<DatabaseUrl>,
    /// A file that holds the URL, for secrets.
    #[arg(
        long,
        help_heading = "Store",
        env = "DATABASE_URL_FILE",
        value_name = "FILE",
        conflicts_with = "database_url"
    )]
    pub database_url_file: Option<PathBuf>,
    /// A file that holds the password for PostgreSQL or Redis; it is read anew for each connection.
    #[arg(long, help_heading = "Store", env = "DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub database_password_file: Option<PathBuf>,
    /// Connections to PostgreSQL or Redis at most.
    #[arg(long, help_heading = "Store", env = "DATABASE_CONNECTIONS", default_value = "8", value_name = "NUMBER")]
    pub database_connections: NonZeroU16,
}

/// A Redis in front of the store.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "a flag is named after its field")]
pub struct RedisArgs {
    /// A Redis that keeps answers for a moment and tells servers of each other's hits: `redis://HOST/DATABASE` or
    /// `redis-cluster://HOST,HOST`
    #[arg(
        long,
        help_heading = "Redis in front of the store",
        env = "REDIS_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub redis_url: Option<DatabaseUrl>,
    /// A file that holds this URL, for secrets.
    #[arg(
        long,
        help_heading = "Redis in front of the store",
        env = "REDIS_URL_FILE",
        value_name = "FILE",
        conflicts_with = "redis_url"
    )]
    pub redis_url_file: Option<PathBuf>,
    /// A file that holds the password for this Redis; it is read anew for each connection.
    #[arg(long, help_heading = "Redis in front of the store", env = "REDIS_PASSWORD_FILE", value_name = "FILE")]
    pub redis_password_file: Option<PathBuf>,
}
