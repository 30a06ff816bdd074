#!/usr/bin/env bats
# The settings, the init script and the start script of endpoint-stats-k8s/database, on a real PostgreSQL.

load database.bash

setup_file() {
  prepare_database
  start_database
  export SERVER
  wait_until_ready || { cat "$ROOT/log" >&2; return 1; }
}

teardown_file() {
  stop_database
  rm -rf "$ROOT"
}

password() { cat "$ROOT/run/secrets/passwords/$1"; }

connect() { # role, password, connection words, SQL
  env -i PATH=/usr/bin:/bin LC_ALL=C PGPASSWORD="$2" PGCONNECT_TIMEOUT=10 "$PROGRAMS/psql" --no-psqlrc --no-password \
    --tuples-only --no-align --set=ON_ERROR_STOP=1 \
    --command="$4" "hostaddr=127.0.0.1 port=$PORT user=endpoint_stats_$1 dbname=endpoint_stats $3"
}

verified() { printf 'host=%s sslmode=verify-full sslrootcert=%s' "${1:-db}" "$ROOT/run/secrets/database-tls/ca.crt"; }

as() { connect "$1" "$(password "$1")" "$(verified)" "$2"; }

as_superuser() {
  as_postgres env -i PATH=/usr/bin:/bin LC_ALL=C "$PROGRAMS/psql" --no-psqlrc --tuples-only --no-align \
    --host="$ROOT/var/run/postgresql" --port="$PORT" --dbname="${2:-endpoint_stats}" --command="$1"
}

as_superuser_reads() {
  as_postgres env -i PATH=/usr/bin:/bin LC_ALL=C "$PROGRAMS/psql" --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \
    --host="$ROOT/var/run/postgresql" --port="$PORT" --output=/dev/null
}

@test "every role logs in over TLS, with a certificate that names the host" {
  for role in "${ROLES[@]}"; do
    run as "$role" "SELECT current_user, ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    [ "$output" = "endpoint_stats_$role|t|TLSv1.3" ]
  done
}

@test "another name than those of the certificate is refused by the client" {
  run connect api "$(password api)" "$(verified other)" "SELECT 1"
  [ "$status" -ne 0 ]
  [[ $output == *"does not match host name"* ]]
}

@test "a wrong password is refused for every role" {
  for role in "${ROLES[@]}"; do
    run connect "$role" wrong "$(verified)" "SELECT 1"
    [ "$status" -ne 0 ]
    [[ $output == *"password authentication failed"* ]]
  done
}

@test "a connection that is not encrypted is refused, also with the right password" {
  for role in "${ROLES[@]}"; do
    run connect "$role" "$(password "$role")" "sslmode=disable" "SELECT 1"
    [ "$status" -ne 0 ]
    [[ $output == *"no pg_hba.conf entry"*"no encryption"* ]]
  done
}

@test "the superuser is refused over the network and let in from inside the pod" {
  run env PGPASSWORD="$(password superuser)" "$PROGRAMS/psql" --command="SELECT 1" \
    "hostaddr=127.0.0.1 port=$PORT user=postgres dbname=postgres $(verified)"
  [ "$status" -ne 0 ]
  [[ $output == *"pg_hba.conf rejects connection"* ]]

  run as_superuser "SELECT current_user"
  [ "$output" = postgres ]
}

@test "no other role is let in without TLS on the socket" {
  run env PGPASSWORD="$(password api)" "$PROGRAMS/psql" --host="$ROOT/var/run/postgresql" --port="$PORT" \
    --username=endpoint_stats_api --dbname=endpoint_stats --command="SELECT 1"
  [ "$status" -ne 0 ]
  [[ $output == *"no pg_hba.conf entry"* ]]
}

@test "every password is kept as a SCRAM verifier" {
  run as_superuser "SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword NOT LIKE 'SCRAM-SHA-256\$%'"
  [ "$output" = 0 ]
}

@test "each role is what it is for, and nothing more" {
  run as_superuser "SELECT rolname || ': ' || coalesce((SELECT string_agg(r.rolname, ',') FROM pg_auth_members m
      JOIN pg_roles r ON r.oid = m.roleid WHERE m.member = u.oid), '-') FROM pg_roles u
      WHERE rolname LIKE 'endpoint_stats_%' ORDER BY 1"
  diff - <(printf '%s\n' "$output") <<'END'
