#!/usr/bin/env bash
# backup.sh - one backup of a database of endpoint-stats, in a folder that has its name only when it is whole.
#
# Usage: backup.sh [--database-url URL] [--password-file FILE] [--folder FOLDER] [--keep NUMBER]
#
#   --database-url URL    postgres://USER@HOST/DATABASE without a password; DATABASE_URL
#   --password-file FILE  holds the password; DATABASE_PASSWORD_FILE
#   --folder FOLDER       where backups are kept; BACKUP_FOLDER, or /backups
#   --keep NUMBER         backups to keep, the newest ones; BACKUP_KEEP, or 28
#
# FOLDER/endpoint-stats-YYYYmmddTHHMMSSZ/ holds dump (pg_dump, custom format), manifest.json (versions, and what the
# database held: rows and a digest of every table, hits of every service; taken in the snapshot of the dump) and
# SHA256SUMS. Until all is written and synced the folder is called .partial-…, and the next run removes what a killed
# one left. Retention runs after a backup, spares the last one a drill has verified, and those being read.
#
# Exit codes: 0 the backup is there, its name is the last line; 1 it is not, nothing changed; 2 wrong usage;
# 3 another backup runs in this folder.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

url=${DATABASE_URL:-}
password_file=${DATABASE_PASSWORD_FILE:-}
folder=${BACKUP_FOLDER:-/backups}
keep=${BACKUP_KEEP:-28}
partial=
name=
snapshot=
pid=

parse() {
  while (($# > 0)); do
    case $1 in
      --help | -h) header "${BASH_SOURCE[0]}"; exit ;;
      --database-url | --password-file | --folder | --keep) (($# > 1)) || misused "$1 needs a value" ;;&
      --database-url) url=$2 ;;
      --password-file) password_file=$2 ;;
      --folder) folder=$2 ;;
      --keep) keep=$2 ;;
      *) misused "unknown argument $1" ;;
    esac
    shift 2
  done
  check_url "$url"
  [[ $keep =~ ^[1-9][0-9]*$ ]] || misused "--keep is \"$keep\", expected a number from 1"
  [[ -d $folder && -w $folder ]] || fail "the folder $folder is not there or cannot be written; mount it, or give --folder"
}

clean_up() {
  [[ -z $work_dir ]] || rm -rf -- "$work_dir"
  [[ -z $partial ]] || rm -rf -- "$partial"
}

fail_to_write() { fail "$1; $(df -h --output=avail "$folder" | tail -n 1 | tr -d ' ') are free in $folder"; }

# The lock goes with this process and those it started.
lock_folder() {
  exec 9>>"$folder/.lock" || fail_to_write "$folder/.lock cannot be written"
  if ! flock --nonblock 9; then
    say "another backup runs in $folder; this one does nothing" >&2
    exit 3
  fi
}

remove_unfinished() {
  local left
  while read -r left; do
    say "removing $left, which a run that was killed left behind"
    rm -rf -- "$left"
  done < <(unfinished_in "$folder")
}

make_partial() { # sets name and partial
  name=endpoint-stats-$(date -u +%Y%m%dT%H%M%SZ)
  while [[ -e $folder/$name ]]; do # another one of this second
    sleep 0.2
    name=endpoint-stats-$(date -u +%Y%m%dT%H%M%SZ)
  done
  mkdir -- "$folder/.partial-$name" || fail_to_write "no folder could be made"
  partial=$folder/.partial-$name
}

# A session that holds the snapshot open; what it says comes line by line.
start_session() {
  coproc session { query "$url" --file - 2>"$work_dir/session.err"; }
    # shellcheck disable=SC2154 # set by coproc
  pid=$session_PID
  exec 5<&"${session[0]}" 6>&"${session[1]}"
}

tell_session() { printf '%s\n' "$@" >&6 || session_ended; }
hear_session() { read -r "$1" <&5 || session_ended; }
session_ended() { fail "the database did not answer: $(tr '\n' ' ' <"$work_dir/session.err")"; }

take_snapshot() { # sets snapshot
  tell_session "\\i '$LIBRARY_DIR/begin.sql'"
  hear_session snapshot
  [[ $snapshot != empty ]] || fail "the database has no tables of endpoint-stats: nothing to back up; migrate it first"
}

count_contents() {
  local answer
  tell_session "\\o '$work_dir/contents.json'" "\\i '$LIBRARY_DIR/contents.sql'" '\o' '\echo counted'
  hear_session answer
  [[ $answer == counted && -s $work_dir/contents.json ]] || session_ended
}

end_session() {
  tell_session COMMIT '\q'
  exec 6>&- 5<&-
  wait "$pid" || session_ended
}

write_dump() {
  pg_dump --format custom --snapshot "$snapshot" --lock-wait-timeout 60s --no-password --dbname "$url" \
    --file "$partial/dump" || fail_to_write "pg_dump did not finish, nothing was kept"
}

write_manifest() {
  CONTENTS=$work_dir/contents.json query "$url" --set "format=$MANIFEST_FORMAT" --set "name=$name" \
    --set "dumped_by=$(pg_dump --version)" --file "$LIBRARY_DIR/manifest.sql" >"$partial/manifest.json" ||
    fail_to_write "the manifest could not be written"
}

# Written and read back before it gets its name.
publish() {
  (cd -- "$partial" && sha256sum dump manifest.json >SHA256SUMS) || fail_to_write "the checksums could not be written"
  sync "$partial"/* "$partial" || fail_to_write "the backup could not be synced"
  verify_files "$partial"
  mv -T -- "$partial" "$folder/$name" || fail_to_write "the backup could not be given its name"
  partial=
  sync "$folder"
}

last_verified() {
  local backup
  while read -r backup; do
    if is_verified "$folder/$backup"; then
      printf '%s\n' "$backup"
      return
    fi
  done < <(backups_in "$folder")
}

remove_backup() { # name; unless someone reads it
  exec 7<"$folder/$1/SHA256SUMS" || return 0
  if flock --exclusive --nonblock 7; then
    say "removing $1: $keep newer ones are kept"
    mv -T -- "$folder/$1" "$folder/.removed-$1" && rm -rf -- "$folder/.removed-$1"
  else
    say "$1 is being read; it goes next time"
  fi
  exec 7<&-
}

retain() {
  local verified backup
  verified=$(last_verified)
  while read -r backup; do
    if [[ $backup == "$verified" ]]; then
      say "$backup stays: it is the last one that a drill verified"
    else
      remove_backup "$backup"
    fi
  done < <(backups_in "$folder" | tail -n "+$((keep + 1))")
}

main() {
  parse "$@"
  trap clean_up EXIT
  trap 'exit 143' TERM INT HUP
  trap '' PIPE # a session that ended is told by name
  find_programs
  make_work_dir
  use_password_file "$password_file"
  lock_folder
  remove_unfinished
  make_partial
  start_session
  take_snapshot
  count_contents
  write_dump
  end_session
  write_manifest
  publish
  retain
  say "$(du -sh "$folder/$name" | cut -f 1) in $SECONDS s"
  printf '%s\n' "$name"
}

main "$@"
