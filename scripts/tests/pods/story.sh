#!/usr/bin/env bash
# story.sh - run the pods of an overlay together on this machine, one after the other as a cluster would.
#
# Usage: story.sh STATE RENDERED
#
# STATE has a folder `secrets`. Says what it saw, a fact a line; ends with the first thing that is not as it should be.
# Has to run as root in namespaces of its own: unshare --net --mount --pid --fork --mount-proc --kill-child.
set -euo pipefail

pod() { "$python" "$here/pod.py" "$1" "$state" "$rendered" "${@:2}"; }

fail() {
  printf 'story: %s\n' "$*" >&2
  tail -n 20 "$state"/*.log >&2
  exit 1
}

start() { # workload, container
  # Not by the function, so that $! is the container's own process.
  "$python" "$here/pod.py" start "$state" "$rendered" "$1" "$2" >"$state/$2.log" 2>&1 &
  process=$!
}

passes() { # workload, container, probe
  local end=$((SECONDS + 60))
  until pod probe "$@" >/dev/null 2>&1; do
    kill -0 "$process" 2>/dev/null || fail "$2 ended"
    ((SECONDS < end)) || fail "the $3 of $2 does not pass"
    sleep 0.2
  done
  printf '%s: %s passes\n' "$2" "$3"
}

# Not by a pipe: grep would be done before curl.
shows() { # container, port, start of a line of its metrics
  grep -q "^$3" <<<"$(curl --silent --fail --max-time 10 "http://127.0.0.1:$2/metrics")" || fail "$1 does not show $3"
  printf '%s: shows %s\n' "$1" "$3"
}

completes() { # workload, container
  pod start "$1" "$2" >"$state/$2.log" 2>&1 || fail "$2 fails"
  printf '%s: done\n' "$2"
}

ask() { curl --silent --show-error --fail --max-time 10 --header "Authorization: Bearer $token" "$@"; }

count_a_hit() {
  ask http://127.0.0.1:9999/v1/hits --header 'Content-Type: application/json' \
    --data '[{"service": "shop", "method": "GET", "route": "/users/{id}", "status": 200, "duration_secs": 0.012}]' >/dev/null
  ask 'http://127.0.0.1:9999/v1/totals?service=shop' | grep -q '"hits":1\b' || fail "the hit is not counted"
  printf 'api: counts a hit\n'
}

refuse_strangers() {
  [[ $(curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:9999/stats) == 401 ]] || fail "strangers may read"
  printf 'api: refuses strangers\n'
}

watch() {
  start Deployment/postgres-exporter postgres-exporter
  passes Deployment/postgres-exporter postgres-exporter startupProbe
  shows postgres-exporter 9187 'pg_up 1'
  start Deployment/redis-exporter redis-exporter
  passes Deployment/redis-exporter redis-exporter readinessProbe
  shows redis-exporter 9121 'redis_up 1'
  start StatefulSet/alertmanager alertmanager
  passes StatefulSet/alertmanager alertmanager readinessProbe
  shows alertmanager 9093 'alertmanager_config_last_reload_successful 1'
}

main() {
  if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"
    exit
  fi
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) state=$1 rendered=$2
  python=$here/../../../target/tools/k8s/bin/python
  token=$(sed -n 's/^  token: //p' "$state/secrets/first-token" | base64 -d)
  ip link set lo up
  start StatefulSet/database database
  passes StatefulSet/database database startupProbe
  passes StatefulSet/database database readinessProbe
  start StatefulSet/cache cache
  passes StatefulSet/cache cache readinessProbe
  watch
  completes Job/migrate migrate
  completes Deployment/api wait-for-tables
  start Deployment/api api
  passes Deployment/api api startupProbe
  passes Deployment/api api readinessProbe
  refuse_strangers
  shows api 9998 endpoint_stats_hits_pending
  count_a_hit
  completes CronJob/roll-up roll-up
  completes CronJob/backup backup
  completes CronJob/restore-drill restore-drill
  kill -TERM "$process"
  wait "$process" || fail "the API does not end well"
  printf 'api: ends well\n'
}

main "$@"
