#!/usr/bin/env bash
# restore.sh - a backup back into its place: into a new database, compared, and swapped in at once.
#
# Usage: restore.sh [--database-url URL] [--password-file FILE] [--folder FOLDER] [--backup NAME] [--database NAME]
#                   [--dry-run]
#        restore.sh --undo DATABASE [--database-url URL] [--password-file FILE] [--database NAME]
#
#   --database-url URL    postgres://USER@HOST/postgres: any database but the one to replace; as its owner, who may make
#                         databases and end connections, or as a superuser; DATABASE_URL
#   --password-file FILE  holds the password; DATABASE_PASSWORD_FILE
#   --folder FOLDER       where backups are kept; BACKUP_FOLDER, or /backups
#   --backup NAME         which one; RESTORE_BACKUP, or the newest
#   --database NAME       the database to replace; RESTORE_DATABASE, or endpoint_stats
#   --dry-run             checks everything that can be checked without a change, and stops; RESTORE_DRY_RUN=true
#   --undo DATABASE       puts the database that a restore kept back in place; RESTORE_UNDO
#
# Before anything is made: checksums, the whole dump is read, the manifest, the version of the server, roles that are
# missing. Then it restores into NAME_restored_TIME, compares every count with the manifest, ends the connections to
# NAME, and renames both in one transaction: NAME becomes NAME_before_TIME and is kept. Whatever fails before that
# transaction leaves NAME as it was, and the new database is dropped.
#
# Exit codes: 0 done; 1 refused or failed, NAME is as it was; 2 wrong usage.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

url=${DATABASE_URL:-}
password_file=${DATABASE_PASSWORD_FILE:-}
folder=${BACKUP_FOLDER:-/backups}
backup=${RESTORE_BACKUP:-}
database=${RESTORE_DATABASE:-endpoint_stats}
dry_run=${RESTORE_DRY_RUN:-false}
undo=${RESTORE_UNDO:-}
fresh= # the database being made

parse() {
  while (($# > 0)); do
    case $1 in
      --help | -h) header "${BASH_SOURCE[0]}"; exit ;;
      --dry-run) dry_run=true; shift; continue ;;
      --database-url | --password-file | --folder | --backup | --database | --undo) (($# > 1)) || misused "$1 needs a value" ;;&
      --database-url) url=$2 ;;
      --password-file) password_file=$2 ;;
      --folder) folder=$2 ;;
      --backup) backup=$2 ;;
      --database) database=$2 ;;
      --undo) undo=$2 ;;
      *) misused "unknown argument $1" ;;
    esac
    shift 2
  done
  check_url "$url"
  [[ $database =~ ^[a-z_][a-z0-9_]{0,30}$ ]] || misused "--database is \"$database\", expected a plain name of a database"
  [[ $(database_of "$url") =~ ^.+$ ]] || misused "the database URL names no database; end it with /postgres"
  [[ $(database_of "$url") != "$database" ]] || misused "the database URL names the database to replace; end it with /postgres"
}

clean_up() {
  trap '' TERM INT HUP
  [[ -z $fresh ]] || drop_fresh || say "the database $fresh could not be dropped; drop it by hand" >&2
  [[ -z $work_dir ]] || rm -rf -- "$work_dir"
}

drop_fresh() { query "$url" --command "DROP DATABASE IF EXISTS $fresh WITH (FORCE)"; }

choose_backup() { # sets chosen
  [[ -d $folder ]] || fail "the folder $folder is not there; mount it, or give --folder"
  backup=${backup:-$(backups_in "$folder" | head -n 1)}
  [[ -n $backup ]] || fail "no backup in $folder"
  # shellcheck disable=SC2053 # a pattern
  [[ $backup == $BACKUP_NAME ]] || fail "\"$backup\" is no name of a backup; there are: $(backups_in "$folder" | tr '\n' ' ')"
  [[ -d $folder/$backup ]] || fail "$folder/$backup is not there; there are: $(backups_in "$folder" | tr '\n' ' ')"
  chosen=$folder/$backup
}

check_server() {
  local lacking
  lacking=$(query "$url" <<'SQL'
SELECT format('ALTER ROLE %I CREATEDB; ', rolname) FROM pg_roles
WHERE rolname = current_user AND NOT rolsuper AND NOT rolcreatedb
UNION ALL SELECT format('GRANT pg_signal_backend TO %I; ', rolname) FROM pg_roles
WHERE rolname = current_user AND NOT rolsuper AND NOT pg_has_role('pg_signal_backend', 'USAGE')
SQL
  ) || fail "the server cannot be reached as the URL says"
  [[ -z $lacking ]] || fail "the role of the URL may not do it; a superuser has to run: ${lacking//$'\n'/}"
}

