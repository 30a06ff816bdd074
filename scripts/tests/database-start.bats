#!/usr/bin/env bats
# The first start of endpoint-stats-k8s/database, cut off and begun again, on a real PostgreSQL.

load database.bash

setup() { prepare_database; }

teardown() {
  stop_database
  rm -rf "$ROOT"
}

as_superuser() {
  as_postgres env -i PATH=/usr/bin:/bin LC_ALL=C "$PROGRAMS/psql" --no-psqlrc --tuples-only --no-align \
    --host="$ROOT/var/run/postgresql" --port="$PORT" --dbname=endpoint_stats --command="$1"
}

@test "a first start that failed is begun anew, and what is there is kept from then on" {
  mv "$ROOT/run/secrets/passwords/report" "$ROOT/kept"
  start_database
  run wait_until_ready
  [ "$status" -ne 0 ]
  grep "no password in .*/report; secrets.sh create makes the Secret database-report" "$ROOT/log"
  [ -s "$ROOT/data/pgdata/PG_VERSION" ]
  stop_database

  mv "$ROOT/kept" "$ROOT/run/secrets/passwords/report"
  start_database
  wait_until_ready || { cat "$ROOT/log"; return 1; }
  as_superuser "CREATE TABLE t (n int); INSERT INTO t VALUES (7)"
  stop_database

  start_database
  wait_until_ready || { cat "$ROOT/log"; return 1; }
  run as_superuser "SELECT n FROM t"
  [ "$output" = 7 ]
}

@test "a folder that holds other things is left alone" {
  mkdir "$ROOT/data/pgdata"
  : >"$ROOT/data/pgdata/precious"
  owned_by_postgres "$ROOT/data/pgdata" "$ROOT/data/pgdata/precious"

  start_database
  run wait_until_ready

  [ "$status" -ne 0 ]
  grep "exists but is not empty" "$ROOT/log"
  [ -e "$ROOT/data/pgdata/precious" ]
}

@test "a server that is told to stop ends its sessions and leaves a clean database" {
  start_database
  wait_until_ready || { cat "$ROOT/log"; return 1; }
  as_superuser "SELECT pg_sleep(30)" &
  until [ "$(as_superuser "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)' AND state = 'active'")" = 1 ]; do :; done

  # The manifest's preStop.
  as_postgres env PGDATA="$ROOT/data/pgdata" "$PROGRAMS/pg_ctl" stop --mode=fast --no-wait
  timeout 10 tail --pid="$SERVER" -f /dev/null

  run as_postgres "$PROGRAMS/pg_controldata" "$ROOT/data/pgdata"
  [[ $output == *"cluster state:"*"shut down"$'\n'* ]]
}
