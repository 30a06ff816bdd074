//! Flags of `token`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::access::Scope;

/// What to do with tokens.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Makes a token and prints it, once; the file keeps its hash.
    Create(CreateArgs),
    /// Prints the tokens of the file, without their secrets.
    List(ListArgs),
    /// Takes a token back; servers refuse it within seconds.
    Revoke(RevokeArgs),
}

/// Which token to make.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The file.
    #[command(flatten)]
    pub file: TokensFileArgs,
    /// What to call it: 1 to 64 of a-z, A-Z, 0-9, '-', '_' and '.'.
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// What it allows; may be given more than once.
    #[arg(long = "scope", required = true, value_name = "SCOPE")]
    pub scopes: Vec<Scope>,
    /// The service it is bound to; may be given more than once. Without it, every service.
    #[arg(long = "service", value_name = "NAME")]
    pub services: Vec<String>,
    /// When it ends: 90d, 2027-01-31 or 2027-01-31T10:00:00Z. Without it, never.
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
}

/// How to list tokens.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The file.
    #[command(flatten)]
    pub file: TokensFileArgs,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which token to take back.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The file.
    #[command(flatten)]
    pub file: TokensFileArgs,
    /// Its name or its id.
    #[arg(value_name = "NAME_OR_ID")]
    pub token: String,
}

/// Where the tokens are.
#[derive(Debug, Args)]
pub struct TokensFileArgs {
    /// The file of the tokens.
    #[arg(long, env = "ENDPOINT_STATS_TOKENS_FILE", value_name = "FILE")]
    pub tokens_file: PathBuf,
}
