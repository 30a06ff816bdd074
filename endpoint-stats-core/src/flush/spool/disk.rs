//! [`Disk`]: what a spool asks of a file system, and [`Folder`], which is one.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What a spool asks of a file system: numbered files that grow.
///
/// Nothing is durable before it was synced: a file's bytes by [`sync`](Self::sync), its being there or being gone by
/// [`sync_folder`](Self::sync_folder).
pub(in crate::flush) trait Disk: fmt::Debug + Send + 'static {
    /// A file that is written to.
    type File: fmt::Debug + Send;

    /// The numbers of the files there are, ascending.
    fn list(&self) -> io::Result<Vec<u64>>;

    /// Everything in a file.
    fn read(&self, number: u64) -> io::Result<Vec<u8>>;

    /// Some bytes of a file.
    fn read_at(&self, number: u64, start: u64, len: usize) -> io::Result<Vec<u8>>;

    /// Makes a file that was not there.
    fn create(&self, number: u64) -> io::Result<Self::File>;

    /// Adds bytes to the end of a file; after an error some of them may be there.
    fn append(&self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file off.
    fn cut(&self, number: u64, len: u64) -> io::Result<()>;

    /// Makes a file's bytes durable.
    fn sync(&self, file: &mut Self::File) -> io::Result<()>;

    /// Makes the bytes durable of a file that is not written to.
    fn sync_old(&self, number: u64) -> io::Result<()>;

    /// Makes it durable which files there are.
    fn sync_folder(&self) -> io::Result<()>;

    /// Takes a file away; one that is not there is away.
    fn remove(&self, number: u64) -> io::Result<()>;
}

/// A folder that belongs to this process alone, as long as this lives.
#[derive(Debug)]
pub(in crate::flush) struct Folder {
    path: PathBuf,
    // Held until it is dropped, or the process ends, however it ends.
    _lock: File,
}

const LOCK: &str = "lock";
const SUFFIX: &str = ".spool";

// === impl Folder ===

impl Folder {
    /// Takes a folder, which is made if it is not there.
    pub(in crate::flush) fn open(path: &Path) -> io::Result<Self> {
        create_durably(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another process has this folder; give each one of its own",
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn file(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:020}{SUFFIX}"))
    }
}

/// Makes a folder that is there after a loss of power, too.
fn create_durably(path: &Path) -> io::Result<()> {
    let missing: Vec<_> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(path)?;
    for parent in missing.into_iter().filter_map(Path::parent) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// The number of a segment, by the name that a segment has and nothing else.
fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let is_ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_ours { digits.parse().ok() } else { None }
}

/// Whether a file has no name any more: what is written to it nobody finds again.
#[cfg(unix)]
fn is_removed(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    Ok(file.metadata()?.nlink() == 0)
}

#[cfg(not(unix))]
fn is_removed(_: &File) -> io::Result<bool> {
    Ok(false)
}

impl Disk for Folder {
    type File = File;

    fn list(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            numbers.extend(name.to_str().and_then(number_of));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        fs::read(self.file(number))
    }

    fn read_at(&self, number: u64, start: u64, len: usize) -> io::Result<Vec<u8>> {
        use std::io::{Read, Seek, SeekFrom};

        let mut file = File::open(self.file(number))?;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![0; len];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, number: u64) -> io::Result<File> {
        OpenOptions::new().append(true).create_new(true).open(self.file(number))
    }

    fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if is_removed(file)? {
            return Err(io::Error::new(io::ErrorKind::NotFound, "somebody removed the file that was being written"));
        }
        file.write_all(bytes)
    }

    fn cut(&self, number: u64, len: u64) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.file(number))?.set_len(len)
    }

    fn sync(&self, file: &mut File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_old(&self, number: u64) -> io::Result<()> {
        File::open(self.file(number))?.sync_data()
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn remove(&self, number: u64) -> io::Result<()> {
        match fs::remove_file(self.file(number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
