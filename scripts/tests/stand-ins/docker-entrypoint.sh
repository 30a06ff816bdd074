#!/usr/bin/env bash
# docker-entrypoint.sh - does what the entrypoint of the image postgres does, in the same order, with PostgreSQL's programs.
#
# Usage: docker-entrypoint.sh postgres ARGUMENT...
#
# $INIT_SCRIPTS is its /docker-entrypoint-initdb.d.
set -Eeuo pipefail

initialise() {
  eval "initdb --username=postgres --pwfile=<(printf '%s\n' \"\$(<\"\$POSTGRES_PASSWORD_FILE\")\") $POSTGRES_INITDB_ARGS" >&2
  printf '\nhost all all all %s\n' "$(postgres -C password_encryption "${@:2}")" >>"$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "$(printf '%q ' "${@:2}" -c listen_addresses='' -p "$PGPORT")" -w start >&2
  local script
  for script in "$INIT_SCRIPTS"/*.sh; do
    "$script"
  done
  pg_ctl -D "$PGDATA" -m fast -w stop >&2
}

main() {
  if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"
    exit
  fi
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  if [[ ! -s $PGDATA/PG_VERSION ]]; then
    initialise "$@"
  fi
  exec "$@"
}

main "$@"
