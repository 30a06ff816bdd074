//! [`TokenFile`]: tokens on disk, changed by one writer at a time and never seen half written.

use std::error::Error;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{TokenList, TokenListError};

/// A file of tokens.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
}

/// Says what is wrong with a file of tokens.
#[derive(Debug)]
pub struct TokenFileError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Read(io::Error),
    Content(TokenListError),
    Change(TokenListError),
    Lock(io::Error),
    Write(io::Error),
}

impl TokenFile {
    /// Names a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or does not hold what it should.
    pub fn load(&self) -> Result<TokenList, TokenFileError> {
        let text = fs::read_to_string(&self.path).map_err(|error| self.error(Problem::Read(error)))?;
        TokenList::parse(&text).map_err(|error| self.error(Problem::Content(error)))
    }

    /// Changes it, or makes it; other writers wait, and readers see all of the change or nothing.
    ///
    /// The new file can be read and written by its owner only, who stays the same. Behind a symbolic link, the file that it names is changed.
    ///
    /// # Errors
    ///
    /// When it cannot be read or written, or the change is refused; then it stays as it is.
    pub fn edit<T>(
        &self,
        change: impl FnOnce(&mut TokenList) -> Result<T, TokenListError>,
    ) -> Result<T, TokenFileError> {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let _lock = lock(&path).map_err(|error| self.error(Problem::Lock(error)))?;
        let mut list = match self.load() {
            Err(error) if error.is_missing() => TokenList::default(),
            loaded => loaded?,
        };
        let made = change(&mut list).map_err(|error| self.error(Problem::Change(error)))?;
        replace(&path, &list.render()).map_err(|error| self.error(Problem::Write(error)))?;
        Ok(made)
    }

    fn error(&self, problem: Problem) -> TokenFileError {
        TokenFileError { path: self.path.clone(), problem }
    }
}

/// Waits for a lock beside the file: the file itself is replaced, and its lock with it.
fn lock(path: &Path) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let lock = options.open(name)?;
    lock.lock()?;
    Ok(lock)
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    keep_owner(path, file.as_file())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Root may change the file of a server that is not root, which has to be able to read it afterwards.
#[cfg(unix)]
fn keep_owner(path: &Path, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};

    let Ok(old) = fs::metadata(path) else { return Ok(()) };
    let made = new.metadata()?;
    if (old.uid(), old.gid()) == (made.uid(), made.gid()) {
        return Ok(());
    }
    fchown(new, Some(old.uid()), Some(old.gid()))
}

// === impl TokenFileError ===

impl TokenFileError {
    fn is_missing(&self) -> bool {
        matches!(&self.problem, Problem::Read(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for TokenFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.problem {
            Problem::Read(_) => "failed to read",
            Problem::Content(_) => "refused",
            Problem::Change(_) => "changed nothing in",
            Problem::Lock(_) => "failed to lock",
            Problem::Write(_) => "failed to write",
        };
        write!(f, "{what} the tokens file {}", self.path.display())
    }
}

impl Error for TokenFileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match &self.problem {
            Problem::Read(error) | Problem::Lock(error) | Problem::Write(error) => error,
            Problem::Content(error) | Problem::Change(error) => error,
        })
    }
}
