#!/usr/bin/env bash
# secrets.sh - make, rotate and check the Secrets of endpoint-stats in a cluster.
#
# Usage: scripts/deployment/secrets.sh create [OPTION]...
#        scripts/deployment/secrets.sh rotate NAME [OPTION]...
#        scripts/deployment/secrets.sh show-token [OPTION]...
#        scripts/deployment/secrets.sh check [OPTION]...
#
#   create      makes the namespace and every Secret that is missing, and keeps what is there
#   rotate      a new password, secret or certificate, in the Secret and in what uses it; NAME is one of database-owner,
#               database-api, database-report, database-backup, database-monitor, database-superuser, cache,
#               caller-secret, database-tls, api-tls, private-ca
#   show-token  prints the first token of an administrator, once: the Secret first-token, which holds it, is deleted
#   check       says what is missing, what does not fit together, and which certificate ends within 30 days
#
#   --namespace  endpoint-stats by default
#   --context    the cluster, as kubectl names it
#   --host       the host of the Ingress, which the certificate api-tls names; stats.example.com by default
#   --timeout    seconds to wait for pods; 600 by default
#   --dry-run    changes nothing and prints what would be written, without the values
#
# A value is never an argument of a process and in no message; what openssl needs as a file is in a folder of this user
# alone, which goes with the script. Only show-token prints a secret. Tokens are made and revoked with the server's
# program, see docs/access.md.
#
# Exit codes: 0 done, or all is well; 1 something failed, or check found something; 2 wrong usage.
set -euo pipefail

# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

readonly PASSWORDS=(database-superuser database-owner database-api database-report database-backup database-monitor)
readonly CA_DAYS=3650 CERTIFICATE_DAYS=397 SOON=$((30 * 24 * 3600))
# What the server needs as a cache (docs/redis.md), and what a monitor asks.
readonly RIGHTS_OF_CACHE='~es1:* &es1:* -@all +@connection -@dangerous +get +getrange +set +publish +subscribe +unsubscribe'
readonly RIGHTS_OF_MONITOR='-@all +@connection -@dangerous +info +slowlog|len +latency|latest'

command="" subject="" host="" folder="" problems=0
declare -A data=()

parse() {
  case ${1:-} in
    create | show-token | check) command=$1 && shift ;;
    rotate)
      command=rotate && shift
      needs_value rotate "$@"
      subject=$1 && shift
      ;;
    --help | -h) usage && exit ;;
    *) wrong "expected create, rotate, show-token or check" ;;
  esac
  while (($# > 0)); do
    taken=2
    case $1 in
      --host) needs_value "$@" && host=$2 ;;
      *) shared_option "$@" ;;
    esac
    shift "$taken"
  done
  namespace=${namespace:-endpoint-stats}
  [[ $namespace =~ ^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$ ]] || wrong "$namespace is no name of a namespace"
  [[ -z $host || $host =~ ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$ ]] || wrong "--host takes a name such as stats.example.com, not $host"
}

# === what is there ===

is_there() { # Secret
  local found
  found=$(ask get secret "$1" --ignore-not-found --output=name) || fail "cannot look for the Secret $1 in namespace $namespace"
  [[ -n $found ]]
}

value() { # Secret, key
  ask get secret "$1" --output=go-template="{{with index .data \"$2\"}}{{.}}{{end}}" | base64 -d
}

save() { # Secret, key, file
  value "$1" "$2" >"$3" || fail "cannot read the Secret $1"
  [[ -s $3 ]] || fail "the Secret $1 has no $2"
}

# === what is written ===

manifest() { # Secret, type
  local key
  printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  labels:\n' "$1"
  printf '    app.kubernetes.io/%s: endpoint-stats\n' name part-of
  printf 'type: %s\ndata:\n' "$2"
  for key in $(printf '%s\n' "${!data[@]}" | sort); do
    if [[ -n $dry_run ]]; then
      printf '  %s: "***"\n' "$key"
    else
      printf '  %s: %s\n' "$key" "$(printf '%s' "${data[$key]}" | base64 | tr -d '\n')"
    fi
  done
}

write() { # create or replace, Secret, type
  if [[ -n $dry_run ]]; then
    printf -- '---\n'
    manifest "$2" "${3:-Opaque}"
    return
  fi
  manifest "$2" "${3:-Opaque}" | kube "$1" -f - >/dev/null || return 1
  say "wrote the Secret $2"
}

