#!/usr/bin/env bash
# dr-restore.sh - a backup back into its place: verified first, compared before it counts, swapped in at once.
#
# Usage: scripts/backup/dr-restore.sh [--namespace NAME] [--backup NAME] [--timeout SECONDS] [--dry-run] [--yes]
#        scripts/backup/dr-restore.sh [--namespace NAME] --undo DATABASE [--yes]
#        scripts/backup/dr-restore.sh --database-url URL --folder FOLDER [--password-file FILE] [--database NAME]
#                                     [--backup NAME] [--undo DATABASE] [--dry-run] [--yes]
#
#   --namespace NAME      where endpoint-stats runs; endpoint-stats
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

ENGINE=$(dirname -- "${BASH_SOURCE[0]}")/../../endpoint-stats-k8s/maintenance/scripts
readonly ENGINE
# shellcheck source=job.bash
source "$(dirname -- "${BASH_SOURCE[0]}")/job.bash"

timeout_secs=14400
backup=
undo=
database_url=
dry_run=false
yes=false
engine_options=()

parse() {
  while (($# > 0)); do
    case $1 in
      --help | -h) header "${BASH_SOURCE[0]}"; exit ;;
      --dry-run) dry_run=true; shift; continue ;;
      --yes) yes=true; shift; continue ;;
      --namespace | --backup | --undo | --timeout | --database-url | --folder | --password-file | --database)
        (($# > 1)) || misused "$1 needs a value" ;;&
      --namespace) namespace=$2 ;;
      --timeout) timeout_secs=$2 ;;
      --backup) backup=$2 ;;
      --undo) undo=$2 ;;
      --database-url) database_url=$2; engine_options+=("$1" "$2") ;;
      --folder | --password-file | --database) engine_options+=("$1" "$2") ;;
      *) misused "unknown argument $1" ;;
    esac
    shift 2
  done
  check_shared
  [[ -n $database_url || ${#engine_options[@]} -eq 0 ]] || misused "${engine_options[0]} goes with --database-url"
  [[ -z $undo || -z $backup ]] || misused "--undo and --backup exclude each other"
  [[ -z $undo || $dry_run == false ]] || misused "--undo has no --dry-run"
}

confirm() {
  local answer where=${database_url:-namespace $namespace}
  [[ $yes == false && $dry_run == false ]] || return 0
  say "this replaces the database of $where by ${undo:-${backup:-the newest backup}}; what was counted since is only in the database that is kept"
  read -r -p 'Type "yes" to go on: ' answer || answer=
  if [[ $answer != yes ]]; then
    say "nothing was done"
    exit 2
  fi
}

restore_from_here() {
  [[ -z $backup ]] || engine_options+=(--backup "$backup")
  [[ -z $undo ]] || engine_options+=(--undo "$undo")
  [[ $dry_run == false ]] || engine_options+=(--dry-run)
  exec bash "$ENGINE/restore.sh" "${engine_options[@]}"
}

main() {
  parse "$@"
  trap remove_pod_on_claim EXIT
  confirm
  [[ -z $database_url ]] || restore_from_here
  check_cluster restore
  run_job restore "RESTORE_BACKUP=$backup" "RESTORE_UNDO=$undo" "RESTORE_DRY_RUN=$dry_run"
}

main "$@"
