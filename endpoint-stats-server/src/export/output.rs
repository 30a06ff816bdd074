//! [`Output`]: a file that appears when it is whole, or standard output.

use std::fs::Permissions;
use std::io::{self, Stdout, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Where an export goes.
#[derive(Debug)]
pub enum Output {
    /// Standard output.
    Stdout(Stdout),
    /// A file beside the one it becomes; dropped, it is gone.
    File {
        /// The file that is written.
        temporary: NamedTempFile,
        /// What it becomes.
        path: PathBuf,
    },
}

impl Output {
    /// Goes to standard output for `-`, else to a file.
    ///
    /// # Errors
    ///
    /// When no file can be made in the file's folder, or the file is a folder.
    pub fn create(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdout(io::stdout()));
        }
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".endpoint-stats-export-");
        let temporary = as_any_new_file(&mut builder).tempfile_in(folder)?;
        Ok(Self::File { temporary, path: path.to_owned() })
    }

    /// Puts the file in its place, in place of one that was there.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn commit(self) -> io::Result<()> {
        match self {
            Self::Stdout(_) => Ok(()),
            Self::File { temporary, path } => {
                temporary.as_file().sync_all()?;
                temporary.persist(path).map(drop).map_err(|error| error.error)
            }
        }
    }
}

/// A temporary file is secret by default; an export is as readable as any file its user makes.
fn as_any_new_file<'b>(
    builder: &'b mut tempfile::Builder<'static, 'static>,
) -> &'b mut tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(Permissions::from_mode(0o666))
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File { temporary, .. } => temporary.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File { temporary, .. } => temporary.flush(),
        }
    }
}
