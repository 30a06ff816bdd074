#!/usr/bin/env bash
# make-monitor.sh - make the role of PostgreSQL that postgres-exporter asks with.
#
# The image runs it at the first start, before anybody can connect from outside. The password is that of the service
# `secrets`; psql reads the file, so it is no argument of a process, and no log shows it.
set -euo pipefail

make_role() {
  psql --no-psqlrc --quiet --no-password --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_USER" <<'SQL'
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
\set monitor `cat /run/secrets/monitor-password`
CREATE ROLE endpoint_stats_monitor LOGIN PASSWORD :'monitor' IN ROLE pg_monitor;
SQL
}

make_role
