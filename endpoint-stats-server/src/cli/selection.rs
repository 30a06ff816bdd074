//! Flags that select what is read from the store.

use clap::Args;

/// Which hits to read.
#[derive(Debug, Args)]
pub struct SelectionArgs {
    /// The first second: 2015-05-17, 2015-05-17T10:00:00Z, or -24h for 24 hours ago.
    #[arg(long, help_heading = "Selection", value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// The first second after the range, written the same way.
    #[arg(long, help_heading = "Selection", value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Only this service.
    #[arg(long, help_heading = "Selection", value_name = "NAME")]
    pub service: Option<String>,
    /// Only this method.
    #[arg(long, help_heading = "Selection", value_name = "METHOD")]
    pub method: Option<String>,
    /// Only this route template.
    #[arg(long, help_heading = "Selection", value_name = "TEMPLATE")]
    pub route: Option<String>,
}
