//! [`TailFile`]: a file that grows until another one takes its place.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// A file that grows, read like `tail -F` reads it.
///
/// It ends when another file has taken its place at the path, or it was cut off; and, read to its end, when the
/// sender of `stop` is dropped. A writer may go on with a file for a while after it was renamed: it ends when nothing
/// came for one wait after that.
#[derive(Debug)]
pub(super) struct TailFile {
    file: File,
    path: PathBuf,
    stop: Receiver<()>,
    poll_every: Duration,
    is_replaced: bool,
    is_stopped: bool,
}

/// What becomes of a file at whose end nothing more was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Grows,
    Replaced,
    CutOff,
}

impl TailFile {
    /// Reads on from where the file stands.
    pub(super) fn new(file: File, path: PathBuf, stop: Receiver<()>, poll_every: Duration) -> Self {
        Self { file, path, stop, poll_every, is_replaced: false, is_stopped: false }
    }

    fn state(&mut self) -> io::Result<State> {
        let own = self.file.metadata()?;
        if own.len() < self.file.stream_position()? {
            return Ok(State::CutOff);
        }
        match fs::metadata(&self.path) {
            Ok(other) if (other.dev(), other.ino()) != (own.dev(), own.ino()) => Ok(State::Replaced),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(State::Grows),
        }
    }

    /// Waits for more; false when none is to come.
    fn wait(&mut self) -> io::Result<bool> {
        if self.is_stopped || self.is_replaced {
            return Ok(false);
        }
        match self.state()? {
            State::CutOff => return Ok(false),
            State::Replaced => self.is_replaced = true,
            State::Grows => {}
        }
        self.is_stopped = self.stop.recv_timeout(self.poll_every) == Err(RecvTimeoutError::Disconnected);
        Ok(true)
    }
}

impl Read for TailFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        if read > 0 || !self.wait()? {
            return Ok(read);
        }
        match self.file.read(buffer)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc::{Sender, channel};

    use tempfile::TempDir;

    use super::*;

    struct Log {
        folder: TempDir,
        writer: File,
        stop: Option<Sender<()>>,
    }

    impl Log {
        fn new() -> (Self, TailFile) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            let writer = File::create(&path).unwrap();
            let (stop, stopped) = channel();
            let tail = TailFile::new(File::open(&path).unwrap(), path, stopped, Duration::from_millis(1));
            (Self { folder, writer, stop: Some(stop) }, tail)
        }

        fn write(&mut self, text: &str) {
            self.writer.write_all(text.as_bytes()).unwrap();
        }
    }

    /// Reads until the file ends, or `times` waits passed.
    fn read(tail: &mut TailFile, times: usize) -> (String, bool) {
        let (mut text, mut waits, mut buffer) = (Vec::new(), 0, [0; 16]);
        loop {
            match tail.read(&mut buffer) {
                Ok(0) => return (String::from_utf8(text).unwrap(), true),
                Ok(read) => text.extend_from_slice(&buffer[..read]),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    waits += 1;
                }
            }
            if waits == times {
                return (String::from_utf8(text).unwrap(), false);
            }
        }
    }

    #[test]
    fn what_is_written_later_is_read() {
        let (mut log, mut tail) = Log::new();
        log.write("a");
        assert_eq!(read(&mut tail, 2), ("a".into(), false));

        log.write("b");

        assert_eq!(read(&mut tail, 2), ("b".into(), false));
    }

    #[test]
    fn a_renamed_file_is_read_to_its_end() {
        let (mut log, mut tail) = Log::new();
        fs::rename(log.folder.path().join("log"), log.folder.path().join("log.1")).unwrap();
        assert_eq!(read(&mut tail, 2), (String::new(), false));
        fs::write(log.folder.path().join("log"), "new").unwrap();
        assert_eq!(read(&mut tail, 1), (String::new(), false));

        log.write("old");

        assert_eq!(read(&mut tail, usize::MAX), ("old".into(), true));
    }

    #[test]
    fn a_file_that_was_cut_off_ends() {
        let (mut log, mut tail) = Log::new();
        log.write("abc");
        read(&mut tail, 1);

        log.writer.set_len(1).unwrap();

        assert_eq!(read(&mut tail, usize::MAX), (String::new(), true));
    }

    #[test]
    fn a_stopped_file_is_read_to_its_end() {
        let (mut log, mut tail) = Log::new();
        log.stop = None;

        log.write("abc");

        assert_eq!(read(&mut tail, usize::MAX), ("abc".into(), true));
    }
}
