#!/usr/bin/env bash
# data-source.sh - the data source of the dashboards: made where it lacks, and led to another Prometheus when told to.
#
# Usage: source scripts/monitoring/data-source.sh
#
# Run by itself, it only prints this text.

# shellcheck disable=SC2154 # dashboard-checker.sh, grafana.sh and lib.sh set what is read here
# shellcheck disable=SC2016 # the variables are jq's
set -euo pipefail

readonly SOURCE=prometheus

keep_data_source() {
  local subject="data source $SOURCE"
  call GET "/api/datasources/uid/$SOURCE"
  if is_missing; then
    may_write "$subject" lacks made || return 0
    make_data_source
    written "$subject" made
  else
    expect "$subject" 200
    compare_data_source "$subject"
  fi
}

# Not the default one, which others may have chosen.
make_data_source() {
  jq -n --arg uid "$SOURCE" --arg url "${prometheus_url:-http://prometheus:9090}" \
    '{$uid, $url, name: "Prometheus of endpoint-stats", type: "prometheus", access: "proxy", isDefault: false}' >"$folder/body"
  call POST /api/datasources "$folder/body"
}

# Without --prometheus-url any Prometheus will do.
compare_data_source() { # subject
  local found wanted provisioned="" type
  found=$(answer .url) type=$(answer .type)
  wanted=${prometheus_url:-$found}
  [[ $(answer .readOnly) != true ]] || provisioned=", provisioned"
  if [[ $type != prometheus ]]; then
    lacking "$1" "somebody's data source of type $type has this uid; give that one another uid"
  elif [[ $found == "$wanted" ]]; then
    say "$1: current$provisioned ($found)"
  elif [[ -n $provisioned ]]; then
    lacking "$1" "asks $found and not $wanted; it was provisioned, so change the file it comes from"
  elif may_write "$1" "asks $found and not $wanted" updated; then
    jq --arg url "$wanted" '.url = $url' "$folder/answer" >"$folder/body"
    call PUT "/api/datasources/uid/$SOURCE" "$folder/body"
    written "$1" updated
  fi
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
