//! [`Pipe`]: standard input, without waiting for it for ever.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

const PIECE_BYTES: usize = 1 << 18;
const PIECES: usize = 4;

/// A stream read ahead by a thread; answers [`ErrorKind::WouldBlock`] when nothing comes for a while.
///
/// So what was read of a slow stream can be committed before more of it comes.
#[derive(Debug)]
pub(super) struct Pipe {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    read: usize,
    patience: Duration,
}

impl Pipe {
    /// Starts to read a stream.
    pub(super) fn new(mut input: impl Read + Send + 'static, patience: Duration) -> Self {
        let (sender, pieces) = sync_channel(PIECES);
        thread::spawn(move || {
            loop {
                let piece = read_piece(&mut input);
                let is_last = !piece.as_ref().is_ok_and(|piece| !piece.is_empty());
                if sender.send(piece).is_err() || is_last {
                    return;
                }
            }
        });
        Self { pieces, piece: Vec::new(), read: 0, patience }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.piece.len() {
            self.piece = match self.pieces.recv_timeout(self.patience) {
                Ok(piece) => piece?,
                Err(RecvTimeoutError::Timeout) => return Err(ErrorKind::WouldBlock.into()),
                Err(RecvTimeoutError::Disconnected) => Vec::new(),
            };
            self.read = 0;
        }
        let read = (&self.piece[self.read..]).read(buffer)?;
        self.read += read;
        Ok(read)
    }
}

/// Reads what is there; nothing at the end.
fn read_piece(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match input.read(&mut piece) {
            Ok(read) => {
                piece.truncate(read);
                return Ok(piece);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gives_what_the_stream_has() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
        let mut read = Vec::new();

        Pipe::new(io::Cursor::new(bytes.clone()), Duration::from_mins(1)).read_to_end(&mut read).unwrap();

        assert_eq!(read, bytes);
    }

    #[test]
    fn a_silent_pipe_would_block_and_repeats_nothing() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut pipe = Pipe::new(reader, Duration::from_millis(1));
        let mut buffer = [0; 8];

        assert_eq!(pipe.read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);

        io::Write::write_all(&mut writer, b"a").unwrap();
        assert_eq!(std::iter::repeat_with(|| pipe.read(&mut buffer)).find_map(Result::ok), Some(1));
        assert_eq!(pipe.read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(writer);
        assert_eq!(std::iter::repeat_with(|| pipe.read(&mut buffer)).find_map(Result::ok), Some(0));
    }
}
