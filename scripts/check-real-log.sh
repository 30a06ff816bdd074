#!/usr/bin/env bash
# check-real-log.sh - import an access log with the real program and hold its report against counts made by awk.
#
# Usage: scripts/check-real-log.sh FILE
#
# FILE is in Apache's combined or common format. It is imported twice into a new SQLite database; after each import the
# report has to say what awk counts in FILE: hits, hits by status, method and day (UTC), response bytes, first and last
# second, the hits of the most requested path without a digit (no route template changes it), and the number of callers
# within 3 %. Lines that are not in the format must not count.
#
# ENDPOINT_STATS_BIN  the program to check; by default it is built from this repository
#
# Exit codes: 0 the report is right; 1 it is not, and the differences are printed; 2 wrong usage.
set -euo pipefail
export LC_ALL=C

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }

fail() {
  printf 'check-real-log: %s\n' "$*" >&2
  exit 1
}

program() {
  if [[ -n ${ENDPOINT_STATS_BIN:-} ]]; then
    env --unset ENDPOINT_STATS_BIN "$ENDPOINT_STATS_BIN" "$@" # the program takes no variable of this name
  else
    (cd "$(dirname "${BASH_SOURCE[0]}")/.." && cargo run --quiet --locked --package endpoint-stats-server -- "$@")
  fi
}

# Prints what report.json says, in the same words; the one place that knows the shape of the report.
read_report() {
  sqlite3 -batch -bail -init /dev/null :memory: <<'SQL' | sort
    create table report as select cast(readfile('report.json') as text) as body;
    create table total as select key as name, value from report, json_each(body, '$.totals');
    create table endpoint as select json_extract(value, '$.method') as method, json_extract(value, '$.route') as route,
      json_extract(value, '$.hits') as hits from report, json_each(body, '$.endpoints');
    create table day as select strftime('%s', json_extract(value, '$.start')) / 86400 as day,
      json_extract(value, '$.hits') as hits from report, json_each(body, '$.series');
    select name || ' ' || value from total where name in ('hits', 'response_bytes', 'callers');
    select 'first_second ' || strftime('%s', value) from total where name = 'first_seen';
    select 'last_second ' || strftime('%s', value) from total where name = 'last_called';
    select 'status ' || key || ' ' || value from report, json_each(body, '$.totals.outcomes') where value > 0;
    select 'endpoint_hits ' || sum(hits) from endpoint;
    select 'method ' || method || ' ' || sum(hits) from endpoint where hits > 0 group by method;
    select 'path ' || route || ' ' || sum(hits) from endpoint where route = cast(readfile('top-path') as text);
    select 'day ' || day || ' ' || sum(hits) from day where hits > 0 group by day;
SQL
}

callers_are_within_3_percent() { # folder
  join "$1/counted" "$1/reported" | awk '$1 == "callers" { printf "callers: counted %d, reported %d\n", $2, $3 }
    $1 == "callers" && ($2 - $3) ^ 2 <= ($2 * 0.03) ^ 2 { ok = 1 } END { exit !ok }'
}

import_and_compare() { # which time, file, folder
  printf -- '- the %s import\n' "$1"
  program import --database-url "sqlite://$3/stats.db" --service web "$2" || fail "the import failed"
  program report --database-url "sqlite://$3/stats.db" --json --step 1d >"$3/report.json" || fail "the report failed"
  (cd "$3" && read_report >reported)
  diff <(grep -v '^callers' "$3/counted") <(grep -v '^callers' "$3/reported") ||
    fail "after the $1 import the report (>) is not what awk counted (<)"
  callers_are_within_3_percent "$3" || fail "after the $1 import the callers are off"
}

main() {
  case "${1:-}" in
    --help | -h) usage && exit ;;
    "" | -*) usage >&2 && exit 2 ;;
  esac
  [[ -f $1 ]] || { printf 'check-real-log: no such file: %s\n' "$1" >&2 && exit 2; }
  local file counter
  file=$(realpath "$1")
  counter=$(dirname "${BASH_SOURCE[0]}")/count-access-log.awk
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  awk -f "$counter" "$file" | sort >"$work/counted"
  sed -n 's/^path \(.*\) [0-9]*$/\1/p' "$work/counted" | tr -d '\n' >"$work/top-path"
  import_and_compare first "$file" "$work"
  import_and_compare second "$file" "$work"
  printf 'check-real-log: both reports say what awk counted:\n'
  sed 's/^/  /' "$work/counted"
}

main "$@"
