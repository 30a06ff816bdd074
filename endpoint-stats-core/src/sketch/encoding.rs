//! Byte encodings: LEB128 numbers behind a version byte.

use std::fmt;

/// Says why bytes are not an encoded summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    what: &'static str,
    problem: &'static str,
}

impl DecodeError {
    pub(crate) fn new(what: &'static str, problem: &'static str) -> Self {
        Self { what, problem }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damaged {}: {}", self.what, self.problem)
    }
}

impl std::error::Error for DecodeError {}

/// Appends a number, seven bits a byte, least significant first.
pub(crate) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends a number that may be below zero, zigzag.
#[cfg(any(feature = "postgres", feature = "redis", feature = "remote", feature = "spool"))]
pub(crate) fn write_signed(out: &mut Vec<u8>, value: i64) {
    write_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Appends bytes behind their length.
pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Takes an encoding apart, and names what is wrong with it.
pub(crate) struct Reader<'a> {
    what: &'static str,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts after the version byte.
    pub(crate) fn new(what: &'static str, version: u8, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        match bytes.split_first() {
            Some((found, bytes)) if *found == version => Ok(Self { what, bytes }),
            Some(_) => Err(DecodeError::new(what, "unknown version")),
            None => Err(DecodeError::new(what, "empty")),
        }
    }

    pub(crate) fn error(&self, problem: &'static str) -> DecodeError {
        DecodeError::new(self.what, problem)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.error("a number past 64 bits"))
    }

    /// What [`write_signed`] wrote.
    #[cfg(any(feature = "postgres", feature = "redis", feature = "remote", feature = "spool"))]
    pub(crate) fn signed(&mut self) -> Result<i64, DecodeError> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.bytes.split_at_checked(len).ok_or_else(|| self.error("cut off"))?;
        self.bytes = rest;
        Ok(head)
    }

    /// Bytes behind their length.
    pub(crate) fn length_and_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.varint()?;
        self.bytes(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// Text behind its length.
    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        str::from_utf8(self.length_and_bytes()?).map_err(|_| self.error("text that is not UTF-8"))
    }

    /// A reader of bytes behind their length.
    #[cfg(any(feature = "postgres", feature = "redis", feature = "remote", feature = "spool"))]
    pub(crate) fn part(&mut self) -> Result<Self, DecodeError> {
        Ok(Self { what: self.what, bytes: self.length_and_bytes()? })
    }

    /// A number that every database holds.
    pub(crate) fn count(&mut self) -> Result<u64, DecodeError> {
        let count = self.varint()?;
        if i64::try_from(count).is_ok() { Ok(count) } else { Err(self.error("a count out of range")) }
    }

    /// What is left, to be read by someone else.
    #[cfg(any(feature = "redis", feature = "remote"))]
    pub(crate) fn rest(self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(self.error("bytes left over")) }
    }
}
