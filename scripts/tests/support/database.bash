# A PostgreSQL for the tests of one file, with a migrated database that holds an imported log; ends with them.
#
# Everything runs as an ordinary user, from a copy that this user can read: PostgreSQL refuses to run as root.

readonly REPOSITORY=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
readonly SERVER_PROGRAM=${ENDPOINT_STATS_BIN:-$REPOSITORY/target/debug/endpoint-stats-server}

as_user() {
  if ((EUID == 0)); then
    setpriv --reuid postgres --regid postgres --clear-groups -- env HOME="$ROOT" TMPDIR="$ROOT/tmp" PATH="$PATH" "$@"
  else
    TMPDIR=$ROOT/tmp "$@"
  fi
}

# The program refuses a variable of its prefix that it does not know.
program() { env -u ENDPOINT_STATS_BIN "$SERVER_PROGRAM" "$@"; }

own() { if ((EUID == 0)); then chown -R postgres:postgres "$@"; fi; }

start_database() {
  [[ -x $SERVER_PROGRAM ]] || {
    echo "$SERVER_PROGRAM is not there: cargo build -p endpoint-stats-server, or set ENDPOINT_STATS_BIN" >&2
    return 1
  }
  PATH=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1):$PATH
  ROOT=$(mktemp -d /tmp/endpoint-stats-bats.XXXXXX)
  export PATH ROOT
  mkdir "$ROOT/tmp"
  cp -r "$REPOSITORY/endpoint-stats-k8s/maintenance/scripts" "$ROOT/engine"
  chmod 755 "$ROOT"
  chmod -R a+rX "$ROOT/engine"
  own "$ROOT"
  as_user initdb --pgdata "$ROOT/data" --username postgres --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync >/dev/null
  start_server
  make_roles_and_database
}

start_server() {
  local try
  for try in {1..20}; do
    PORT=$((20000 + RANDOM % 20000))
    if as_user pg_ctl --pgdata "$ROOT/data" --wait --silent --log "$ROOT/log" --options "-p $PORT -c fsync=off \
      -c listen_addresses=127.0.0.1 -c unix_socket_directories=$ROOT -c shared_buffers=32MB" start >/dev/null 3>&- 2>&1; then
      export PORT
      return
    fi
  done
  cat "$ROOT/log" >&2
  return 1
}

stop_database() {
  as_user pg_ctl --pgdata "$ROOT/data" --mode immediate --silent stop || true
  rm -rf "$ROOT"
}

url() { printf 'postgres://%s@127.0.0.1:%s/%s\n' "$1" "$PORT" "$2"; } # user, database

sql() { psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname "$(url postgres "$1")" --command "$2"; }

# 2000 lines a service: the same numbers on every machine.
write_log() { # lines, seed
  awk -v lines="$1" -v seed="$2" 'BEGIN {
    for (i = 0; i < lines; i++) {
      printf "192.0.2.%d - - [%02d/Nov/2026:%02d:%02d:%02d +0000] \"GET /%s/%d HTTP/1.1\" %d 512 \"-\" \"bats\"\n",
        (i * seed) % 250, 1 + (i / 200) % 20, (i * 7 + seed) % 24, i % 60, (i * 3) % 60, substr("shopcartpage", 1 + 4 * (i % 3), 4),
        i % 5, i % 11 == 0 ? 500 : 200
    }
  }'
}

make_roles_and_database() {
  sql postgres "
    CREATE ROLE endpoint_stats_writer NOLOGIN;
    CREATE ROLE endpoint_stats_reader NOLOGIN;
    CREATE ROLE endpoint_stats_owner LOGIN;
    CREATE ROLE endpoint_stats_api LOGIN IN ROLE endpoint_stats_writer;
    CREATE ROLE endpoint_stats_report LOGIN IN ROLE endpoint_stats_reader;
    CREATE ROLE endpoint_stats_backup LOGIN IN ROLE pg_read_all_data"
  sql postgres "CREATE DATABASE prepared OWNER endpoint_stats_owner"
  sql prepared "
    REVOKE ALL ON DATABASE prepared FROM PUBLIC;
    GRANT CONNECT ON DATABASE prepared TO endpoint_stats_writer, endpoint_stats_reader, endpoint_stats_backup"
  program migrate --roles --database-url "$(url endpoint_stats_owner prepared)" >/dev/null
  write_log 2000 7 | program import --service web --database-url "$(url endpoint_stats_owner prepared)" - >/dev/null
  write_log 1500 11 | program import --service shop --database-url "$(url endpoint_stats_owner prepared)" - >/dev/null
  program roll-up --database-url "$(url endpoint_stats_owner prepared)" >/dev/null # settles what was imported
}

# The database endpoint_stats as it was prepared, and an empty folder of backups.
reset() {
  local database
  for database in $(sql postgres "SELECT datname FROM pg_database WHERE datname LIKE 'endpoint\_stats%'"); do
    sql postgres "DROP DATABASE $database WITH (FORCE)"
  done
  sql postgres "CREATE DATABASE endpoint_stats TEMPLATE prepared OWNER endpoint_stats_owner"
  sql postgres "REVOKE ALL ON DATABASE endpoint_stats FROM PUBLIC"
  sql postgres "GRANT CONNECT ON DATABASE endpoint_stats TO endpoint_stats_writer, endpoint_stats_reader, endpoint_stats_backup"
  sql postgres "ALTER DATABASE endpoint_stats SET search_path = endpoint_stats, public"
  BACKUPS=$ROOT/backups
  export BACKUPS
  rm -rf "$BACKUPS" "$ROOT/scratch" "$ROOT/tmp"
  mkdir "$BACKUPS" "$ROOT/scratch" "$ROOT/tmp"
  own "$BACKUPS" "$ROOT/scratch" "$ROOT/tmp"
}

backup() { as_user bash "$ROOT/engine/backup.sh" --database-url "$(url endpoint_stats_backup endpoint_stats)" --folder "$BACKUPS" "$@" 3>&-; }
restore() { as_user bash "$ROOT/engine/restore.sh" --database-url "$(url postgres postgres)" --folder "$BACKUPS" "$@" 3>&-; }
drill() { as_user bash "$ROOT/engine/drill.sh" --folder "$BACKUPS" --scratch "$ROOT/scratch" "$@" 3>&-; }

newest() { (cd "$BACKUPS" && compgen -G 'endpoint-stats-*' | sort -r | head -n 1); }
hits() { sql "$1" "SELECT coalesce(sum(hits), 0) FROM endpoint_stats.endpoint"; }
databases() { sql postgres "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname LIKE 'endpoint\_stats%'"; }
