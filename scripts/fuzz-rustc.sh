#!/usr/bin/env bash
# fuzz-rustc.sh - rustc for fuzz.sh: instruments this project's crates, and leaves their dependencies as they are.
#
# Usage: RUSTC_WRAPPER=scripts/fuzz-rustc.sh cargo build --manifest-path fuzz/Cargo.toml
#
# Cargo calls it with the compiler and the compiler's arguments.
set -euo pipefail

# What cargo-fuzz adds without a sanitizer; all of it is stable.
readonly INSTRUMENTED=(
  --cfg fuzzing
  -C passes=sancov-module
  -C llvm-args=-sanitizer-coverage-level=4
  -C llvm-args=-sanitizer-coverage-inline-8bit-counters
  -C llvm-args=-sanitizer-coverage-pc-table
  -C llvm-args=-sanitizer-coverage-trace-compares
  -C debug-assertions
)

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }

main() {
  case "${1:-}" in
    --help | -h | "") usage; return ;;
  esac
  if [[ " $* " == *" --crate-name endpoint_stats_"* ]]; then
    exec "$@" "${INSTRUMENTED[@]}"
  fi
  exec "$@"
}

main "$@"
