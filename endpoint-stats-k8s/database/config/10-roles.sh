#!/usr/bin/env bash
# 10-roles.sh - make the roles and the database of endpoint-stats.
#
# The image runs it at the first start, as superuser and before anybody can connect from outside. Passwords come from
# the files of /run/secrets/passwords. On an error the start ends, and start.sh begins anew; the last step takes away the
# mark that tells it to.
set -euo pipefail

export PASSWORDS="${PASSWORDS:-/run/secrets/passwords}"
readonly NAMES=(owner api report backup monitor)

check_passwords() {
  local name
  for name in "${NAMES[@]}"; do
    if [[ ! -s $PASSWORDS/$name ]]; then
      printf '10-roles: no password in %s/%s; secrets.sh create makes the Secret database-%s\n' \
        "$PASSWORDS" "$name" "$name" >&2
      exit 1
    fi
  done
}

sql() { psql --no-psqlrc --quiet --no-password --set=ON_ERROR_STOP=1 --username=postgres --dbname="$1"; }

# psql reads the files, so no password is an argument of a process; the settings keep statements out of the log.
make_roles() {
  sql postgres <<'SQL'
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';

\set owner `cat "$PASSWORDS/owner"`
\set api `cat "$PASSWORDS/api"`
\set report `cat "$PASSWORDS/report"`
\set backup `cat "$PASSWORDS/backup"`
\set monitor `cat "$PASSWORDS/monitor"`

CREATE ROLE endpoint_stats_writer NOLOGIN;
CREATE ROLE endpoint_stats_reader NOLOGIN;

-- A restore makes a database beside the one in use, and ends the sessions of the latter when it swaps them.
CREATE ROLE endpoint_stats_owner LOGIN CREATEDB PASSWORD :'owner' IN ROLE pg_signal_backend;
CREATE ROLE endpoint_stats_api LOGIN PASSWORD :'api' IN ROLE endpoint_stats_writer;
CREATE ROLE endpoint_stats_report LOGIN PASSWORD :'report' IN ROLE endpoint_stats_reader;
CREATE ROLE endpoint_stats_backup LOGIN PASSWORD :'backup' IN ROLE pg_read_all_data;
CREATE ROLE endpoint_stats_monitor LOGIN PASSWORD :'monitor' IN ROLE pg_monitor;
SQL
}

make_database() {
  sql postgres <<'SQL'
CREATE DATABASE endpoint_stats OWNER endpoint_stats_owner;
REVOKE ALL ON DATABASE endpoint_stats, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE endpoint_stats
    TO endpoint_stats_api, endpoint_stats_report, endpoint_stats_backup, endpoint_stats_monitor;
-- From there a restore swaps.
GRANT CONNECT ON DATABASE postgres TO endpoint_stats_owner;
SQL
}

# On the disk, or a power cut would bring the mark back.
take_away_mark() {
  rm -f "$PGDATA.first-start"
  sync "$(dirname "$PGDATA")"
}

main() {
  check_passwords
  make_roles
  make_database
  take_away_mark
}

main "$@"
