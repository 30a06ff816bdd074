//! Bytes that prove themselves: they end with 16 bytes of the BLAKE3 hash of all that stands before.

/// How many bytes a seal has.
pub(crate) const CHECKSUM: usize = 16;

/// Ends bytes with their seal.
pub(crate) fn seal(bytes: &mut Vec<u8>) {
    let checksum = checksum(bytes);
    bytes.extend_from_slice(&checksum);
}

/// The bytes before the seal; `None` if they are cut, longer, or not those that were sealed.
pub(crate) fn opened(bytes: &[u8]) -> Option<&[u8]> {
    let (content, found) = bytes.split_last_chunk::<CHECKSUM>()?;
    (checksum(content) == *found).then_some(content)
}

fn checksum(content: &[u8]) -> [u8; CHECKSUM] {
    let mut checksum = [0; CHECKSUM];
    blake3::Hasher::new().update(content).finalize_xof().fill(&mut checksum);
    checksum
}
