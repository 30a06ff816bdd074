#!/usr/bin/env bash
# check.sh - what is missing, does not fit together, or ends soon.
#
# Usage: source scripts/deployment/secrets/check.sh
#
# Run by itself, it only prints this text. check is the command `secrets.sh check`; each check_… prints what it finds.

# shellcheck disable=SC2154 # secrets.sh and what it sources set what is read here
set -euo pipefail

readonly SOON=$((30 * 24 * 3600))

problems=0

problem() {
  problems=$((problems + 1))
  printf '%s\n' "$*"
}

check_keys() { # Secret, keys...
  local keys key
  if ! is_there "$1"; then
    problem "$1: missing"
    return
  fi
  # shellcheck disable=SC2016 # a template of kubectl's, not of the shell
  keys=$(ask get secret "$1" --output=go-template='{{range $key, $value := .data}}{{if $value}}{{$key}}{{"\n"}}{{end}}{{end}}') ||
    fail "cannot read the Secret $1"
  for key in "${@:2}"; do
    grep -qx -- "${key//./\\.}" <<<"$keys" || problem "$1: $key is missing or empty"
  done
}

check_certificate() { # Secret, key, names...
  local name
  if ! is_there "$1"; then
    return
  fi
  value "$1" "$2" >"$folder/checked.crt"
  if ! openssl x509 -in "$folder/checked.crt" -noout 2>/dev/null; then
    problem "$1: $2 is no certificate"
    return
  fi
  openssl x509 -in "$folder/checked.crt" -noout -checkend "$SOON" >/dev/null ||
    problem "$1: the certificate ends $(openssl x509 -in "$folder/checked.crt" -noout -enddate | cut -d = -f 2); rotate $1"
  for name in "${@:3}"; do
    openssl x509 -in "$folder/checked.crt" -noout -checkhost "$name" | grep -q 'does match' ||
      problem "$1: the certificate does not name $name"
  done
}

check_pair() { # Secret
  if ! is_there "$1"; then
    return
  fi
  value "$1" tls.crt | openssl x509 -noout -pubkey >"$folder/of-certificate" 2>/dev/null || true
  value "$1" tls.key | openssl pkey -pubout >"$folder/of-key" 2>/dev/null || true
  cmp -s "$folder/of-certificate" "$folder/of-key" || problem "$1: the key is not that of the certificate"
}

check_chain() {
  if ! is_there database-tls || ! is_there database-ca; then
    return
  fi
  value database-tls tls.crt >"$folder/checked.crt"
  value database-ca ca.crt >"$folder/roots.crt"
  openssl verify -CAfile "$folder/roots.crt" "$folder/checked.crt" >/dev/null 2>&1 ||
    problem "database-tls: the certificate is not signed by database-ca"
}

check() {
  local name
  for name in "${PASSWORDS[@]}"; do
    check_keys "$name" username password
  done
  check_keys database-ca ca.crt
  check_keys database-tls tls.crt tls.key
  check_keys api-tls tls.crt tls.key
  check_keys cache password monitor-password users.acl
  check_keys caller-secret secret
  check_keys api-tokens tokens.json
  check_keys grafana-admin username password
  check_keys alertmanager "${RECEIVERS[@]}"
  check_receivers
  check_certificate database-tls tls.crt db "db.$namespace.svc"
  check_certificate database-ca ca.crt
  check_certificate api-tls tls.crt ${host:+"$host"}
  check_pair database-tls
  check_pair api-tls
  check_chain
  if is_there private-ca; then
    check_certificate private-ca tls.crt
    check_pair private-ca
  else
    say "the Secret private-ca is not there: certificates come from elsewhere"
  fi
  ((problems == 0)) || fail "$problems found in namespace $namespace"
  say "all Secrets of namespace $namespace are well"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
