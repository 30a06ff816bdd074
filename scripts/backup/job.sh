#!/usr/bin/env bash
# job.sh - what db-backup.sh and dr-restore.sh share: options, a Job made of a CronJob, a pod that has the claim.
#
# Usage: source scripts/lib.sh; source scripts/backup/job.sh
#
# Run by itself, it only prints this text. A script that sources it gets:
#
#   backup_option "$@"                 takes an option that both have from the front, sets $taken
#   check_options                      ends the script with 2 when what was given cannot be meant
#   reach_cron_job CRONJOB             ends the script when kubectl, jq or the CronJob is not there
#   run_job CRONJOB VARIABLE=VALUE...  sets $job and $job_log; returns when the job has done its work, else ends with 1
#   start_pod_on_claim                 sets $pod; remove_pod_on_claim, for a trap, ends it
#
# What goes on is told on standard error, by warn: the name of a backup has standard output for itself.

# shellcheck disable=SC2154 # lib.sh sets what is read here
# shellcheck disable=SC2034 # and the scripts read what is set here
set -euo pipefail

readonly ENGINE=${repository:-}/endpoint-stats-k8s/maintenance/scripts
namespace=endpoint-stats database_url="" engine_options=()
pod="" job="" job_log="" helper_job="" work_file=""

# === options ===

engine_option() { # option, value
  needs_value "$@"
  engine_options+=("$1" "$2")
}

backup_option() {
  taken=2
  case $1 in
    --database-url) engine_option "$@" && database_url=$2 ;;
    --folder | --password-file) engine_option "$@" ;;
    *) shared_option "$@" ;;
  esac
}

check_options() {
  [[ $namespace =~ ^[a-z0-9]([a-z0-9-]*[a-z0-9])?$ ]] || wrong "--namespace takes the name of a namespace, and not $namespace"
  [[ -n $database_url || ${#engine_options[@]} -eq 0 ]] || wrong "${engine_options[0]} goes with --database-url"
}

# === the cluster ===

place() { printf '%s' "namespace $namespace${context:+ of $context}"; }
by_hand() { printf '%s' "kubectl ${context:+--context $context }-n $namespace $*"; }

reach_cron_job() { # CronJob
  need_tools jq
  ask get "cronjob/$1" --output=name >/dev/null ||
    fail "cronjob/$1 is not in $(place); is endpoint-stats deployed there, and is that the right cluster?"
  work_file=$(mktemp)
}

# No name is used twice: nothing that ran is overwritten.
write_job() { # CronJob, name
  kube create job "$2" --from="cronjob/$1" --dry-run=client --output=json >"$work_file" ||
    fail "no Job could be made of cronjob/$1"
}

set_variables() { # VARIABLE=value...
  (($# > 0)) || return 0
  "$KUBECTL" set env --local --filename="$work_file" --output=json "$@" >"$work_file.set" || fail "the Job could not be set up"
  mv -- "$work_file.set" "$work_file"
}

run_job() {
  local failed=""
  job=$1-by-hand-$(date -u +%Y%m%d%H%M%S)
  write_job "$1" "$job"
  set_variables "${@:2}"
  kube create --filename="$work_file" >/dev/null || fail "the cluster did not take job/$job"
  warn "job/$job runs; to look on: $(by_hand logs -f "job/$job")"
  job_ends "$job" "$timeout" || failed=yes
  if [[ $job_state == Stuck ]]; then
    # Else it might start when nobody expects it any more.
    delete_job "$job" || warn "job/$job could not be deleted, and may start yet"
    fail "job/$job did not start"
  fi
  job_log=$(kube logs "job/$job" --tail=-1) || job_log=""
  printf '%s\n' "$job_log" >&2
  [[ -z $failed ]] || fail "job/$job has not done its work; look at: $(by_hand describe "job/$job")"
}

# A pod like that of a backup, which only waits: the claim can be read through it.
start_pod_on_claim() {
  helper_job=backup-copy-$(date -u +%Y%m%d%H%M%S)
  write_job backup "$helper_job"
  "$KUBECTL" patch --local --filename="$work_file" --type=json --output=json --patch \
    '[{"op": "replace", "path": "/spec/template/spec/containers/0/command", "value": ["sleep", "3600"]}]' |
    kube create --filename=- >/dev/null || fail "no pod could be made to read the claim"
  if ! kube wait "job/$helper_job" --for=jsonpath='{.status.ready}'=1 --timeout=300s >/dev/null; then
    explain_pods "batch.kubernetes.io/job-name=$helper_job" "job/$helper_job"
    fail "the pod that reads the claim did not start"
  fi
  pod=$(ask get pods --selector="batch.kubernetes.io/job-name=$helper_job" --output=jsonpath='{.items[0].metadata.name}')
}

remove_pod_on_claim() {
  [[ -z $helper_job ]] || kube delete job "$helper_job" --ignore-not-found --wait=false >/dev/null || true
  [[ -z $work_file ]] || rm -f -- "$work_file" "$work_file.set"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
