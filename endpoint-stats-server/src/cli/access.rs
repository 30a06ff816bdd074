//! Flags that say who may do what.

use std::path::PathBuf;

use clap::Args;

use crate::access::WithoutToken;

/// Who may read, and who may send.
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// The file of the tokens that are known; it is read again when it changes. `token create` makes it.
    #[arg(long, env = "ENDPOINT_STATS_TOKENS_FILE", value_name = "FILE")]
    pub tokens_file: Option<PathBuf>,
    /// What may be done without a token.
    #[arg(long, env = "ENDPOINT_STATS_WITHOUT_TOKEN", default_value = "read-on-loopback", value_name = "WHAT")]
    pub without_token: WithoutToken,
    /// Requests a second with one token, and twice as many at once; 0 is any number.
    #[arg(long, env = "ENDPOINT_STATS_TOKEN_RATE", default_value = "1000", value_name = "NUMBER")]
    pub token_rate: u32,
    /// Wrong tokens a minute from one address, and twice as many at once; 0 is any number.
    #[arg(long, env = "ENDPOINT_STATS_WRONG_TOKENS_PER_MINUTE", default_value = "10", value_name = "NUMBER")]
    pub wrong_tokens_per_minute: u32,
}
