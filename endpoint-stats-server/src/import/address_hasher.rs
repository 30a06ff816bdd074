//! [`AddressHasher`]: a caller's address, made unreadable.

use std::fmt;

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::sketch::CallerHash;
use siphasher::sip::SipHasher13;

const DOMAIN: &str = "endpoint-stats 2026 import caller key v1";

/// Hashes the callers of access logs with a key (SipHash-1-3), so that sketches keep no address.
///
/// Unlike the key of a running service, this one does not change from day to day: a log spans many days and holds
/// the addresses anyway, and a caller is to count once over all of them. The same secret gives the same hashes in
/// every import, so that the callers of several files merge.
#[derive(Clone)]
pub struct AddressHasher(SipHasher13);

impl AddressHasher {
    /// Derives the key from a secret.
    pub fn with_secret(secret: &[u8]) -> Self {
        let mut key = [0; 16];
        blake3::Hasher::new_derive_key(DOMAIN).update(secret).finalize_xof().fill(&mut key);
        Self(SipHasher13::new_with_key(&key))
    }

    /// Derives the key from the service's name: not secret, and the same in every import.
    pub fn for_service(service: &ServiceName) -> Self {
        Self::with_secret(service.as_str().as_bytes())
    }

    /// Hashes an address; `None` when the log has none, `-`.
    pub fn hash(&self, address: &[u8]) -> Option<CallerHash> {
        let is_known = !address.is_empty() && address != b"-";
        is_known.then(|| CallerHash::from_u64(self.0.hash(address)))
    }
}

impl fmt::Debug for AddressHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressHasher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_secret_gives_the_same_hash() {
        let (one, other) = (AddressHasher::with_secret(b"a"), AddressHasher::with_secret(b"a"));

        assert_eq!(one.hash(b"192.0.2.7"), other.hash(b"192.0.2.7"));
        assert_ne!(one.hash(b"192.0.2.7"), AddressHasher::with_secret(b"b").hash(b"192.0.2.7"));
    }

    #[test]
    fn a_missing_address_is_no_caller() {
        let hasher = AddressHasher::with_secret(b"a");

        assert_eq!(hasher.hash(b"-"), None);
        assert_eq!(hasher.hash(b""), None);
    }

    #[test]
    fn the_key_is_not_shown() {
        assert_eq!(format!("{:?}", AddressHasher::with_secret(b"a")), "AddressHasher { .. }");
    }
}
