# What db-backup.sh and dr-restore.sh share: a Job made of a CronJob, and a pod that has the claim. Sourced, not run.
# shellcheck shell=bash

namespace=endpoint-stats
timeout_secs=5400
pod=
job=
job_log=
helper_job=
work_file=

header() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$1"; }
say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }
fail() {
  say "FAILED: $*"
  exit 1
}
misused() {
  say "$*; --help explains"
  exit 2
}

kube() { kubectl --namespace "$namespace" "$@"; }

check_shared() {
  [[ $namespace =~ ^[a-z0-9]([a-z0-9-]*[a-z0-9])?$ ]] || misused "--namespace is \"$namespace\", expected the name of a namespace"
  [[ $timeout_secs =~ ^[1-9][0-9]*$ ]] || misused "--timeout is \"$timeout_secs\", expected seconds"
}

check_cluster() { # CronJob
  command -v kubectl >/dev/null || fail "there is no kubectl on the PATH; install it, or give --database-url"
  kube get "cronjob/$1" --output name >/dev/null ||
    fail "cronjob/$1 is not in namespace $namespace; is endpoint-stats deployed there, and is that the right cluster?"
  work_file=$(mktemp)
}

job_state() { kube get "job/$job" --output 'jsonpath={range .status.conditions[?(@.status=="True")]}{.type}{"\n"}{end}'; }

# The job's name is unlike any before: nothing that ran is overwritten.
run_job() { # CronJob, VARIABLE=value...; sets job and job_log; ends when the job does
  local began=$SECONDS state=
  job=$1-by-hand-$(date -u +%Y%m%d%H%M%S)
  kube create job "$job" --from="cronjob/$1" --dry-run=client --output json >"$work_file" ||
    fail "no Job could be made of cronjob/$1"
  if (($# > 1)); then
    kubectl set env --local --filename "$work_file" --output json "${@:2}" >"$work_file.set" || fail "the Job could not be set up"
    mv -- "$work_file.set" "$work_file"
  fi
  kube create --filename "$work_file" >/dev/null || fail "the cluster did not take job/$job"
  say "job/$job runs; to look on: kubectl -n $namespace logs -f job/$job"
  while state=$(job_state) && [[ $state != *Complete* && $state != *Failed* ]]; do
    ((SECONDS - began < timeout_secs)) || fail "job/$job did not end in $timeout_secs s; look at: kubectl -n $namespace describe job/$job"
    sleep "${POLL_SECS:-2}"
  done
  job_log=$(kube logs "job/$job" --tail=-1) || job_log=
  printf '%s\n' "$job_log" >&2
  [[ $state == *Complete* && $state != *Failed* ]] ||
    fail "job/$job failed; look at: kubectl -n $namespace describe job/$job"
}

# A pod like that of a backup, which only waits: the claim can be read through it.
start_pod_on_claim() { # sets pod
  helper_job=backup-copy-$(date -u +%Y%m%d%H%M%S)
  kube create job "$helper_job" --from=cronjob/backup --dry-run=client --output json >"$work_file"
  kubectl patch --local --filename "$work_file" --type json --output json --patch \
    '[{"op": "replace", "path": "/spec/template/spec/containers/0/command", "value": ["sleep", "3600"]}]' |
    kube create --filename - >/dev/null || fail "no pod could be made to read the claim"
  kube wait "job/$helper_job" --for=jsonpath='{.status.ready}'=1 --timeout=300s >/dev/null ||
    fail "the pod that reads the claim did not start; look at: kubectl -n $namespace describe job/$helper_job"
  pod=$(kube get pods --selector "job-name=$helper_job" --output 'jsonpath={.items[0].metadata.name}')
}

remove_pod_on_claim() {
  [[ -z $helper_job ]] || kube delete job "$helper_job" --ignore-not-found --wait=false >/dev/null || true
  [[ -z $work_file ]] || rm -f -- "$work_file" "$work_file.set"
}
