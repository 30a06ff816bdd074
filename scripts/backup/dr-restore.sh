#!/usr/bin/env bash
# dr-restore.sh - a backup back into its place: verified first, compared before it counts, swapped in at once.
#
# Usage: scripts/backup/dr-restore.sh [--namespace NAME] [--context NAME] [--backup NAME] [--timeout SECONDS] [--dry-run]
#                                     [--yes]
#        scripts/backup/dr-restore.sh [--namespace NAME] [--context NAME] --undo DATABASE [--timeout SECONDS] [--yes]
#        scripts/backup/dr-restore.sh --database-url URL --folder FOLDER [--password-file FILE] [--database NAME]
#                                     [--backup NAME] [--undo DATABASE] [--dry-run] [--yes]
#
#   --namespace NAME      where endpoint-stats runs; endpoint-stats
#   --context NAME        which cluster of the kubeconfig; the current one
#   --backup NAME         which one; the newest
#   --undo DATABASE       puts the database that a restore kept back in place
#   --timeout SECONDS     how long the job may take; 14400
#   --database-url URL    postgres://USER@HOST/postgres, no password: restores from here, without a cluster
#   --folder, --password-file, --database
#                         as endpoint-stats-k8s/maintenance/scripts/restore.sh --help says
#   --dry-run             verifies everything that can be verified without a change, and stops
#   --yes                 does not ask
#
# In the cluster it makes a Job of the suspended CronJob `restore`. The running database is not touched before the restored
# one was compared with the manifest; then both change names at once, servers reconnect by themselves, and the old one
# is kept as endpoint_stats_before_TIME.
#
# Exit codes: 0 done; 1 refused or failed, the database is as it was; 2 wrong usage, or the answer was not yes.
set -euo pipefail

# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=job.sh
source "$(dirname "${BASH_SOURCE[0]}")/job.sh"

backup="" undo="" yes=""

parse() {
  timeout=14400
  while (($# > 0)); do
    taken=2
    case $1 in
      --yes) yes=yes taken=1 ;;
      --backup) needs_value "$@" && backup=$2 ;;
      --undo) needs_value "$@" && undo=$2 ;;
      --database) engine_option "$@" ;;
      *) backup_option "$@" ;;
    esac
    shift "$taken"
  done
  check_options
  [[ -z $undo || -z $backup ]] || wrong "--undo and --backup exclude each other"
  [[ -z $undo || -z $dry_run ]] || wrong "--undo has no --dry-run"
}

confirm() {
  local answer where=${database_url:-$(place)}
  [[ -z $yes && -z $dry_run ]] || return 0
  warn "this replaces the database of $where by ${undo:-${backup:-the newest backup}}; what was counted since is only in the database that is kept"
  read -r -p 'Type "yes" to go on: ' answer || answer=
  if [[ $answer != yes ]]; then
    warn "nothing was done"
    exit 2
  fi
}

restore_from_here() {
  [[ -z $backup ]] || engine_options+=(--backup "$backup")
  [[ -z $undo ]] || engine_options+=(--undo "$undo")
  [[ -z $dry_run ]] || engine_options+=(--dry-run)
  exec bash "$ENGINE/restore.sh" "${engine_options[@]}"
}

main() {
  local only_verify=false
  parse "$@"
  trap remove_pod_on_claim EXIT
  confirm
  [[ -z $database_url ]] || restore_from_here
  reach_cron_job restore
  [[ -z $dry_run ]] || only_verify=true
  run_job restore "RESTORE_BACKUP=$backup" "RESTORE_UNDO=$undo" "RESTORE_DRY_RUN=$only_verify"
}

main "$@"
