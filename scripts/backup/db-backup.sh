#!/usr/bin/env bash
# db-backup.sh - a backup now: in the cluster, on its claim, or of any PostgreSQL into a folder of this machine.
#
# Usage: scripts/backup/db-backup.sh [--namespace NAME] [--context NAME] [--copy-to FOLDER] [--timeout SECONDS] [--dry-run]
#        scripts/backup/db-backup.sh --database-url URL --folder FOLDER [--password-file FILE] [--keep NUMBER] [--dry-run]
#
#   --namespace NAME      where endpoint-stats runs; endpoint-stats
#   --context NAME        which cluster of the kubeconfig; the current one
#   --copy-to FOLDER      also streams the new backup out of the cluster into FOLDER, and checks it there
#   --timeout SECONDS     how long the job may take; 5400
#   --database-url URL    postgres://USER@HOST/DATABASE, no password: backs up that database from here, without a cluster
#   --folder, --password-file, --keep
#                         as endpoint-stats-k8s/maintenance/scripts/backup.sh --help says
#   --dry-run             says what it would do, and does nothing
#
# In the cluster it makes a Job of the CronJob `backup`, shows what that writes, and waits for its end. A backup is a folder
# that has its name only when it is whole; one that fails leaves nothing.
#
# Exit codes: 0 the backup is there, its name is the last line; 1 it is not; 2 wrong usage; 3 another one runs.
set -euo pipefail

# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=job.sh
source "$(dirname "${BASH_SOURCE[0]}")/job.sh"

copy_to=""

parse() {
  timeout=5400
  while (($# > 0)); do
    taken=2
    case $1 in
      --copy-to) needs_value "$@" && copy_to=$2 ;;
      --keep) engine_option "$@" ;;
      *) backup_option "$@" ;;
    esac
    shift "$taken"
  done
  check_options
  [[ -z $database_url || -z $copy_to ]] || wrong "--copy-to is for the cluster; --folder says where a local backup goes"
  [[ -z $copy_to || -d $copy_to ]] || wrong "the folder $copy_to is not there"
}

# Arrives as .partial-…, as everywhere; named when its checksums match.
copy_out() { # name of the backup
  warn "copying $1 to $copy_to"
  start_pod_on_claim
  rm -rf -- "$copy_to/.partial-$1"
  mkdir -- "$copy_to/.partial-$1"
  kube exec "$pod" -- tar -C "/backups/$1" -cf - dump manifest.json SHA256SUMS | tar -C "$copy_to/.partial-$1" -xf - ||
    fail "the backup could not be streamed out; it is on the claim, $copy_to has nothing new"
  (cd -- "$copy_to/.partial-$1" && sha256sum --check --strict --quiet SHA256SUMS) ||
    fail "the copy is not what is on the claim; run again"
  sync "$copy_to/.partial-$1"/*
  mv -T -- "$copy_to/.partial-$1" "$copy_to/$1"
  sync "$copy_to"
  warn "$copy_to/$1 is whole"
}

back_up_from_here() {
  if [[ -n $dry_run ]]; then
    warn "would run ${ENGINE#"$repository"/}/backup.sh ${engine_options[*]}"
    return
  fi
  exec bash "$ENGINE/backup.sh" "${engine_options[@]}"
}

back_up_in_cluster() {
  local name
  if [[ -n $dry_run ]]; then
    warn "would make a Job of cronjob/backup in $(place)${copy_to:+, and copy the backup to $copy_to}"
    return
  fi
  trap remove_pod_on_claim EXIT
  reach_cron_job backup
  run_job backup
  name=$(grep -E '^endpoint-stats-[0-9]{8}T[0-9]{6}Z$' <<<"$job_log" | tail -n 1) ||
    fail "job/$job succeeded, and named no backup; look at: $(by_hand logs "job/$job")"
  [[ -z $copy_to ]] || copy_out "$name"
  printf '%s\n' "$name"
}

main() {
  parse "$@"
  if [[ -n $database_url ]]; then
    back_up_from_here
  else
    back_up_in_cluster
  fi
}

main "$@"
