#!/usr/bin/env bash
# make-secrets.sh - make the passwords of docker-compose.yml, where there are none yet.
#
# Usage: make-secrets.sh [FOLDER]   (default: /run/secrets)
#
# Runs as the service `secrets`, as root, before all others. FOLDER holds a volume a service: database, cache, server,
# grafana, alertmanager, postgres-exporter, redis-exporter; and data, where the server keeps its tokens: none yet. What is
# written is readable by the service's user alone. Alertmanager's addresses lead nowhere until others are put there.
# Passwords are 256 random bits. Safe to run again: they are kept, and what is made of them is made of them again.
#
# Exit codes: 0 all is there; 1 something could not be written.
set -euo pipefail
umask 077

# The users of the images.
readonly DATABASE=999:999 CACHE=999:999 SERVER=10001:10001 GRAFANA=472:0 NOBODY=65534:65534 REDIS_EXPORTER=59000:59000
readonly RIGHTS='~es1:* &es1:* -@all +@connection +get +getrange +set +publish +subscribe +unsubscribe'
readonly RIGHTS_OF_MONITOR='-@all +@connection -@dangerous +info +slowlog|len +latency|latest'

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }

random() { od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n'; }

write() { # owner, file; the text from stdin
  cat >"$2.new"
  chown "$1" "$2.new"
  mv "$2.new" "$2"
}

keep_or_make() { [[ -s $2 ]] || "${@:3}" | write "$1" "$2"; } # owner, file, command...

no_tokens() { printf '{"version": 1, "tokens": []}\n'; }

give() { chmod 700 "$2" && chown "$1" "$2"; } # owner, folder

nowhere() { printf 'http://127.0.0.1:9/'; }

hash_of() {
  local hash
  hash=$(sha256sum <"$1")
  printf '%s' "${hash%% *}"
}

users_of_the_cache() {
  printf 'user default off\nuser cache on #%s %s\n' "$(hash_of server/cache-password)" "$RIGHTS"
  printf 'user monitor on #%s %s\n' "$(hash_of cache/monitor-password)" "$RIGHTS_OF_MONITOR"
}

# What redis_exporter reads instead of a password.
password_map() { printf '{"redis://monitor@cache:6379":"%s"}\n' "$(<cache/monitor-password)"; }

main() {
  if [[ ${1:-} == --help ]]; then usage && return; fi
  cd "${1:-/run/secrets}"
  keep_or_make "$SERVER" server/database-password random
  keep_or_make "$SERVER" server/cache-password random
  keep_or_make "$SERVER" data/tokens.json no_tokens
  keep_or_make "$GRAFANA" grafana/admin-password random
  keep_or_make "$NOBODY" alertmanager/critical-url nowhere
  keep_or_make "$NOBODY" alertmanager/warning-url nowhere
  keep_or_make "$NOBODY" postgres-exporter/password random
  keep_or_make "$CACHE" cache/monitor-password random
  write "$DATABASE" database/password <server/database-password
  write "$CACHE" cache/password <server/cache-password
  write "$DATABASE" database/monitor-password <postgres-exporter/password
  users_of_the_cache | write "$CACHE" cache/users.acl
  password_map | write "$REDIS_EXPORTER" redis-exporter/passwords.json
  give "$DATABASE" database
  give "$CACHE" cache
  give "$SERVER" server
  give "$SERVER" data
  give "$GRAFANA" grafana
  give "$NOBODY" alertmanager
  give "$NOBODY" postgres-exporter
  give "$REDIS_EXPORTER" redis-exporter
}

main "$@"