random() { # bytes
  local digits
  digits=$(openssl rand -hex "$1") || fail "openssl gave no random bytes"
  ((${#digits} == 2 * $1)) || fail "openssl gave too few random bytes"
  printf '%s' "$digits"
}

new_password() {
  data[password]=$(random 32) || exit 1
}

user() { if [[ $1 == database-superuser ]]; then printf postgres; else printf 'endpoint_stats_%s' "${1#database-}"; fi; }

fill_password() { # Secret
  data=([username]=$(user "$1"))
  new_password
}

acl_user() { # name, password, rights
  printf 'user %s on #%s %s\n' "$1" "$(printf '%s' "$2" | openssl dgst -sha256 -r | cut -d ' ' -f 1)" "$3"
}

fill_cache() {
  data=()
  new_password
  data[monitor-password]=$(random 32) || exit 1
  data[users.acl]=$(
    printf 'user default off resetpass -@all\n'
    acl_user cache "${data[password]}" "$RIGHTS_OF_CACHE"
    acl_user monitor "${data[monitor-password]}" "$RIGHTS_OF_MONITOR"
  )$'\n'
}

fill_caller_secret() {
  data=()
  data[secret]=$(random 32) || exit 1
}

# === certificates ===

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

# === create ===

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

fill_database_ca() {
  fetch_ca
  data=([ca.crt]=$(cat "$folder/ca.crt")$'\n')
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

# The token first: without the file nobody knows it, and the next run makes both anew.
create_tokens() {
  local made
  if is_there api-tokens; then
    say "the Secret api-tokens is there"
    return
  fi
  made=$("$repository/scripts/deployment/first-token.sh") || fail "could not make a token"
  data=([token]=${made%%$'\n'*})
  if is_there first-token; then
    write replace first-token Opaque || fail "could not write the Secret first-token"
  else
    write create first-token Opaque || fail "could not make the Secret first-token"
  fi
  data=([tokens.json]=${made#*$'\n'}$'\n')
  write create api-tokens Opaque || fail "could not make the Secret api-tokens; run this again"
  say "the first token of an administrator: scripts/deployment/secrets.sh show-token $(same_place | tr '\n' ' ')"
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
  create_tokens
}

# === rotate ===

replace() { # Secret, type
  write replace "$1" "$2" || fail "could not replace the Secret $1; it is as it was"
}

in_database() { kube exec -i database-0 --container=database -- psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$@"; }

# The password is in the input, and the first lines keep it out of the server's log.
alter_role() { # role, password
  in_database --output=/dev/null <<SQL
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
ALTER ROLE "$1" PASSWORD '${2//\'/\'\'}';
SQL
}

rotate_password() { # Secret
  local old
  old=$(value "$1" password)
  fill_password "$1"
  if [[ -n $dry_run ]]; then
    say "would run ALTER ROLE ${data[username]} in database-0"
    write replace "$1" kubernetes.io/basic-auth
    return
  fi
  alter_role "${data[username]}" "${data[password]}" || fail "the database took no new password for ${data[username]}; nothing was changed"
  if ! write replace "$1" kubernetes.io/basic-auth; then
    alter_role "${data[username]}" "$old" || fail "the role ${data[username]} and the Secret $1 differ now: run this again"
    fail "could not replace the Secret $1; the old password is in force"
  fi
  say "new connections use the password within about a minute, when the kubelet has brought it to the pods"
}

restart() { # kind and names, or kind and selector
  if [[ -n $dry_run ]]; then
    say "would restart $*"
    return
  fi
  kube rollout restart "$@" >/dev/null || fail "could not restart $*"
  kube rollout status "$@" --timeout="${timeout}s" >/dev/null || fail "$* was restarted and is not ready after $timeout s"
  say "restarted $*"
}

restart_api() { restart deployment --selector=app.kubernetes.io/name=endpoint-stats,app.kubernetes.io/component=api; }

certificate_arrived() {
  [[ $(kube exec database-0 --container=database -- cat /run/secrets/database-tls/tls.crt) == "${data[tls.crt]%$'\n'}" ]]
}

rotate_database_tls() {
  fill_database_tls
  replace database-tls kubernetes.io/tls
  if [[ -n $dry_run ]]; then
    say "would wait for the certificate in database-0 and run pg_reload_conf()"
    return
  fi
  say "waiting until the kubelet has brought the certificate to database-0, about a minute"
  wait_until "$timeout" certificate_arrived || fail "the certificate did not arrive in $timeout s: run this again"
  in_database --output=/dev/null <<<"SELECT pg_reload_conf();" || fail "the database did not read the certificate: run this again"
  say "the database uses the new certificate"
}

# Of the certificate that is there, unless another host is asked for.
rotate_api_tls() {
  if [[ -z $host ]]; then
    save api-tls tls.crt "$folder/old.crt"
    host=$(openssl x509 -in "$folder/old.crt" -noout -ext subjectAltName | sed -n 's/^ *DNS:\([^,]*\).*/\1/p')
  fi
  fill_certificate "$host"
  replace api-tls kubernetes.io/tls
}

# Clients trust both before anything is signed by the new one.
rotate_private_ca() {
  local old
  old=$(value database-ca ca.crt)
  fill_ca
  local ca=("${data[tls.crt]}" "${data[tls.key]}")
  data=([ca.crt]=${ca[0]}$old$'\n')
  replace database-ca Opaque
  data=([tls.crt]=${ca[0]} [tls.key]=${ca[1]})
  replace private-ca kubernetes.io/tls
  restart_api
  rotate_database_tls
  rotate_api_tls
}

rotate() {
  case $subject in
    database-tls | api-tls | private-ca | cache | caller-secret) ;;
    api-tokens | first-token) wrong "tokens are made and revoked with the server's program: see docs/access.md" ;;
    *) [[ " ${PASSWORDS[*]} " == *" $subject "* ]] || wrong "there is no Secret $subject to rotate" ;;
  esac
  is_there "$subject" || fail "the Secret $subject is not in namespace $namespace; create makes it"
  case $subject in
    database-tls) rotate_database_tls ;;
    api-tls) rotate_api_tls ;;
    private-ca) rotate_private_ca ;;
    cache) fill_cache && replace cache Opaque && restart statefulset/cache ;;
    caller-secret) fill_caller_secret && replace caller-secret Opaque && restart_api ;;
    *) rotate_password "$subject" ;;
  esac
}

# === show-token ===

show_token() {
  is_there first-token || fail "the first token was shown already, or never made; make another with the server's program: see docs/access.md"
  if [[ -n $dry_run ]]; then
    say "would print the token and delete the Secret first-token"
    return
  fi
  value first-token token || fail "the Secret first-token has no token"
  printf '\n'
  kube delete secret first-token >/dev/null || fail "the Secret first-token could not be deleted: delete it by hand"
  warn "the token is shown once; the Secret first-token is deleted"
}

# === check ===

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

main() {
  parse "$@"
  need_tools openssl base64
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  umask 077
  case $command in
    create) create_all ;;
    rotate) rotate ;;
    show-token) show_token ;;
    check) check ;;
  esac
}

main "$@"
