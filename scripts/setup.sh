#!/usr/bin/env bash
# setup.sh - install what the tests and benchmarks of endpoint-stats need.
#
# Usage: scripts/setup.sh dev|k8s|all
#
#   dev  a C compiler (for SQLite), shellcheck, bats, jq, openssl, curl, sqlite3, PostgreSQL, Redis, Prometheus with
#        Alertmanager and the exporters of both databases, wrk, cargo-nextest, rustfmt, clippy; Chromium with its driver,
#        npm, and axe-core (into target/tools), for the tests of the dashboard; and what k8s installs
#   k8s  what the Kubernetes package and its scripts need, below target/tools: see scripts/setup/k8s.sh
#   all  both
#
# Installs only what is missing, after saying what that is. System packages come from apt-get (Debian, Ubuntu; with
# sudo when not root); on other systems it names what to install instead. The tests start their own servers: where this
# installs them, /etc/postgresql-common/createcluster.d/endpoint-stats.conf and masks of the systemd units redis-server,
# prometheus and prometheus-… (`systemctl unmask redis-server` takes one back) keep the packages from starting any.
#
# Exit codes: 0 all is there; 1 something is missing and could not be installed; 2 wrong usage.
set -euo pipefail

# Command, and the Debian package that brings it.
readonly BUILD=(cc:build-essential shellcheck:shellcheck bats:bats parallel:parallel jq:jq openssl:openssl curl:curl sqlite3:sqlite3 wrk:wrk)
readonly DATABASES=(postgres:postgresql redis-server:redis-server redis-cli:redis-tools)
readonly MONITORING=(promtool:prometheus amtool:prometheus-alertmanager
  prometheus-postgres-exporter:prometheus-postgres-exporter prometheus-redis-exporter:prometheus-redis-exporter)
readonly BROWSER=(chromium:chromium chromedriver:chromium-driver npm:npm)
readonly NO_CLUSTER=/etc/postgresql-common/createcluster.d/endpoint-stats.conf
readonly UNITS=/etc/systemd/system
readonly AXE_CORE=axe-core@4.14.1

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }
say() { printf 'setup: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

# Debian keeps the programs of a PostgreSQL server off the PATH.
is_there() { command -v "$1" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null; }

missing_of() { # command:package...
  local tool
  for tool; do is_there "${tool%%:*}" || printf '%s\n' "${tool##*:}"; done
}

as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }
apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }

start_no_server_of() { # package, before it is installed
  case $1 in
    postgresql) as_root install -D -m 644 /dev/stdin "$NO_CLUSTER" <<<"create_main_cluster = off" ;;
    redis-server | prometheus | prometheus-*)
      as_root install -d "$UNITS"
      as_root ln -sfn /dev/null "$UNITS/$1.service"
      ;;
  esac
}

system_tools() {
  local missing package
  mapfile -t missing < <(missing_of "${BUILD[@]}" "${DATABASES[@]}" "${MONITORING[@]}" "${BROWSER[@]}")
  if ((${#missing[@]} == 0)); then return; fi
  command -v apt-get >/dev/null || fail "no apt-get here; install these and run again: ${missing[*]}"
  ((EUID == 0)) || command -v sudo >/dev/null || fail "neither root nor sudo; install by hand: ${missing[*]}"
  say "installing ${missing[*]} with apt-get"
  for package in "${missing[@]}"; do start_no_server_of "$package"; done
  apt_get update || fail "apt-get could not update its lists"
  apt_get install --yes --no-install-recommends "${missing[@]}" >/dev/null || fail "could not install ${missing[*]}"
}

cargo_tool() { # subcommand of cargo, command that brings it...
  if cargo "$1" --version >/dev/null 2>&1; then return; fi
  say "cargo $1 is missing: ${*:2}"
  "${@:2}" || fail "cargo $1 is missing, and this brings it but failed: ${*:2}"
}

rust_tools() {
  cargo_tool fmt rustup component add rustfmt
  cargo_tool clippy rustup component add clippy
  cargo_tool nextest cargo install cargo-nextest --locked
}

# What finds defects of accessibility.
axe() {
  local tools=target/tools
  if [[ -f $tools/node_modules/axe-core/axe.min.js ]]; then return; fi
  say "installing $AXE_CORE with npm into $tools"
  mkdir -p "$tools"
  npm install --prefix "$tools" --no-save --no-audit --no-fund --silent "$AXE_CORE" || fail "could not install $AXE_CORE"
}

dev() {
  command -v cargo >/dev/null || fail "cargo is missing; install Rust with rustup and run again"
  system_tools
  rust_tools
  axe
  k8s
  say "everything for dev is there"
}

k8s() { scripts/setup/k8s.sh; }

main() {
  # From the top of the repository, so that rustup reads its toolchain file.
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  case "${1:-}" in
    dev | all) dev ;;
    k8s) k8s ;;
    --help | -h) usage ;;
    *) usage >&2; exit 2 ;;
  esac
}

main "$@"
