#!/usr/bin/env bash
# certificates.sh - the private CA and the certificates that it signs.
#
# Usage: source scripts/deployment/secrets/certificates.sh
#
# Run by itself, it only prints this text. Keys and certificates pass through files in $folder, and each fill_… leaves in
# $data what values.sh makes the Secret of.

# shellcheck disable=SC2154 # secrets.sh and what it sources set what is read here
# shellcheck disable=SC2034 # values.sh writes what is in $data
set -euo pipefail

readonly CA_DAYS=3650 CERTIFICATE_DAYS=397

new_key() { # file
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null || fail "openssl made no key"
}

fill_ca() {
  new_key "$folder/ca.key"
  openssl req -x509 -new -sha256 -key "$folder/ca.key" -days "$CA_DAYS" -subj "/CN=endpoint-stats private CA ($namespace)" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
    -out "$folder/ca.crt" || fail "openssl made no certificate of the CA"
  data=([tls.crt]=$(cat "$folder/ca.crt")$'\n' [tls.key]=$(cat "$folder/ca.key")$'\n')
}

fetch_ca() {
  if [[ -s $folder/ca.key ]]; then
    return
  fi
  is_there private-ca || fail "a certificate is to be made and the Secret private-ca is missing: put it back, or put your" \
    "own certificate into the Secret; docs: endpoint-stats-k8s/security/private-ca.md"
  save private-ca tls.crt "$folder/ca.crt"
  save private-ca tls.key "$folder/ca.key"
}

fill_database_ca() {
  fetch_ca
  data=([ca.crt]=$(cat "$folder/ca.crt")$'\n')
}

fill_certificate() { # host...
  local names="DNS:$1" name
  fetch_ca
  new_key "$folder/tls.key"
  for name in "${@:2}"; do
    names+=",DNS:$name"
  done
  printf '%s\n' "subjectAltName=$names" basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature \
    extendedKeyUsage=serverAuth >"$folder/extensions"
  openssl req -new -sha256 -key "$folder/tls.key" -subj "/CN=$1" -out "$folder/request" || fail "openssl made no request"
  openssl x509 -req -sha256 -in "$folder/request" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -days "$CERTIFICATE_DAYS" \
    -set_serial "0x$(random 16)" -extfile "$folder/extensions" -out "$folder/tls.crt" 2>/dev/null ||
    fail "openssl made no certificate of $1"
  data=([tls.crt]=$(cat "$folder/tls.crt")$'\n' [tls.key]=$(cat "$folder/tls.key")$'\n')
}

names_of_database() {
  local service
  for service in db database database-headless database-0.database-headless; do
    printf '%s\n' "$service" "$service.$namespace" "$service.$namespace.svc" "$service.$namespace.svc.cluster.local"
  done
}

fill_database_tls() {
  local names
  mapfile -t names < <(names_of_database)
  fill_certificate "${names[@]}"
  data[ca.crt]=$(cat "$folder/ca.crt")$'\n'
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
