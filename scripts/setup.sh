#!/usr/bin/env bash
# setup.sh - install what the tests and benchmarks of endpoint-stats need.
#
# Usage: scripts/setup.sh dev|k8s|all
#
#   dev  a C compiler (for SQLite), shellcheck, curl, sqlite3, PostgreSQL, Redis, wrk, cargo-nextest, rustfmt, clippy;
#        Chromium with its driver, npm, and axe-core (into target/tools), for the tests of the dashboard
#   k8s  the Kubernetes tools: not part of this release yet, so it installs nothing and exits 3
#   all  the same as dev, and says that the Kubernetes tools are not part of this release yet
#
# Installs only what is missing, after saying what that is. System packages come from apt-get (Debian, Ubuntu; with
# sudo when not root); on other systems it names what to install instead. The tests start their own PostgreSQL and Redis:
# where this installs them, /etc/postgresql-common/createcluster.d/endpoint-stats.conf and a mask of the systemd unit
# redis-server (`systemctl unmask redis-server` takes it back) keep the packages from starting servers.
#
# Exit codes: 0 all is there; 1 something is missing and could not be installed; 2 wrong usage; 3 not in this release.
set -euo pipefail

# Command, and the Debian package that brings it.
readonly SYSTEM_TOOLS=(cc:build-essential shellcheck:shellcheck curl:curl sqlite3:sqlite3 wrk:wrk postgres:postgresql
  redis-server:redis-server redis-cli:redis-tools chromium:chromium chromedriver:chromium-driver npm:npm)
readonly AXE_CORE=axe-core@4.14.1
readonly NO_CLUSTER=/etc/postgresql-common/createcluster.d/endpoint-stats.conf

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }

say() { printf 'setup: %s\n' "$*"; }

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# Debian keeps the programs of a PostgreSQL server off the PATH.
is_there() { command -v "$1" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null; }

missing_packages() {
  local tool
  for tool in "${SYSTEM_TOOLS[@]}"; do
    is_there "${tool%%:*}" || printf '%s\n' "${tool##*:}"
  done
}

as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }
apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }

start_no_postgresql() { as_root install -D -m 644 /dev/stdin "$NO_CLUSTER" <<<"create_main_cluster = off"; }
start_no_redis() {
  as_root install -d /etc/systemd/system
  as_root ln -sfn /dev/null /etc/systemd/system/redis-server.service
}

install_system_tools() {
  local packages
  mapfile -t packages < <(missing_packages)
  if ((${#packages[@]} == 0)); then
    return
  fi
  command -v apt-get >/dev/null || fail "no apt-get here; install these and run again: ${packages[*]}"
  ((EUID == 0)) || command -v sudo >/dev/null || fail "neither root nor sudo; install by hand: ${packages[*]}"
  say "installing ${packages[*]} with apt-get"
  [[ " ${packages[*]} " != *" postgresql "* ]] || start_no_postgresql
  [[ " ${packages[*]} " != *" redis-server "* ]] || start_no_redis
  apt_get update || fail "apt-get could not update its lists"
  apt_get install --yes --no-install-recommends "${packages[@]}" >/dev/null || fail "could not install ${packages[*]}"
}

install_rust_component() { # subcommand of cargo, component of rustup
  if cargo "$1" --version >/dev/null 2>&1; then
    return
  fi
  command -v rustup >/dev/null || fail "cargo $1 is missing and there is no rustup; install the package of $2"
  say "adding the rustup component $2"
  rustup component add "$2" || fail "could not add the component $2"
}

install_nextest() {
  if cargo nextest --version >/dev/null 2>&1; then
    return
  fi
  say "installing cargo-nextest with cargo install (a few minutes)"
  cargo install cargo-nextest --locked || fail "could not install cargo-nextest"
}

# What finds defects of accessibility, for the tests of the dashboard.
install_axe() {
  if [[ -f target/tools/node_modules/axe-core/axe.min.js ]]; then
    return
  fi
  say "installing $AXE_CORE with npm into target/tools"
  mkdir -p target/tools
  npm install --prefix target/tools --no-save --no-audit --no-fund --silent "$AXE_CORE" || fail "could not install $AXE_CORE"
}

dev() {
  command -v cargo >/dev/null || fail "cargo is missing; install Rust with rustup and run again"
  install_system_tools
  install_rust_component fmt rustfmt
  install_rust_component clippy clippy
  install_nextest
  install_axe
  say "everything for dev is there"
}

k8s() { say "the Kubernetes tools are not part of this release yet; nothing was installed for them"; }

main() {
  # From the top of the repository, so that rustup reads its toolchain file.
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  case "${1:-}" in
    dev) dev ;;
    k8s) k8s; exit 3 ;;
    all) dev; k8s ;;
    --help | -h) usage ;;
    *) usage >&2; exit 2 ;;
  esac
}

main "$@"
