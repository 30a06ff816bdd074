//! Files that hold a secret, read anew each time: what is changed there needs no restart.

use std::fmt::Display;
use std::path::Path;

/// Reads a file off the runtime's threads; what is wrong is said with what the file is, and its name.
pub(super) async fn read(what: &str, path: &Path) -> Result<String, String> {
    let file = path.to_path_buf();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
    let unreadable = |error: &dyn Display| format!("the {what} {} cannot be read: {error}", path.display());
    read.map_err(|error| unreadable(&error))?.map_err(|error| unreadable(&error))
}

/// Reads a file of one line, without the end of the line.
pub(super) async fn read_line(what: &str, path: &Path) -> Result<String, String> {
    let mut text = read(what, path).await?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}
