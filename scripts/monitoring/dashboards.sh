#!/usr/bin/env bash
# dashboards.sh - the dashboards, each compared with its file: made where it lacks, brought up to date where it differs.
#
# Usage: source scripts/monitoring/dashboards.sh
#
# Run by itself, it only prints this text. A dashboard stays in the folder where somebody moved it.

# shellcheck disable=SC2154 # dashboard-checker.sh, grafana.sh and lib.sh set what is read here
# shellcheck disable=SC2016 # the variables are jq's
set -euo pipefail

readonly FOLDER=endpoint-stats DASHBOARDS=endpoint-stats-k8s/monitoring/grafana/dashboards
there_is_a_folder=""

keep_dashboards() {
  local file uid files=("$repository/$DASHBOARDS"/*.json)
  [[ -f ${files[0]} ]] || fail "there is no dashboard in $DASHBOARDS"
  for file in "${files[@]}"; do
    uid=$(jq -er .uid "$file") || fail "$file is no dashboard with a uid"
    keep_dashboard "$file" "$uid" "dashboard $uid"
  done
}

keep_dashboard() { # file, uid, subject
  call GET "/api/dashboards/uid/$2"
  if is_missing; then
    may_write "$3" lacks made || return 0
    keep_folder || { lacking "$3" "lacks, and so does its folder" && return 0; }
    save_dashboard "$1" '{"id": null}' "$FOLDER"
    written "$3" made
  else
    expect "$3" 200
    compare_dashboard "$1" "$3"
  fi
}

# The id and the version are Grafana's.
differences() { # file
  jq -er --slurpfile wanted "$1" '
    (.dashboard | objects | del(.id, .version)) as $found | $wanted[0] as $wanted
    | [$found + $wanted | keys[] | select($found[.] != $wanted[.])] | join(", ")' "$folder/answer"
}

compare_dashboard() { # file, subject
  local differs provisioned=""
  [[ $(answer .meta.provisioned) != true ]] || provisioned=", provisioned"
  differs=$(differences "$1") || unasked "$2: Grafana's answer has no dashboard"
  if [[ $(answer .meta.isFolder) == true ]]; then
    lacking "$2" "somebody's folder has this uid; give that one another uid"
  elif [[ -z $differs ]]; then
    say "$2: current$provisioned"
  elif [[ -n $provisioned ]]; then
    lacking "$2" "differs in $differs; it was provisioned, so bring the files it comes from up to date"
  elif may_write "$2" "differs in $differs" updated; then
    save_dashboard "$1" "$(jq -c '.dashboard | {id, version}' "$folder/answer")" "$(answer .meta.folderUid)"
    written "$2" updated
  fi
}

# Without overwrite, and with the version that was compared: a save in between is refused, not lost.
save_dashboard() { # file, {id, version}, uid of the folder
  jq --argjson known "$2" --arg folderUid "$3" \
    '{dashboard: (. + $known), $folderUid, overwrite: false, message: "dashboard-checker.sh of endpoint-stats"}' "$1" >"$folder/body"
  call POST /api/dashboards/db "$folder/body"
}

# Grafana is asked for it once.
keep_folder() {
  [[ -n $there_is_a_folder ]] || find_folder
  [[ $there_is_a_folder == yes ]]
}

find_folder() {
  there_is_a_folder=yes
  call GET "/api/folders/$FOLDER"
  is_missing || { expect "folder $FOLDER" 200 && return; }
  jq -n --arg uid "$FOLDER" '{$uid, title: $uid}' >"$folder/body"
  call POST /api/folders "$folder/body"
  written "folder $FOLDER" made
  [[ $status == 200 ]] || there_is_a_folder=no
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
