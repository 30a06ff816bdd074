#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| endpoint_stats_server::fuzzing::trace_context(bytes));
