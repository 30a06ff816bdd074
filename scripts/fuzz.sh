#!/usr/bin/env bash
# fuzz.sh - throws random bytes at everything that reads bytes of strangers.
#
# Usage: scripts/fuzz.sh [--seconds N] [--keep] [TARGET...]
#
#   --seconds N  how long a target runs; 5 by default
#   --keep       adds inputs that reach new code to fuzz/corpus/TARGET, as few and small as will do
#   TARGET       a file of fuzz/fuzz_targets without its ending; all of them by default
#
# Builds the targets with libFuzzer on the stable toolchain, which takes minutes the first time; only this project's
# crates are instrumented. A run starts from fuzz/corpus/TARGET, which the test "every_kept_input_is_taken" replays, and
# from what earlier runs found, in the target folder; what makes a target fail is kept in fuzz/artifacts/TARGET.
# The same layout runs under cargo-fuzz: cargo +nightly fuzz run TARGET.
set -euo pipefail

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }

refuse() {
  usage >&2
  exit 2
}

readonly BUILT="${CARGO_TARGET_DIR:-target}/fuzz"

targets() { find fuzz/fuzz_targets -name '*.rs' -exec basename {} .rs \; | sort; }

build() {
  RUSTC_WRAPPER="$PWD/scripts/fuzz-rustc.sh" cargo build --manifest-path fuzz/Cargo.toml \
    --target-dir "$BUILT" --bins
}

run() { # target, seconds
  printf '\n== %s, %d s\n' "$1" "$2"
  mkdir -p "$BUILT/corpus/$1" "fuzz/artifacts/$1"
  "$BUILT/debug/$1" "$BUILT/corpus/$1" "fuzz/corpus/$1" -max_total_time="$2" \
    -artifact_prefix="fuzz/artifacts/$1/" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1
}

keep() { # target
  "$BUILT/debug/$1" -merge=1 -use_counters=0 -max_len=1024 "fuzz/corpus/$1" "$BUILT/corpus/$1"
}

main() {
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  local seconds=5 keeps=false target
  local -a chosen=()
  while (($# > 0)); do
    case $1 in
      --help | -h) usage; return ;;
      --seconds) [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || refuse; seconds=$2; shift 2 ;;
      --keep) keeps=true; shift ;;
      -*) refuse ;;
      *) [[ -f fuzz/fuzz_targets/$1.rs ]] || refuse; chosen+=("$1"); shift ;;
    esac
  done
  ((${#chosen[@]} > 0)) || mapfile -t chosen < <(targets)
  build
  for target in "${chosen[@]}"; do
    run "$target" "$seconds"
    if $keeps; then keep "$target"; fi
  done
}

main "$@"
