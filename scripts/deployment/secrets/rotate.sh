#!/usr/bin/env bash
# rotate.sh - a new value in a Secret and in what uses it.
#
# Usage: source scripts/deployment/secrets/rotate.sh
#
# Run by itself, it only prints this text. rotate is the command `secrets.sh rotate`; the Secret is in $subject.

# shellcheck disable=SC2154 # secrets.sh and what it sources set what is read here
set -euo pipefail

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
    restart_exporter "$1"
    return
  fi
  alter_role "${data[username]}" "${data[password]}" || fail "the database took no new password for ${data[username]}; nothing was changed"
  if ! write replace "$1" kubernetes.io/basic-auth; then
    alter_role "${data[username]}" "$old" || fail "the role ${data[username]} and the Secret $1 differ now: run this again"
    fail "could not replace the Secret $1; the old password is in force"
  fi
  say "new connections use the password within about a minute, when the kubelet has brought it to the pods"
  restart_exporter "$1"
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

restart_deployments() { restart deployment --selector="app.kubernetes.io/name=endpoint-stats,app.kubernetes.io/component=$1"; } # component
restart_api() { restart_deployments api; }

# It reads its password at the start only.
restart_exporter() { # database-monitor or cache
  case $1 in
    database-monitor) restart_deployments postgres-exporter ;;
    cache) restart_deployments redis-exporter ;;
  esac
}

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
    database-tls | api-tls | private-ca | cache | caller-secret | grafana-admin) ;;
    alertmanager) wrong "where alerts go cannot be made: set alertmanager ${RECEIVERS[0]} <FILE" ;;
    api-tokens | first-token) wrong "tokens are made and revoked with the server's program: see docs/access.md" ;;
    *) [[ " ${PASSWORDS[*]} " == *" $subject "* ]] || wrong "there is no Secret $subject to rotate" ;;
  esac
  is_there "$subject" || fail "the Secret $subject is not in namespace $namespace; create makes it"
  case $subject in
    database-tls) rotate_database_tls ;;
    api-tls) rotate_api_tls ;;
    private-ca) rotate_private_ca ;;
    cache) fill_cache && replace cache Opaque && restart statefulset/cache && restart_exporter cache ;;
    caller-secret) fill_caller_secret && replace caller-secret Opaque && restart_api ;;
    grafana-admin) rotate_grafana_admin ;;
    *) rotate_password "$subject" ;;
  esac
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
