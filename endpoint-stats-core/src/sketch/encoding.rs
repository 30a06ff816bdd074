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

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.bytes.split_at_checked(len).ok_or_else(|| self.error("cut off"))?;
        self.bytes = rest;
        Ok(head)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(self.error("bytes left over")) }
    }
}
