//! The spool of `serve`, opened before anything listens.

use std::path::Path;

use endpoint_stats_core::flush::spool::{Spool, SpoolFound};

use super::Failure;
use crate::cli::SpoolArgs;
use crate::settings::SettingError;

/// Opens the folder, if one is named, and says what an earlier run left in it.
pub(super) fn open(args: &SpoolArgs) -> Result<Option<Spool>, Failure> {
    let Some(folder) = &args.spool_folder else { return Ok(None) };
    let spool = Spool::open(folder, args.options()).map_err(|error| {
        let wrong = refused(folder, "a folder that can be read and written and that no other process has");
        Failure::setting(anyhow::Error::new(error).context(wrong))
    })?;
    let SpoolFound { strange_files, .. } = spool.found();
    if strange_files > 0 {
        let expected = format!(
            "a spool of this version; {strange_files} of its files are not: start the version that wrote them until it \
             has sent its hits, or move them away"
        );
        return Err(refused(folder, expected).into());
    }
    Ok(Some(spool))
}

fn refused(folder: &Path, expected: impl Into<std::borrow::Cow<'static, str>>) -> SettingError {
    SettingError::new("--spool-folder", &folder.display().to_string(), expected)
}
