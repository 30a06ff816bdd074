#!/usr/bin/env bats
# A restore puts back exactly what was backed up, or leaves everything as it was: against a real PostgreSQL.

load support/database

setup_file() { start_database; }
teardown_file() { stop_database; }
setup() { reset; }
teardown() {
  [[ -z ${SERVER_PID:-} ]] || kill "$SERVER_PID" 2>/dev/null || true
  rm -rf "$ROOT/stand-ins"
}

lose_hits() { sql endpoint_stats "UPDATE endpoint_stats.endpoint SET hits = 0"; }

restore_with_stand_in() { # program; its text on standard input
  mkdir -p "$ROOT/stand-ins"
  cat >"$ROOT/stand-ins/$1"
  chmod 755 "$ROOT/stand-ins" "$ROOT/stand-ins/$1"
  PATH=$ROOT/stand-ins:$PATH restore
}

nothing_changed() {
  [ "$status" -ne 0 ] && [ "$(hits endpoint_stats)" = 0 ] && [ "$(databases)" = endpoint_stats ]
}

hits_of() { # condition on the name of the service
  sql endpoint_stats "SELECT coalesce(sum(hits), 0) FROM endpoint_stats.endpoint
    JOIN endpoint_stats.service ON service.id = service_id WHERE name $1"
}

start_serving() { # sets SERVER_PID and HTTP
  local try
  for try in {1..10}; do
    HTTP=$((40000 + RANDOM % 10000))
    # Not by the function `program`: the process has to be the one that is ended.
    env -u ENDPOINT_STATS_BIN "$SERVER_PROGRAM" serve --listen "127.0.0.1:$HTTP" --admin-listen "127.0.0.1:$((HTTP + 10000))" --flush-secs 1 \
      --database-url "$(url endpoint_stats_api endpoint_stats)" >"$ROOT/serve.log" 2>&1 3>&- &
    SERVER_PID=$!
    while kill -0 "$SERVER_PID" 2>/dev/null; do
      if curl -sf "http://127.0.0.1:$((HTTP + 10000))/ready" >/dev/null; then return; fi
      sleep 0.1
    done
  done
  return 1
}

@test "what was lost is back, and what was there is kept" {
  backup
  lose_hits

  run restore

  [ "$status" -eq 0 ]
  [ "$(hits endpoint_stats)" = 3500 ]
  kept=$(databases | cut -d ' ' -f 2)
  [[ "$kept" == endpoint_stats_before_* ]]
  [ "$(hits "$kept")" = 0 ]
  [[ "$output" == *"to go back: --undo $kept"* ]]
}

@test "a restore can be undone, and the undoing too" {
  backup
  lose_hits
  restore
  kept=$(databases | cut -d ' ' -f 2)

  restore --undo "$kept"

  [ "$(hits endpoint_stats)" = 0 ]
  undone=$(databases | cut -d ' ' -f 2)
  [[ "$undone" == endpoint_stats_undone_* ]]
  [ "$(hits "$undone")" = 3500 ]
}

@test "owner, rights and settings of the database are those it had" {
  described() {
    sql postgres "SELECT pg_get_userbyid(datdba), datacl, encoding, datcollate, datctype, setconfig
      FROM pg_database LEFT JOIN pg_db_role_setting ON setdatabase = pg_database.oid WHERE datname = 'endpoint_stats'"
    sql endpoint_stats "SELECT relname, relowner::regrole, relacl FROM pg_class
      WHERE relnamespace = 'endpoint_stats'::regnamespace ORDER BY relname"
  }
  before=$(described)
  backup

  restore

  [ "$(described)" = "$before" ]
  [ "$(sql endpoint_stats 'SHOW search_path')" = "endpoint_stats, public" ]
}

@test "a named backup is restored, not the newest" {
  backup
  first=$(newest)
  lose_hits
  backup

  restore --backup "$first"

  [ "$(hits endpoint_stats)" = 3500 ]
}

