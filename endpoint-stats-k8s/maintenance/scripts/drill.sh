#!/usr/bin/env bash
# drill.sh - proves that the newest backup can be restored, by restoring it into a server of its own.
#
# Usage: drill.sh [--folder FOLDER] [--scratch FOLDER] [--max-age-hours NUMBER]
#
#   --folder FOLDER         where backups are kept; BACKUP_FOLDER, or /backups
#   --scratch FOLDER        where the server of the drill lives, gone afterwards; DRILL_SCRATCH, or /scratch
#   --max-age-hours NUMBER  an older backup proves nothing; DRILL_MAX_AGE_HOURS, or 26
#
# Needs no network: the scratch PostgreSQL listens on a socket in its own folder. Checks checksums, restores, compares
# every count with the manifest, runs pg_amcheck over tables and indexes if the server has the extension amcheck,
# counts every table again by its indexes, and that every sequence goes on past what was given out. Then, and only
# then, it writes verified.json into the backup.
#
# Exit codes: 0 proved; 1 not proved: no backup, none that is new enough, or one that does not hold; 2 wrong usage.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly CLOCK_SKEW_SECS=300

folder=${BACKUP_FOLDER:-/backups}
scratch=${DRILL_SCRATCH:-/scratch}
max_age_hours=${DRILL_MAX_AGE_HOURS:-26}
server=

parse() {
  while (($# > 0)); do
    case $1 in
      --help | -h) header "${BASH_SOURCE[0]}"; exit ;;
      --folder | --scratch | --max-age-hours) (($# > 1)) || misused "$1 needs a value" ;;&
      --folder) folder=$2 ;;
      --scratch) scratch=$2 ;;
      --max-age-hours) max_age_hours=$2 ;;
      *) misused "unknown argument $1" ;;
    esac
    shift 2
  done
  [[ $max_age_hours =~ ^[1-9][0-9]*$ ]] || misused "--max-age-hours is \"$max_age_hours\", expected a number from 1"
  [[ -d $folder ]] || fail "the folder $folder is not there; mount it, or give --folder"
  [[ -d $scratch && -w $scratch ]] || fail "the folder $scratch is not there or cannot be written; mount it, or give --scratch"
}

clean_up() {
  [[ -z $server ]] || pg_ctl --pgdata "$server" --mode immediate --silent stop >/dev/null 2>&1 || true
  [[ -z $server ]] || rm -rf -- "$server"
  [[ -z $work_dir ]] || rm -rf -- "$work_dir"
}

choose_newest() { # sets backup and chosen
  backup=$(backups_in "$folder" | head -n 1)
  [[ -n $backup ]] || fail "no backup in $folder$(unfinished_in "$folder" | sed 's/^/; unfinished: /' | tr '\n' ' ')"
  chosen=$folder/$backup
}

check_age() {
  local age
  age=$(($(date -u +%s) - $(seconds_of "$backup")))
  ((age <= max_age_hours * 3600)) || fail "the newest backup, $backup, is $((age / 3600)) h old, expected $max_age_hours h at most"
  ((age >= -CLOCK_SKEW_SECS)) || fail "the newest backup, $backup, is of the future; look at the clocks"
}

start_server() { # sets server and url
  server=$(mktemp -d "$scratch/server.XXXXXX")
  initdb --pgdata "$server" --username postgres --auth trust --encoding UTF8 --data-checksums >"$work_dir/initdb.log" 2>&1 ||
    fail "no scratch server could be made: $(tail -n 3 "$work_dir/initdb.log")"
  pg_ctl --pgdata "$server" --wait --timeout 120 --log "$server/log" --silent --options "-c listen_addresses= \
    -c unix_socket_directories=$server -c fsync=off -c full_page_writes=off -c shared_buffers=64MB \
    -c max_wal_size=256MB -c max_parallel_workers_per_gather=0 -c max_parallel_maintenance_workers=0" start >/dev/null ||
    fail "the scratch server did not start: $(tail -n 5 "$server/log")"
  url="postgres://postgres@/postgres?host=${server//\//%2F}"
}

make_roles() {
  manifest_value "$url" "$chosen" '{contents,roles}' >"$work_dir/roles"
  while read -r role; do
    [[ $role == postgres ]] || query "$url" --set "role=$role" <<<'CREATE ROLE :"role" NOLOGIN'
  done <"$work_dir/roles"
}

restore() {
  make_roles || fail "the roles of the manifest could not be made"
  create_database "$url" "$chosen" endpoint_stats || fail "a database like the one that was backed up could not be made"
  restored=$(url_of "$url" endpoint_stats)
  restore_dump "$restored" "$chosen" || fail "$backup could not be restored"
  compare "$restored" "$chosen"
  say "$backup was restored, and holds exactly what its manifest says"
}

check_structures() { # sets amcheck
  amcheck="missing: this PostgreSQL has no extension amcheck"
  if [[ $(query "$url" <<<"SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'") == 1 ]]; then
    pg_amcheck --no-password --install-missing --heapallindexed --parent-check "$restored" >&2 ||
      fail "pg_amcheck found damage in the restored database"
    amcheck=passed
  fi
  say "pg_amcheck: $amcheck"
}

# A question to every table: how many rows, by way of an index; and can every identity give out a next number?
ask_every_table() {
  local wrong
  wrong=$(MANIFEST=$chosen/manifest.json query "$restored" --file "$LIBRARY_DIR/ask-every-table.sql") ||
    fail "a table of the restored database did not answer"
  [[ -z $wrong ]] || fail "the restored database answers wrongly:"$'\n'"$wrong"
}

# Appears whole or not at all, and names the files it speaks of.
write_verified() {
  local sums
  sums=$(sha256sum <"$chosen/SHA256SUMS")
  sums=${sums%% *}
  {
    printf '{\n  "backup": "%s",\n  "sha256sums": "%s",\n' "$backup" "$sums"
    printf '  "verified_at": "%s",\n  "postgres": "%s",\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(postgres --version)"
    printf '  "amcheck": "%s"\n}\n' "$amcheck"
  } >"$chosen/.verified.json" || fail "the proof could not be written into $chosen"
  sync "$chosen/.verified.json" || fail "the proof could not be synced"
  mv -T -- "$chosen/.verified.json" "$chosen/verified.json" || fail "the proof could not be given its name"
  sync "$chosen"
}

main() {
  parse "$@"
  trap clean_up EXIT
  trap 'exit 143' TERM INT HUP
  find_programs
  make_work_dir
  choose_newest
  check_age
  hold_backup "$chosen"
  verify_files "$chosen"
  start_server
  verify_manifest "$url" "$chosen"
  restore
  check_structures
  ask_every_table
  write_verified
  say "$backup is verified, in $SECONDS s"
}

main "$@"
