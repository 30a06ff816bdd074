#!/usr/bin/env bash
# test.sh - the one command that tests endpoint-stats, from any directory.
#
# Usage: scripts/test.sh [--fast]
#
#   --fast  leaves out the steps "every feature alone" and "documentation"
#
# Installs what the tests need (setup.sh dev), then runs formatting, clippy, every feature alone, documentation, tests,
# doc tests, shellcheck, the scripts' --help and their tests (bats). A warning is an error. Stops at the first step that
# fails and names it. With CI=true the tests run to their end before that, so that one run shows every failure.
set -euo pipefail

step_name="start"

header() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$1"; }

step() { # name, command...
  step_name="$1"
  local began=$SECONDS
  printf '\n== %s\n' "$step_name"
  "${@:2}"
  printf -- '-- %s: %d s\n' "$step_name" "$((SECONDS - began))"
}

say_how_it_ended() {
  local code=$?
  if ((code != 0)); then
    printf '\ntest.sh: FAILED in step "%s" (exit code %d)\n' "$step_name" "$code" >&2
  fi
}

# Without "full", which the step "clippy" has, and more.
core_features() {
  awk -F ' *= *' '/^\[/ { inside = /^\[features\]/ } inside && /^[a-z]/ && $1 !~ /^(default|full)$/ { print $1 }' \
    endpoint-stats-core/Cargo.toml
}

check_feature() { # a feature, or nothing
  printf -- '- endpoint-stats-core with %s\n' "${1:-no feature}"
  cargo clippy --quiet -p endpoint-stats-core --no-default-features --features "$1" --locked -- -D warnings
}

every_feature_alone() {
  local features feature
  mapfile -t features < <(core_features)
  ((${#features[@]} > 0))
  for feature in "" "${features[@]}"; do
    check_feature "$feature"
  done
}

documentation() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps --locked; }

tests() {
  local profile=default
  if [[ ${CI:-} == true ]]; then
    profile=ci
  fi
  cargo nextest run --workspace --all-features --locked --profile "$profile"
}

scripts() { find scripts .ci/run -type f \( -name '*.sh' -o -name run \) | sort; }
lint_scripts() {
  { scripts; find endpoint-stats-k8s -name '*.sh'; } | xargs shellcheck
}

every_script_helps() {
  local script help
  while read -r script; do
    printf -- '- %s --help\n' "$script"
    help=$("./$script" --help </dev/null)
    diff <(header "$script") <(printf '%s\n' "$help")
  done < <(scripts)
}

script_tests() {
  local at_once=()
  if command -v parallel >/dev/null; then
    at_once=(--jobs 2 --no-parallelize-within-files)
  fi
  ENDPOINT_STATS_BIN=$(realpath "${CARGO_TARGET_DIR:-target}/debug/endpoint-stats-server") \
    bats "${at_once[@]}" scripts/tests
}

run_steps() { # --fast, or nothing
  step "setup" scripts/setup.sh dev
  step "formatting" cargo fmt --all --check
  step "clippy" cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
  if [[ -z $1 ]]; then
    step "every feature alone" every_feature_alone
    step "documentation" documentation
  fi
  step "tests" tests
  # With --doc, cargo asks no `doctest = false`: the models hold files of the core, whose examples the core runs.
  step "doc tests" cargo test --doc --workspace --exclude endpoint-stats-models --all-features --locked
  step "shellcheck" lint_scripts
  step "every script answers --help" every_script_helps
  step "scripts' tests" script_tests
  printf '\ntest.sh: every step passed in %d s\n' "$SECONDS"
}

main() {
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  case "${1:-}" in
    --help | -h) header scripts/test.sh; exit ;;
    --fast | "") ;;
    *) header scripts/test.sh >&2; exit 2 ;;
  esac
  trap say_how_it_ended EXIT
  run_steps "${1:-}"
}

main "$@"