@test "a database that is gone is restored" {
  backup
  sql postgres "DROP DATABASE endpoint_stats"

  run restore

  [ "$status" -eq 0 ]
  [ "$(databases)" = endpoint_stats ]
  [ "$(hits endpoint_stats)" = 3500 ]
}

@test "a server that runs goes on after the restore, and counts what comes" {
  backup
  start_serving
  curl -sf "http://127.0.0.1:$HTTP/" >/dev/null

  restore

  for _ in {1..20}; do curl -sf "http://127.0.0.1:$HTTP/" >/dev/null; done
  kill -0 "$SERVER_PID"
  for _ in {1..300}; do
    program roll-up --database-url "$(url endpoint_stats_owner endpoint_stats)" >/dev/null
    [ "$(hits_of "NOT IN ('web', 'shop')")" -lt 20 ] || break
    sleep 0.1
  done
  [ "$(hits_of "NOT IN ('web', 'shop')")" -ge 20 ]
  [ "$(hits_of "IN ('web', 'shop')")" = 3500 ]
}

@test "clients that come back at once do not keep the databases from being swapped" {
  backup
  lose_hits
  for _ in 1 2 3 4; do
    (while [ -e "$BACKUPS" ]; do psql -X -d "$(url endpoint_stats_api endpoint_stats)" -c "SELECT pg_sleep(60)" || true; done) \
      >/dev/null 2>&1 3>&- &
  done
  clients=$(jobs -p)
  until [ "$(sql postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = 'endpoint_stats'")" -ge 3 ]; do sleep 0.1; done

  run restore
  # shellcheck disable=SC2086
  kill $clients || true
  sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'endpoint%'" >/dev/null

  [ "$status" -eq 0 ]
  [ "$(hits endpoint_stats)" = 3500 ]
}

@test "a dry run changes nothing" {
  backup
  lose_hits

  run restore --dry-run

  [ "$status" -eq 0 ]
  [[ "$output" == *"nothing was changed"* ]]
  [ "$(hits endpoint_stats)" = 0 ]
  [ "$(databases)" = endpoint_stats ]
}

@test "roles that are missing are named before anything is made" {
  sql postgres "CREATE ROLE auditor NOLOGIN"
  sql endpoint_stats "GRANT SELECT ON ALL TABLES IN SCHEMA endpoint_stats TO auditor"
  backup
  sql endpoint_stats "DROP OWNED BY auditor"
  sql postgres "DROP ROLE auditor"
  lose_hits

  run restore

  nothing_changed
  [[ "$output" == *"the server lacks roles"*"auditor"* ]]
}

@test "a role that may not do it is refused, with what it lacks" {
  backup

  run as_user bash "$ROOT/engine/restore.sh" --database-url "$(url endpoint_stats_api postgres)" --folder "$BACKUPS"

  [ "$status" -eq 1 ]
  [[ "$output" == *"ALTER ROLE endpoint_stats_api CREATEDB; GRANT pg_signal_backend TO endpoint_stats_api;"* ]]
  [ "$(databases)" = endpoint_stats ]
}

@test "a role that may make databases but is not the owner is refused" {
  sql postgres "DROP ROLE IF EXISTS somebody; CREATE ROLE somebody LOGIN CREATEDB IN ROLE pg_signal_backend"
  backup

  run as_user bash "$ROOT/engine/restore.sh" --database-url "$(url somebody postgres)" --folder "$BACKUPS"

  [ "$status" -eq 1 ]
  [[ "$output" == *"the database belonged to endpoint_stats_owner"* ]]
  [ "$(databases)" = endpoint_stats ]
}

@test "the owner restores without being a superuser" {
  sql postgres "ALTER ROLE endpoint_stats_owner CREATEDB; GRANT pg_signal_backend TO endpoint_stats_owner"
  backup
  lose_hits

  run as_user bash "$ROOT/engine/restore.sh" --database-url "$(url endpoint_stats_owner postgres)" --folder "$BACKUPS"

  [ "$status" -eq 0 ]
  [ "$(hits endpoint_stats)" = 3500 ]
}

