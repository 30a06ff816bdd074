#!/usr/bin/env bats
# The settings, users and probes of endpoint-stats-k8s/cache, on a real Redis with what secrets.sh makes.

load secrets.bash

setup_file() {
  ROOT=$(mktemp -d /tmp/endpoint-stats-cache-XXXXXX)
  export ROOT
  cluster_of_secrets "$ROOT/cluster"
  "$SECRETS" create
  copy_settings
  start
}

teardown_file() {
  stop
  rm -rf "$ROOT"
}

setup() { export KUBECTL_STAND_IN="$ROOT/cluster" PORT && PORT=$(cat "$ROOT/port"); }

copy_settings() {
  mkdir -p "$ROOT/run/secrets/cache" "$ROOT/data"
  for key in users.acl monitor-password; do
    value cache "$key" >"$ROOT/run/secrets/cache/$key"
  done
  # Below $ROOT instead of /, on a free port of this machine alone.
  PORT=$(shuf -i 20000-32000 -n 1)
  printf '%s' "$PORT" >"$ROOT/port"
  export PORT
  sed -E "s# (/run|/data)# $ROOT\1#; s/^port .*/port $PORT/; s/^bind .*/bind 127.0.0.1/" \
    "$REPOSITORY/endpoint-stats-k8s/cache/config/redis.conf" >"$ROOT/redis.conf"
}

start() {
  timeout 120 redis-server "$ROOT/redis.conf" >>"$ROOT/log" 2>&1 3>&- &
  printf '%s' $! >"$ROOT/pid"
  local end=$((SECONDS + 20))
  until probe ready 2>/dev/null; do
    kill -0 "$(cat "$ROOT/pid")" && ((SECONDS < end)) || { cat "$ROOT/log" >&2; return 1; }
    sleep 0.1
  done
}

stop() {
  kill -TERM "$(cat "$ROOT/pid")" 2>/dev/null || true
  timeout 20 tail --pid="$(cat "$ROOT/pid")" -f /dev/null
}

probe() { CACHE_SECRETS="$ROOT/run/secrets/cache" sh "$REPOSITORY/endpoint-stats-k8s/cache/config/probe.sh" "$1"; }

as() { # user, command...
  local key=password
  [[ $1 != monitor ]] || key=monitor-password
  REDISCLI_AUTH=$(value cache "$key") timeout "${WITHIN:-20}" redis-cli -p "$PORT" --user "$1" --no-auth-warning "${@:2}" 2>&1
}

@test "the server's user may do what docs/redis.md says" {
  [ "$(as cache set es1:a 1 px 60000)" = OK ]
  [ "$(as cache get es1:a)" = 1 ]
  [ "$(as cache getrange es1:a 0 0)" = 1 ]
  [ "$(as cache publish es1:live x)" = 0 ]
  [ "$(as cache ping)" = PONG ]
  WITHIN=1 run as cache subscribe es1:live
  [[ $output == *subscribe* && $output != *NOPERM* ]]
}

@test "the rights are those of docs/redis.md, and less" {
  documented=$(sed -n 's/^user cache on >PASSWORD \(.*\)$/\1/p' "$REPOSITORY/docs/redis.md")
  [ -n "$documented" ]
  [ "$(grep '^user cache ' "$ROOT/run/secrets/cache/users.acl" | sed -E 's/^user cache on #[0-9a-f]{64} //; s/ -@dangerous//')" = "$documented" ]
}

@test "the server's user may do nothing else" {
  for command in "get other" "set other 1" "publish other x" "del es1:a" "keys x" "flushall" "config get maxmemory" "acl list" \
    "shutdown" "client kill type normal" "client list" "eval return 0" "save" "info" "scan 0"; do
    # shellcheck disable=SC2086 # words
    run as cache $command
    [[ $output == NOPERM* ]] || { echo "$command: $output"; return 1; }
  done
}

@test "a monitor asks and changes nothing" {
  [[ $(as monitor info memory) == *maxmemory_policy:allkeys-lru* ]]
  [ "$(as monitor slowlog len)" = 0 ]
  for command in "get es1:a" "set es1:a 1" "config set maxmemory 0" "acl list" "flushall" "shutdown" "client kill type normal"; do
    # shellcheck disable=SC2086 # words
    run as monitor $command
    [[ $output == NOPERM* ]] || { echo "$command: $output"; return 1; }
  done
}

