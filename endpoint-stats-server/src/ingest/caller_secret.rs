//! [`CallerSecret`]: what callers are hashed with, in a file that outlives its server and that servers share.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use endpoint_stats_core::clock::Clock;
use endpoint_stats_core::middleware::CallerHasher;

/// What callers are hashed with: 256 bits, as 64 hexadecimal digits in a file.
pub struct CallerSecret(blake3::Hash);

/// Says what is wrong with a file of a secret, without the secret.
#[derive(Debug)]
pub struct CallerSecretError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Read(io::Error),
    Content,
    Random(getrandom::Error),
    Write(io::Error),
}

// === impl CallerSecret ===

impl CallerSecret {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or does not hold 64 hexadecimal digits.
    pub fn read(path: &Path) -> Result<Self, CallerSecretError> {
        let text = fs::read_to_string(path).map_err(|error| CallerSecretError::new(path, Problem::Read(error)))?;
        let digits = text.trim_end_matches(['\r', '\n']);
        blake3::Hash::from_hex(digits).map(Self).map_err(|_| CallerSecretError::new(path, Problem::Content))
    }

    /// Reads a file; makes it if there is none, to be read and written by its owner only.
    ///
    /// Of servers that start at once one makes it, and all read the same.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), and when the file cannot be made.
    pub fn read_or_make(path: &Path) -> Result<Self, CallerSecretError> {
        match Self::read(path) {
            Err(error) if error.is_missing() => make(path).map_err(|problem| CallerSecretError::new(path, problem))?,
            read => return read,
        }
        Self::read(path)
    }

    /// Makes hashes with it.
    pub fn hasher(&self, clock: &dyn Clock) -> CallerHasher {
        CallerHasher::from_secret(self.0.as_bytes(), clock)
    }
}

impl fmt::Debug for CallerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerSecret").finish_non_exhaustive()
    }
}

/// Puts a whole file there, or none if another server was faster.
fn make(path: &Path) -> Result<(), Problem> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(Problem::Random)?;
    let digits = blake3::Hash::from_bytes(secret).to_hex();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(file, "{digits}")?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            persisted => persisted.map(drop).map_err(|error| error.error),
        }
    };
    write().map_err(Problem::Write)
}

// === impl CallerSecretError ===

impl CallerSecretError {
    fn new(path: &Path, problem: Problem) -> Self {
        Self { path: path.to_owned(), problem }
    }

    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(&self.problem, Problem::Read(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for CallerSecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            Problem::Read(_) => write!(f, "failed to read the callers' secret {path}"),
            Problem::Content => write!(
                f,
                "the callers' secret {path} is damaged: expected 64 hexadecimal digits in one line, as \
                 `openssl rand -hex 32` makes them"
            ),
            Problem::Random(_) => write!(f, "failed to draw the callers' secret {path}"),
            Problem::Write(_) => write!(f, "failed to make the callers' secret {path}"),
        }
    }
}

impl Error for CallerSecretError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::Read(error) | Problem::Write(error) => Some(error),
            Problem::Random(error) => Some(error),
            Problem::Content => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn servers_that_start_at_once_have_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");

        let starts: Vec<_> = (0..8)
            .map(|_| {
                let file = file.clone();
                thread::spawn(move || CallerSecret::read_or_make(&file).unwrap().0)
            })
            .collect();
        let secrets: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();

        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        assert_eq!(CallerSecret::read(&file).unwrap().0, secrets[0]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");

        CallerSecret::read_or_make(&file).unwrap();

        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        for damaged in ["", "\n", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &format!("{}\n1", "0".repeat(64))]
        {
            fs::write(&file, damaged).unwrap();

            let error = CallerSecret::read_or_make(&file).unwrap_err().to_string();

            assert!(error.contains("64 hexadecimal digits"), "{error}");
            assert_eq!(fs::read_to_string(&file).unwrap(), damaged);
        }
    }
}