@test "a pg_restore that fails on its way leaves everything as it was" {
  backup
  lose_hits

  run restore_with_stand_in pg_restore <<STAND_IN
#!/bin/bash
case " \$* " in
  *" --dbname "*) "$(command -v pg_restore)" "\$@" --section pre-data; echo "pg_restore: error: lost" >&2; exit 1 ;;
  *) exec "$(command -v pg_restore)" "\$@" ;;
esac
STAND_IN

  nothing_changed
}

@test "a restore that loses rows without an error leaves everything as it was" {
  backup
  lose_hits

  run restore_with_stand_in pg_restore <<STAND_IN
#!/bin/bash
case " \$* " in
  *" --dbname "*) exec "$(command -v pg_restore)" "\$@" --section pre-data --section post-data ;;
  *) exec "$(command -v pg_restore)" "\$@" ;;
esac
STAND_IN

  nothing_changed
  [[ "$output" == *"services/web/hits: 2000 in the manifest, nothing in the database"* ]]
}

@test "a restore that is killed leaves the running database as it was, at any step" {
  backup
  lose_hits
  for program in pg_restore comm; do
    mkdir -p "$ROOT/stand-ins"
    printf '#!/bin/bash\n[[ " $* " == *" --dbname "* || %s == comm ]] || exec "%s" "$@"\n"%s" "$@"\nkill -KILL 0\n' \
      "$program" "$(command -v "$program")" "$(command -v "$program")" >"$ROOT/stand-ins/$program"
    chmod -R 755 "$ROOT/stand-ins"

    run as_user setsid --wait env PATH="$ROOT/stand-ins:$PATH" bash "$ROOT/engine/restore.sh" \
      --database-url "$(url postgres postgres)" --folder "$BACKUPS"

    [ "$status" -eq 137 ]
    [ "$(hits endpoint_stats)" = 0 ]
    rm -rf "$ROOT/stand-ins"
  done

  run restore
  [ "$status" -eq 0 ]
  [[ "$output" == *"left by a restore that was killed"*"endpoint_stats_restored_"* ]]
}

@test "the database of another restore that runs is not touched" {
  backup
  sql postgres "CREATE DATABASE endpoint_stats_restored_20260101t000000000"

  run restore_with_stand_in date <<<"#!/bin/bash
[[ \$* != *%H%M%S%3N ]] || { echo 20260101t000000000; exit; }
exec $(command -v date) \"\$@\""

  [ "$status" -eq 1 ]
  [[ "$output" == *"is there already"* ]]
  [[ "$(databases)" == *endpoint_stats_restored_20260101t000000000* ]]
}

@test "a swap that fails halfway leaves the old database under its name" {
  backup
  lose_hits
  # The second rename cannot work: the name is taken as soon as the first has been done.
  sed -i 's/^  query "$url" --file "$work_dir\/rename.sql"/  sed -i "s,_restored_,_vanished_," "$work_dir\/rename.sql"\n&/' "$ROOT/engine/restore.sh"

  run restore
  cp "$REPOSITORY/endpoint-stats-k8s/maintenance/scripts/restore.sh" "$ROOT/engine/restore.sh"

  nothing_changed
}

@test "no backup, a name that is none, and one that is not there are refused" {
  run restore
  [ "$status" -eq 1 ]
  [[ "$output" == *"no backup in"* ]]

  run restore --backup ../elsewhere
  [ "$status" -eq 1 ]
  [[ "$output" == *"is no name of a backup"* ]]

  run restore --backup endpoint-stats-20200101T000000Z
  [ "$status" -eq 1 ]
  [[ "$output" == *"is not there"* ]]
  [ "$(databases)" = endpoint_stats ]
}
