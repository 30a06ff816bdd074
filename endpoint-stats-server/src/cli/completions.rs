//! Flags of `completions`.

use clap::Args;
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  source <(endpoint-stats-server completions bash)
  endpoint-stats-server completions fish > ~/.config/fish/completions/endpoint-stats-server.fish";

/// Which shell to complete for.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}
