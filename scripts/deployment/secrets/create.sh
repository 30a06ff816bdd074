#!/usr/bin/env bash
# create.sh - the namespace and every Secret that is missing.
#
# Usage: source scripts/deployment/secrets/create.sh
#
# Run by itself, it only prints this text. create_all is the command `secrets.sh create`.

# shellcheck disable=SC2154 # secrets.sh and what it sources set what is read here
set -euo pipefail

create_namespace() {
  local file="$repository/endpoint-stats-k8s/core/namespace.yaml"
  if namespace_is_there; then
    return
  fi
  say "making the namespace $namespace"
  if [[ -n $dry_run ]]; then
    printf -- '---\n'
    sed "s/^  name: .*/  name: $namespace/" "$file"
    return
  fi
  sed "s/^  name: .*/  name: $namespace/" "$file" | kube apply -f - >/dev/null || fail "could not make the namespace $namespace"
}

create() { # Secret, type, what fills it...
  if is_there "$1"; then
    say "the Secret $1 is there"
    return
  fi
  "${@:3}"
  write create "$1" "$2" || fail "could not make the Secret $1; run this again, it keeps what is there"
}

# A CA that is new would not fit what an old one has signed.
create_ca() {
  local signed
  if ! is_there private-ca; then
    for signed in database-ca database-tls; do
      if is_there "$signed"; then
        say "the Secret private-ca is not there and $signed is; no CA is made"
        return
      fi
    done
  fi
  create private-ca kubernetes.io/tls fill_ca
}

create_all() {
  local name
  create_namespace
  for name in "${PASSWORDS[@]}"; do
    create "$name" kubernetes.io/basic-auth fill_password "$name"
  done
  create_ca
  create database-ca Opaque fill_database_ca
  create database-tls kubernetes.io/tls fill_database_tls
  create api-tls kubernetes.io/tls fill_certificate "${host:-stats.example.com}"
  create cache Opaque fill_cache
  create caller-secret Opaque fill_caller_secret
  create grafana-admin kubernetes.io/basic-auth fill_grafana_admin
  create alertmanager Opaque fill_alertmanager
  create_tokens
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