@test "the exporter is given its password, and Redis answers it" {
  exporter="$ROOT/exporter"
  mkdir -p "$exporter"
  export REDIS_ADDR="redis://127.0.0.1:$PORT" REDIS_USER=monitor CACHE_SECRETS="$ROOT/run/secrets/cache"
  export REDIS_EXPORTER_CONFIG_COMMAND=- REDIS_EXPORTER_EXCLUDE_LATENCY_HISTOGRAM_METRICS=true
  address=127.0.0.1:$(shuf -i 20000-32000 -n 1)

  EXPORTER=prometheus-redis-exporter REDIS_PASSWORD_FILE="$exporter/passwords.json" timeout 60 \
    sh "$REPOSITORY/endpoint-stats-k8s/monitoring/redis-exporter/config/start.sh" --web.listen-address "$address" >"$exporter/log" 2>&1 3>&- &
  pid=$!
  metrics=$(curl --silent --retry 50 --retry-delay 1 --retry-max-time 20 --retry-connrefused "http://$address/metrics")
  kill "$pid"

  grep -x 'redis_up 1' <<<"$metrics"
  grep -x 'redis_exporter_last_scrape_error{err=""} 0' <<<"$metrics"
  [ "$(stat -c %a "$exporter/passwords.json")" = 600 ]
}

@test "a password of any characters is given to the exporter" {
  mkdir "$BATS_TEST_TMPDIR/secrets"
  printf 'a"b\\c $d' >"$BATS_TEST_TMPDIR/secrets/monitor-password"
  export REDIS_PASSWORD_FILE="$BATS_TEST_TMPDIR/passwords.json" CACHE_SECRETS="$BATS_TEST_TMPDIR/secrets" EXPORTER=true

  REDIS_ADDR=rediss://redis.example.com:6379 REDIS_USER=monitor sh "$REPOSITORY/endpoint-stats-k8s/monitoring/redis-exporter/config/start.sh"

  diff <(jq -r 'to_entries[] | "\(.key) \(.value)"' "$REDIS_PASSWORD_FILE") - <<'END'
rediss://monitor@redis.example.com:6379 a"b\c $d
rediss://redis.example.com:6379 a"b\c $d
END
}

@test "nobody gets in without a password, or with a wrong one" {
  run redis-cli -p "$PORT" ping
  [[ $output == NOAUTH* ]]
  for user in cache monitor default; do
    run env REDISCLI_AUTH=wrong redis-cli -p "$PORT" --user "$user" --no-auth-warning ping
    [[ $output == *WRONGPASS* || $output == *NOAUTH* ]]
  done
}

@test "what Redis reads holds no password, only hashes" {
  for key in password monitor-password; do
    run grep -c -F "$(value cache "$key")" "$ROOT/run/secrets/cache/users.acl"
    [ "$output" = 0 ]
  done
}

@test "the least recently used answer makes way for the next" {
  [[ $(as monitor info memory) == *maxmemory:134217728* ]]
  [[ $(as monitor info persistence) == *aof_enabled:1* ]]
}

@test "what was set is there after a restart" {
  as cache set es1:kept yes

  stop
  start

  [ "$(as cache get es1:kept)" = yes ]
}

@test "the probes tell a server that serves from one that does not" {
  probe alive
  probe ready

  PORT=1 run probe alive
  [ "$status" -eq 1 ]
  [[ $output == *"not alive: Could not connect"* ]]
}

@test "a server that still reads its file is alive and not ready" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\necho "LOADING Redis is loading the dataset in memory"\n' >"$BATS_TEST_TMPDIR/bin/redis-cli"
  chmod +x "$BATS_TEST_TMPDIR/bin/redis-cli"
  export PATH="$BATS_TEST_TMPDIR/bin:$PATH"

  probe alive
  run probe ready
  [ "$status" -eq 1 ]
}

@test "a probe shows no password among its arguments" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\necho "$*" >"%s/arguments"\necho PONG\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/bin/redis-cli"
  chmod +x "$BATS_TEST_TMPDIR/bin/redis-cli"

  PATH="$BATS_TEST_TMPDIR/bin:$PATH" probe alive

  run grep -c -F "$(value cache monitor-password)" "$BATS_TEST_TMPDIR/arguments"
  [ "$output" = 0 ]
}