endpoint_stats_api: endpoint_stats_writer
endpoint_stats_backup: pg_read_all_data
endpoint_stats_monitor: pg_monitor
endpoint_stats_owner: pg_signal_backend
endpoint_stats_reader: -
endpoint_stats_report: endpoint_stats_reader
endpoint_stats_writer: -
END
  run as_superuser "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'endpoint_stats_%'
      AND (rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls)"
  [ "$output" = 0 ]
  run as_superuser "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolname LIKE 'endpoint_stats_%' AND rolcreatedb"
  [ "$output" = endpoint_stats_owner ]
}

@test "only the owner makes schemas, and the backup reads what the owner makes" {
  as owner "CREATE SCHEMA s; CREATE TABLE s.t (n int); INSERT INTO s.t VALUES (7)"

  for role in api report backup monitor; do
    run as "$role" "CREATE SCHEMA mine"
    [ "$status" -ne 0 ]
    [[ $output == *"permission denied for database"* ]]
  done
  run as backup "SELECT n FROM s.t"
  [ "$output" = 7 ]
  run as backup "DELETE FROM s.t"
  [ "$status" -ne 0 ]
  run as report "SELECT n FROM s.t"
  [ "$status" -ne 0 ]
}

@test "the backup's role can dump" {
  PGPASSWORD=$(password backup) "$PROGRAMS/pg_dump" -Fc --file="$BATS_TEST_TMPDIR/dump" \
    "hostaddr=127.0.0.1 port=$PORT user=endpoint_stats_backup dbname=endpoint_stats $(verified)"
}

@test "no role but the owner, who restores from there, connects to another database" {
  run as_superuser "SELECT string_agg(rolname || ': ' || datname, ',') FROM pg_roles, pg_database
      WHERE rolname LIKE 'endpoint_stats_%' AND datname IN ('postgres', 'template1')
      AND has_database_privilege(pg_roles.oid, pg_database.oid, 'CONNECT')"
  [ "$output" = "endpoint_stats_owner: postgres" ]
}

@test "data have checksums, and the settings are in force" {
  run as_superuser "SELECT string_agg(current_setting(s), ' ' ORDER BY o) FROM unnest(ARRAY['data_checksums', 'ssl',
      'shared_buffers', 'fsync', 'synchronous_commit', 'full_page_writes', 'server_encoding']) WITH ORDINALITY AS a (s, o)"
  [ "$output" = "on on 256MB on on on UTF8" ]

  run as_superuser "SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL"
  echo "$output"
  [ "$output" = "" ]
  run as_superuser "SELECT error FROM pg_hba_file_rules WHERE error IS NOT NULL"
  [ "$output" = "" ]
}

@test "a password that secrets.sh rotates is in force, and the old one is not" {
  export KUBECTL_STAND_IN="$ROOT/cluster"
  "$SECRETS" rotate database-report
  statements=$(grep -l 'ALTER ROLE "endpoint_stats_report"' "$KUBECTL_STAND_IN"/stdin-*)

  as_superuser_reads <"$statements"

  run connect report "$(value database-report password)" "$(verified)" "SELECT 1"
  [ "$output" = 1 ]
  run as report "SELECT 1"
  [[ $output == *"password authentication failed"* ]]
  run grep -c -e "$(value database-report password)" -e "ALTER ROLE" "$ROOT/log"
  [ "$output" = 0 ]
}

@test "no password is in the log" {
  for name in superuser "${ROLES[@]}"; do
    run grep --fixed-strings --count "pass \\word" "$ROOT/log"
    [ "$output" = 0 ]
  done
}

@test "the probes leave no line in the log" {
  before=$(wc -l <"$ROOT/log")
  for _ in 1 2 3; do
    is_ready
    as_postgres "$PROGRAMS/pg_isready" --quiet --host="$ROOT/var/run/postgresql" --port="$PORT" --username=postgres
  done
  [ "$(wc -l <"$ROOT/log")" -eq "$before" ]
}

@test "there is no mark of an unfinished first start" {
  [ ! -e "$ROOT/data/pgdata.first-start" ]
  [ ! -e "$ROOT/data/pgdata.unfinished" ]
}
