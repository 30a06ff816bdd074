//! What reads bytes that others may have changed, a function each; for `fuzz/` and the tests that replay its corpus.
//!
//! A target panics when a promise is broken: what is read is written back as it was, and nothing is invented.

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    #[cfg(feature = "redis")]
    ("live_message", live_message),
    #[cfg(feature = "redis")]
    ("redis_row", redis_row),
    #[cfg(feature = "spool")]
    ("spool", spool),
];

/// What processes say to each other about the last second.
#[cfg(feature = "redis")]
pub fn live_message(bytes: &[u8]) {
    crate::store::live::fuzzed::message(bytes);
}

/// What Redis keeps of windows and endpoints.
#[cfg(feature = "redis")]
pub fn redis_row(bytes: &[u8]) {
    crate::store::redis::fuzzed::row(bytes);
}

/// The files of a spool.
#[cfg(feature = "spool")]
pub fn spool(bytes: &[u8]) {
    crate::flush::spool::fuzzed::files(bytes);
}

/// What the encoders write of a batch, each with its target and a name.
#[cfg(any(feature = "redis", feature = "spool"))]
pub fn examples(batch: &crate::store::Batch) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut examples = Vec::new();
    #[cfg(feature = "redis")]
    examples.extend(crate::store::live::fuzzed::examples(batch));
    #[cfg(feature = "redis")]
    examples.extend(crate::store::redis::fuzzed::examples(batch));
    #[cfg(feature = "spool")]
    examples.extend(crate::flush::spool::fuzzed::examples(batch));
    examples
}
