//! Flags of the folder where hits of `serve` wait for its store.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, value_parser};
use endpoint_stats_core::flush::spool::{SpoolOptions, SpoolSync, WhenFull};

/// Room for the largest batch of an ordinary server, and for what is written beside it.
const LEAST_BYTES: u64 = 1 << 20;

/// Where hits of `serve` wait for its store.
#[derive(Debug, Args)]
#[command(next_help_heading = "Spool")]
#[expect(clippy::struct_field_names, reason = "a flag is called what its field is")]
pub struct SpoolArgs {
    /// A folder where hits at the server's own routes wait until the store has them, so that a server that is killed sends
    /// them at its next start; made if it is not there, and used by one process at a time. Without it they wait in memory.
    #[arg(long, env = "ENDPOINT_STATS_SPOOL_FOLDER", value_name = "FOLDER")]
    pub spool_folder: Option<PathBuf>,
    /// Bytes that the folder may take.
    #[arg(long, env = "ENDPOINT_STATS_SPOOL_MAX_BYTES", default_value = "268435456", value_name = "BYTES",
        value_parser = value_parser!(u64).range(LEAST_BYTES..), requires = "spool_folder")]
    pub spool_max_bytes: u64,
    /// When hits count as written: `each-batch` or `never`.
    #[arg(long, env = "ENDPOINT_STATS_SPOOL_SYNC", default_value = "each-batch", value_name = "WHEN",
        value_parser = sync(), requires = "spool_folder")]
    pub spool_sync: SpoolSync,
    /// What becomes of new hits when the folder is full: `merge` or `drop-oldest`.
    #[arg(long, env = "ENDPOINT_STATS_SPOOL_WHEN_FULL", default_value = "merge", value_name = "WHAT",
        value_parser = when_full(), requires = "spool_folder")]
    pub spool_when_full: WhenFull,
}

impl SpoolArgs {
    /// How the folder is to be used.
    pub fn options(&self) -> SpoolOptions {
        SpoolOptions { max_bytes: self.spool_max_bytes, sync: self.spool_sync, when_full: self.spool_when_full }
    }
}

fn sync() -> impl TypedValueParser<Value = SpoolSync> {
    let values = [
        PossibleValue::new("each-batch").help("when the disk has them: a loss of power loses none of them"),
        PossibleValue::new("never").help("when the operating system has them: a loss of power may lose or double some"),
    ];
    PossibleValuesParser::new(values)
        .map(|value| if value == "never" { SpoolSync::Never } else { SpoolSync::EachBatch })
}

fn when_full() -> impl TypedValueParser<Value = WhenFull> {
    let values = [
        PossibleValue::new("merge").help("they wait in memory, merged by endpoint, where a crash loses them"),
        PossibleValue::new("drop-oldest").help("the oldest hits are given up for them, and counted as dropped"),
    ];
    PossibleValuesParser::new(values)
        .map(|value| if value == "drop-oldest" { WhenFull::DropOldest } else { WhenFull::Merge })
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn options(flags: &[&str]) -> SpoolOptions {
        let flags = ["serve", "--spool-folder=/var/spool/stats"].iter().chain(flags);
        let matches = SpoolArgs::augment_args(Command::new("serve")).try_get_matches_from(flags).unwrap();
        SpoolArgs::from_arg_matches(&matches).unwrap().options()
    }

    #[test]
    fn each_word_is_what_the_library_means_by_it() {
        let (sync, when_full) = (SpoolSync::Never, WhenFull::DropOldest);

        let chosen = options(&["--spool-max-bytes=1048576", "--spool-sync=never", "--spool-when-full=drop-oldest"]);

        assert_eq!(chosen, SpoolOptions { max_bytes: LEAST_BYTES, sync, when_full });
        assert_eq!(options(&["--spool-sync=each-batch", "--spool-when-full=merge"]), SpoolOptions::default());
        assert_eq!(options(&[]), SpoolOptions::default());
    }
}