check_owner() {
  local owner
  owner=$(manifest_value "$url" "$chosen" '{database,owner}')
  [[ $(query "$url" --set "owner=$owner" <<<"SELECT pg_has_role(:'owner', 'MEMBER')") == t ]] ||
    fail "the database belonged to $owner, whom the role of the URL cannot act for; connect as $owner or as a superuser"
}

missing_roles() {
  comm -23 <(manifest_value "$url" "$chosen" '{contents,roles}' | sort) <(query "$url" <<<"SELECT rolname FROM pg_roles" | sort)
}

check_roles() {
  local missing
  missing=$(missing_roles | tr '\n' ' ')
  [[ -z $missing ]] || fail "the server lacks roles that own or may read what is in the backup: $missing" \
    "- make them first (the database's init script does, or CREATE ROLE … NOLOGIN by hand)"
}

verify() {
  hold_backup "$chosen"
  verify_files "$chosen"
  check_server
  verify_manifest "$url" "$chosen"
  check_roles
  check_owner
  say "$backup is whole, and this server can take it"
}

say_what_is_left() {
  local left
  left=$(query "$url" --set "database=$database" \
    <<<"SELECT string_agg(datname, ' ') FROM pg_database WHERE starts_with(datname, :'database' || '_restored_')")
  [[ -z $left ]] || say "left by a restore that was killed, to be dropped unless one runs now: $left"
}

exists() { [[ $(query "$url" --set "name=$1" <<<"SELECT count(*) FROM pg_database WHERE datname = :'name'") == 1 ]]; }

restore() { # into fresh, which is dropped again unless it was there before
  ! exists "${database}_restored_$1" || fail "the database ${database}_restored_$1 is there already: another restore began in this moment"
  fresh=${database}_restored_$1
  create_database "$url" "$chosen" "$fresh" || fail "the new database $fresh could not be made; $database is as it was"
  restore_dump "$(url_of "$url" "$fresh")" "$chosen" || fail "pg_restore did not finish; $database is as it was"
  compare "$(url_of "$url" "$fresh")" "$chosen"
  query "$(url_of "$url" "$fresh")" --command ANALYZE
  say "restored into $fresh, which holds exactly what the manifest says"
}

# The answer to a commit may be lost, too.
is_gone() { [[ $(query "$url" --set "name=$1" <<<"SELECT count(*) FROM pg_database WHERE datname = :'name'") == 0 ]]; }

# New connections wait while a database is being renamed, old ones keep it from being renamed: so these are ended.
end_connections() { # database...; until killed
  while sleep 0.1; do
    query "$url" --set "names=$*" <<<"SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = ANY (string_to_array(:'names', ' '))" >/dev/null 2>&1 || true
  done
}

rename_both() { # new, old's new name: one transaction
  {
    printf 'BEGIN;\n'
    ! exists "$database" || printf 'ALTER DATABASE %s RENAME TO %s;\n' "$database" "$2"
    printf 'ALTER DATABASE %s RENAME TO %s;\nCOMMIT;\n' "$1" "$database"
  } >"$work_dir/rename.sql"
  query "$url" --file "$work_dir/rename.sql"
}

swap() { # new, old's new name
  local ender tries
  end_connections "$database" "$1" 9<&- &
  ender=$!
  for tries in 1 2 3 failed; do
    [[ $tries != failed ]] || break
    if rename_both "$1" "$2" || is_gone "$1"; then
      break
    fi
  done
  kill "$ender" 2>/dev/null || true
  wait "$ender" 2>/dev/null || true
  [[ $tries != failed ]] || fail "connections to $database did not end; it is as it was"
}

say_how_to_go_back() { # kept database
  if exists "$1"; then
    say "what was there before is kept as $1"
    say "to go back: --undo $1; to be rid of it: DROP DATABASE $1"
  fi
}

undo() {
  [[ $undo =~ ^${database}_before_[0-9t]+$ ]] || misused "--undo is \"$undo\", expected a name like ${database}_before_…"
  check_server
  exists "$undo" || fail "there is no database $undo on this server"
  swap "$undo" "${database}_undone_$1"
  say "$undo is $database again; what it replaced is kept as ${database}_undone_$1"
}

main() {
  local at
  parse "$@"
  trap clean_up EXIT
  trap 'exit 143' TERM INT HUP
  find_programs
  make_work_dir
  use_password_file "$password_file"
  at=$(date -u +%Y%m%dt%H%M%S%3N) # a restore that was killed may have begun in the same second
  if [[ -n $undo ]]; then
    undo "$at"
    return
  fi
  choose_backup
  verify
  if [[ $dry_run == true ]]; then
    say "dry run: nothing was changed"
    return
  fi
  say_what_is_left
  restore "$at"
  swap "$fresh" "${database}_before_$at"
  fresh=
  say "$database is now $backup"
  say_how_to_go_back "${database}_before_$at"
}

main "$@"
