# A PostgreSQL that is set up as the image is in the cluster: the same settings, init script and kinds of files.
# shellcheck shell=bash

# shellcheck source=secrets.bash
source "$(dirname "${BASH_SOURCE[0]}")/secrets.bash"

readonly ROLES=(owner api report backup monitor)

# The folder with all of them: of the PATH, or else the newest of Debian's packages.
programs_of_postgresql() {
  local folder program
  for folder in ${PATH//:/ } $(compgen -G '/usr/lib/postgresql/*/bin' | sort -rV); do
    for program in postgres initdb pg_ctl pg_isready pg_dump psql; do
      [[ -x $folder/$program ]] || continue 2
    done
    printf '%s\n' "$folder"
    return
  done
  printf 'no PostgreSQL on PATH or in /usr/lib/postgresql: run scripts/setup.sh dev\n' >&2
  return 1
}

# PostgreSQL refuses to run as root.
AS_POSTGRES=(env)
if ((EUID == 0)); then
  AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi

as_postgres() { "${AS_POSTGRES[@]}" "$@"; }

owned_by_postgres() { if ((EUID == 0)); then chown postgres:postgres "$@"; fi; }

# What a Secret's volume is like for a pod with fsGroup: of root and the group of the server, 0440.
like_a_secret() {
  if ((EUID == 0)); then
    chown root:postgres "$@"
    chmod 0440 "$@"
  else
    chmod 0400 "$@"
  fi
}

# As secrets.sh makes them.
make_certificates() { # folder
  local key
  cluster_of_secrets "$ROOT/cluster"
  "$SECRETS" create >/dev/null
  for key in tls.crt tls.key ca.crt; do
    value database-tls "$key" >"$1/$key"
  done
}

# Settings and scripts of the manifests, below $ROOT instead of /.
copy_settings() {
  local config="$REPOSITORY/endpoint-stats-k8s/database/config"
  mkdir -p "$ROOT/etc/postgresql" "$ROOT/init" "$ROOT/var/run/postgresql" "$ROOT/data"
  sed "s#'/#'$ROOT/#; s#'[*]'#'127.0.0.1'#" "$config/postgresql.conf" >"$ROOT/etc/postgresql/postgresql.conf"
  cp "$config/pg_hba.conf" "$config/start.sh" "$ROOT/etc/postgresql/"
  cp "$config/10-roles.sh" "$ROOT/init/"
  chmod 0555 "$ROOT/init/10-roles.sh"
  chmod 0444 "$ROOT/etc/postgresql/"*
  owned_by_postgres "$ROOT/data" "$ROOT/var/run/postgresql"
}

make_secrets() {
  local name
  mkdir -p "$ROOT/run/secrets/passwords" "$ROOT/run/secrets/database-tls"
  for name in superuser "${ROLES[@]}"; do
    printf "%s'pass \\word" "$name" >"$ROOT/run/secrets/passwords/$name"
  done
  make_certificates "$ROOT/run/secrets/database-tls"
  like_a_secret "$ROOT/run/secrets/passwords/"* "$ROOT/run/secrets/database-tls/tls.key"
}

initdb_args() {
  awk '/name: POSTGRES_INITDB_ARGS/ { getline; sub(/^ *value: /, ""); print }' \
    "$REPOSITORY/endpoint-stats-k8s/database/stateful-set.yaml"
}

start_database() { # arguments for `env`
  # Not by the function, so that $! is the process that passes signals on.
  "${AS_POSTGRES[@]}" timeout --signal=INT 120 env -i "PATH=$REPOSITORY/scripts/tests/stand-ins:$PROGRAMS:/usr/bin:/bin" \
    HOME=/ LANG=C.UTF-8 "PGPORT=$PORT" "PGHOST=$ROOT/var/run/postgresql" "PGDATA=$ROOT/data/pgdata" \
    "POSTGRES_INITDB_ARGS=$INITDB_ARGS" "POSTGRES_PASSWORD_FILE=$ROOT/run/secrets/passwords/superuser" \
    "INIT_SCRIPTS=$ROOT/init" "PASSWORDS=$ROOT/run/secrets/passwords" "$@" \
    bash "$ROOT/etc/postgresql/start.sh" postgres -c "config_file=$ROOT/etc/postgresql/postgresql.conf" >>"$ROOT/log" 2>&1 3>&- &
  SERVER=$!
}

is_ready() { "$PROGRAMS/pg_isready" --quiet --host=127.0.0.1 --port="$PORT" --username=probe; }

# Ends early when the server has.
wait_until_ready() {
  local end=$((SECONDS + 60))
  until is_ready; do
    kill -0 "$SERVER" 2>/dev/null && ((SECONDS < end)) || return 1
    sleep 0.1
  done
}

free_port() {
  local port
  for port in $(shuf -i 20000-32000 -n 20); do
    if ! (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s\n' "$port"
      return
    fi
  done
  return 1
}

prepare_database() {
  ROOT=$(mktemp -d /tmp/endpoint-stats-database-XXXXXX)
  chmod 0755 "$ROOT"
  PROGRAMS=$(programs_of_postgresql) || return 1
  PORT=$(free_port)
  INITDB_ARGS=$(initdb_args)
  copy_settings
  make_secrets
  : >"$ROOT/log"
  export ROOT PROGRAMS PORT INITDB_ARGS
}

# Also the server of a first start that failed, which would have ended with its container.
stop_database() {
  if [[ -n ${SERVER:-} ]]; then
    kill -TERM "$SERVER" 2>/dev/null || true
    timeout 30 tail --pid="$SERVER" -f /dev/null || kill -KILL "$SERVER"
  fi
  if [[ -e $ROOT/data/pgdata/postmaster.pid ]]; then
    as_postgres "$PROGRAMS/pg_ctl" -D "$ROOT/data/pgdata" --mode=immediate stop >/dev/null
  fi
}
