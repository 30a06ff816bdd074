#!/usr/bin/env bash
# make-secrets.sh - make the passwords of docker-compose.yml, where there are none yet.
#
# Usage: make-secrets.sh [FOLDER]   (default: /run/secrets)
#
# Runs as the service `secrets`, as root, before all others. FOLDER holds a volume a service: database, cache, server,
# grafana; and data, where the server keeps its tokens: none yet. What is written is readable by the service's user alone.
# Passwords are 256 random bits. Safe to run again: they are kept, and what is made of them is made of them again.
#
# Exit codes: 0 all is there; 1 something could not be written.
set -euo pipefail
umask 077

# The users of the images.
readonly DATABASE=999:999 CACHE=999:999 SERVER=10001:10001 GRAFANA=472:0
readonly RIGHTS='~es1:* &es1:* -@all +@connection +get +getrange +set +publish +subscribe +unsubscribe'

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

users_of_the_cache() { # password
  local hash
  hash=$(printf '%s' "$1" | sha256sum)
  printf 'user default off\nuser cache on #%s %s\n' "${hash%% *}" "$RIGHTS"
}

main() {
  if [[ ${1:-} == --help ]]; then usage && return; fi
  cd "${1:-/run/secrets}"
  keep_or_make "$SERVER" server/database-password random
  keep_or_make "$SERVER" server/cache-password random
  keep_or_make "$SERVER" data/tokens.json no_tokens
  keep_or_make "$GRAFANA" grafana/admin-password random
  write "$DATABASE" database/password <server/database-password
  write "$CACHE" cache/password <server/cache-password
  users_of_the_cache "$(<server/cache-password)" | write "$CACHE" cache/users.acl
  give "$DATABASE" database
  give "$CACHE" cache
  give "$SERVER" server
  give "$SERVER" data
  give "$GRAFANA" grafana
}

main "$@"
