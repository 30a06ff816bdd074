#!/usr/bin/env bash
# grafana.sh - Grafana, asked by HTTP, and what its answers mean.
#
# Usage: source scripts/monitoring/grafana.sh
#
# Run by itself, it only prints this text. call leaves the status in $status and the body in the file $folder/answer;
# expect ends the script unless the status is one of those that are well and the body is JSON.

# shellcheck disable=SC2154 # dashboard-checker.sh, login.sh and lib.sh set what is read here
set -euo pipefail

status="" asks=credentials

unasked() {
  warn "$@"
  exit 3
}

call() { # method, path, file with a body or nothing
  : >"$folder/answer"
  status=$(curl --config <("$asks") --silent --show-error --max-time 20 --request "$1" --header 'Accept: application/json' \
    ${3:+--header 'Content-Type: application/json' --data-binary "@$3"} --output "$folder/answer" \
    --write-out '%{http_code}' "$url$2" 2>"$folder/error") || status=000
}

answer() { jq -r "$1 // empty" "$folder/answer" 2>/dev/null || true; } # path of jq
message() { answer .message; }
is_json() { jq -e 'type == "object"' "$folder/answer" >/dev/null 2>&1; }
is_missing() { [[ $status == 404 ]] && is_json; }

expect() { # what it is about, statuses that are well
  local said
  said=$(message)
  if [[ " $2 " == *" $status "* ]]; then
    is_json || unasked "$1: $url answers $status with something that is no JSON; is it really Grafana?"
    return
  fi
  case $status in
    000) unasked "$1: $(tail -n 1 "$folder/error")" ;;
    3??) unasked "$1: $url answers $status, a redirect, as a login page before Grafana does; give --url the address behind it" ;;
    401) unasked "$1: Grafana refuses the ${token_file:+token}${user:+login of $user}: ${said:-401}" ;;
    403) unasked "$1: no right to it: ${said:-403}; an account with the role Admin has it" ;;
    404) unasked "$1: $url answers 404${said:+: $said}; is it really Grafana?" ;;
    5??) unasked "$1: Grafana failed with $status${said:+: $said}; its log tells more" ;;
    *) unasked "$1: $url answers $status${said:+: $said}" ;;
  esac
}

# === is it there, and who are we ===

health_is_told() {
  call GET /api/health
  [[ ! $status =~ ^(000|502|503|504)$ ]]
}

# The secret goes to nobody who did not say to be Grafana.
wait_for_grafana() {
  asks=nobody
  wait_until "$timeout" health_is_told || expect "no answer within $timeout s" 200
  asks=credentials
  expect "looking for Grafana" 200
  [[ $(answer .database) == ok ]] || unasked "what answers at $url is no Grafana: its /api/health names no database"
}

log_in() {
  local version
  version=$(answer .version)
  call GET /api/org
  expect "logging in" 200
  say "Grafana${version:+ $version} at $url, organisation $(answer .name)"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
