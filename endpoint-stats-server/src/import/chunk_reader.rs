//! [`ChunkReader`]: cuts a stream into chunks of whole lines.

use std::io::{self, ErrorKind, Read};

use memchr::{memchr, memrchr};

use super::recognition::Position;
use super::trail::Trail;

/// Cuts a stream into chunks of whole lines.
///
/// A reader that answers [`WouldBlock`](ErrorKind::WouldBlock) has nothing for now. The start of a line whose end has
/// not come stays here, so that a place between two chunks is always a place between two lines.
#[derive(Debug)]
pub(super) struct ChunkReader<R> {
    input: R,
    line_start: Vec<u8>,
    is_skipping: bool,
    has_ended: bool,
    last_line: LastLine,
    trail: Trail,
}

/// What becomes of a last line without a line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastLine {
    /// It counts: nobody writes on.
    Counts,
    /// It waits for its end.
    Waits,
}

/// What stands in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// So many bytes of whole lines.
    Lines(usize),
    /// The start of a line that is longer than the buffer; its rest is skipped.
    Overlong,
    /// Nothing, for now.
    Idle,
    /// Nothing, for ever.
    End,
}

impl<R: Read> ChunkReader<R> {
    /// Starts at a place of the stream; the rest of a line that was counted before its end came is skipped.
    pub(super) fn new(input: R, at: &Position, last_line: LastLine) -> Self {
        Self {
            input,
            line_start: Vec::new(),
            is_skipping: at.trail.tail.is_within_line(),
            has_ended: false,
            last_line,
            trail: at.trail.clone(),
        }
    }

    /// Bytes of the stream up to the end of the last chunk.
    pub(super) fn offset(&self) -> u64 {
        self.trail.offset
    }

    /// What is remembered of the bytes up to there.
    pub(super) fn trail(&self) -> &Trail {
        &self.trail
    }

    /// Reads the next chunk.
    pub(super) fn next(&mut self, buffer: &mut [u8]) -> io::Result<Next> {
        while !self.has_ended {
            let start = self.line_start.len();
            buffer[..start].copy_from_slice(&self.line_start);
            let read = match self.input.read(&mut buffer[start..]) {
                Ok(0) => return Ok(self.end(&buffer[..start])),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Next::Idle),
                Err(error) => return Err(error),
            };
            let filled = self.skip(buffer, start + read);
            if let Some(next) = self.cut(buffer, filled) {
                return Ok(next);
            }
        }
        Ok(Next::End)
    }

    /// Cuts behind the last line feed, and keeps the rest.
    fn cut(&mut self, buffer: &[u8], filled: usize) -> Option<Next> {
        let lines = memrchr(b'\n', &buffer[..filled]).map(|end| end + 1);
        let is_overlong = lines.is_none() && filled == buffer.len();
        let cut = if is_overlong { filled } else { lines.unwrap_or(0) };
        self.line_start.clear();
        self.line_start.extend_from_slice(&buffer[cut..filled]);
        self.trail.pass(&buffer[..cut]);
        self.is_skipping |= is_overlong;
        if is_overlong { Some(Next::Overlong) } else { lines.map(Next::Lines) }
    }

    /// Drops the rest of a line from the buffer, and says how much is left in it.
    fn skip(&mut self, buffer: &mut [u8], filled: usize) -> usize {
        if !self.is_skipping {
            return filled;
        }
        let end = memchr(b'\n', &buffer[..filled]).map_or(filled, |end| end + 1);
        self.is_skipping = buffer[end - 1] != b'\n';
        self.trail.pass(&buffer[..end]);
        buffer.copy_within(end..filled, 0);
        filled - end
    }

    fn end(&mut self, rest: &[u8]) -> Next {
        self.has_ended = true;
        if rest.is_empty() || self.last_line == LastLine::Waits {
            return Next::End;
        }
        self.trail.pass(rest);
        Next::Lines(rest.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Gives one piece a read; an empty one is [`ErrorKind::WouldBlock`].
    struct Pieces(VecDeque<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = self.0.front_mut() else {
                return Ok(0);
            };
            let read = piece.len().min(buffer.len());
            buffer[..read].copy_from_slice(&piece[..read]);
            piece.drain(..read);
            if piece.is_empty() {
                self.0.pop_front();
            }
            if read == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(read) }
        }
    }

    fn reader(pieces: &[&[u8]], at: &Position, last_line: LastLine) -> ChunkReader<Pieces> {
        ChunkReader::new(Pieces(pieces.iter().map(|piece| piece.to_vec()).collect()), at, last_line)
    }

    fn read_all(mut reader: ChunkReader<Pieces>, buffer_bytes: usize) -> (Vec<String>, u64) {
        let mut buffer = vec![0; buffer_bytes];
        let mut read = Vec::new();
        loop {
            read.push(match reader.next(&mut buffer).unwrap() {
                Next::Lines(len) => String::from_utf8_lossy(&buffer[..len]).into_owned(),
                Next::Overlong => format!("overlong {}", String::from_utf8_lossy(&buffer)),
                Next::Idle => "idle".to_owned(),
                Next::End => return (read, reader.offset()),
            });
        }
    }

    #[test]
    fn a_chunk_ends_with_a_line() {
        let reader = reader(&[b"a\nb\nc", b"d\ne"], &Position::default(), LastLine::Counts);

        assert_eq!(read_all(reader, 64), (vec!["a\nb\n".into(), "cd\n".into(), "e".into()], 8));
    }

    #[test]
    fn a_last_line_that_waits_is_not_read() {
        let reader = reader(&[b"a\nb", b""], &Position::default(), LastLine::Waits);

        assert_eq!(read_all(reader, 64), (vec!["a\n".into(), "idle".into()], 2));
    }

    #[test]
    fn a_line_longer_than_the_buffer_is_skipped_to_its_end() {
        let reader = reader(&[b"a\nbbbb", b"bbbbbbbbb", b"bbb\nc\n"], &Position::default(), LastLine::Counts);

        assert_eq!(read_all(reader, 8), (vec!["a\n".into(), "overlong bbbbbbbb".into(), "c\n".into()], 21));
    }

    #[test]
    fn the_rest_of_a_line_that_was_counted_is_skipped() {
        let mut at = Position::default();
        at.trail.pass(b"a\nb");

        let reader = reader(&[b"b", b"b\nc\n"], &at, LastLine::Counts);

        assert_eq!(read_all(reader, 64), (vec!["c\n".into()], 8));
    }

    proptest! {
        #[test]
        fn chunks_are_the_stream_cut_between_lines(
            pieces in vec(vec(prop_oneof![Just(b'\n'), Just(b'a')], 0..20), 0..20),
        ) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let (chunks, offset) = read_all(reader(&pieces, &Position::default(), LastLine::Counts), 1_000);

            let chunks: Vec<_> = chunks.into_iter().filter(|chunk| chunk != "idle").collect();
            let (read, written) = (chunks.concat(), pieces.concat());
            prop_assert_eq!(read.as_bytes(), &written);
            prop_assert_eq!(offset, written.len() as u64);
            prop_assert!(chunks.iter().rev().skip(1).all(|chunk| chunk.ends_with('\n')));
        }
    }
}
