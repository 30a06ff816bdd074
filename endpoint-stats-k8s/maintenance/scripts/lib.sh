#!/usr/bin/env bash
# lib.sh - what backup.sh, restore.sh and drill.sh share; sourced, not run.
#
# A backup is a folder endpoint-stats-YYYYmmddTHHMMSSZ with dump, manifest.json and SHA256SUMS, and verified.json once a
# drill has proved it. Names that begin with a dot are work in progress and never a backup.
# Needs bash 5, coreutils, flock and the programs of PostgreSQL 15 or later; no jq: PostgreSQL itself reads the JSON.

readonly MANIFEST_FORMAT=1
readonly BACKUP_NAME='endpoint-stats-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z'
LIBRARY_DIR=$(dirname -- "${BASH_SOURCE[0]}")
readonly LIBRARY_DIR

PROGRAM=$(basename "$0" .sh)
readonly PROGRAM
work_dir=

header() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$1"; }

say() { printf '%s: %s\n' "$PROGRAM" "$*"; }

fail() { # what, where, what was expected, what to do
  printf '%s: FAILED: %s\n' "$PROGRAM" "$*" >&2
  exit 1
}

misused() {
  printf '%s: %s; --help explains\n' "$PROGRAM" "$*" >&2
  exit 2
}

# Debian keeps the programs of a server off the PATH; the newest ones read what older ones wrote.
find_programs() {
  local newest
  if ! command -v initdb >/dev/null; then
    newest=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1) || true
    PATH=${newest:+$newest:}$PATH
  fi
  command -v pg_restore >/dev/null || fail "no programs of PostgreSQL on the PATH; install postgresql-client"
}

make_work_dir() {
  umask 077
  work_dir=$(mktemp -d "${TMPDIR:-/tmp}/$PROGRAM.XXXXXX")
}

# Makes libpq take the password from a file: a command line, and an environment, can be read by others.
use_password_file() { # file with a password and nothing else, or empty
  [[ -n $1 ]] || return 0
  local password
  password=$(cat -- "$1") || fail "the password file $1 cannot be read"
  [[ -n $password ]] || fail "the password file $1 is empty"
  [[ $password != *$'\n'* ]] || fail "the password file $1 has more than one line"
  password=${password//\\/\\\\}
  printf '*:*:*:*:%s\n' "${password//:/\\:}" >"$work_dir/passfile"
  export PGPASSFILE=$work_dir/passfile
}

check_url() {
  [[ -n $1 ]] || misused "no database: give --database-url or DATABASE_URL"
  [[ $1 =~ ^postgres(ql)?:// ]] || misused "the database URL begins with neither postgres:// nor postgresql://"
  [[ ! $1 =~ ^[a-z]+://[^/@]*:[^/@]*@ && ! $1 =~ [?\&]password= ]] ||
    misused "the database URL holds a password, which every process could read; give --password-file"
}

url_of() { # URL, database
  [[ $1 =~ ^([a-z]+://[^/?]*)(/[^?]*)?(\?.*)?$ ]]
  printf '%s/%s%s\n' "${BASH_REMATCH[1]}" "$2" "${BASH_REMATCH[3]:-}"
}

database_of() { # URL
  [[ $1 =~ ^[a-z]+://[^/?]*/([^?]*) ]] || return 0
  printf '%s\n' "${BASH_REMATCH[1]}"
}

# Runs SQL of standard input; the output is bare rows. Never asks for a password.
query() { # URL, psql options...
  PGOPTIONS="${PGOPTIONS:-} -c statement_timeout=0" \
    psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname "$1" "${@:2}"
}

backups_in() { # folder; newest first
  (cd -- "$1" && compgen -G "$BACKUP_NAME" | sort -r) || true
}

unfinished_in() { # folder
  find "$1" -mindepth 1 -maxdepth 1 -type d \( -name '.partial-*' -o -name '.removed-*' \) -print
}

seconds_of() { # name of a backup
  local at=${1#endpoint-stats-}
  date -u -d "${at:0:4}-${at:4:2}-${at:6:2}T${at:9:2}:${at:11:2}:${at:13:2}Z" +%s
}

is_verified() { # backup folder: a drill has proved these very files
  local sums
  sums=$(sha256sum <"$1/SHA256SUMS" 2>/dev/null) || return 1
  grep -qF "\"sha256sums\": \"${sums%% *}\"" "$1/verified.json" 2>/dev/null
}

# Keeps retention from removing a backup that is being read.
hold_backup() { # backup folder
  [[ -r $1/SHA256SUMS ]] || fail "$1 has no SHA256SUMS that can be read; it is not a whole backup"
  exec 8<"$1/SHA256SUMS"
  flock --shared --nonblock 8 || fail "$1 is being removed by retention; take a newer one"
}

# What can be known without a server: the three files are whole and belong together.
verify_files() { # backup folder
  local file listed
  for file in dump manifest.json SHA256SUMS; do
    [[ -f $1/$file && -s $1/$file ]] || fail "$1: $file is missing or empty; take another backup"
  done
  listed=$(awk '{ print $2 }' "$1/SHA256SUMS" | sort | tr '\n' ' ')
  [[ $listed == "dump manifest.json " ]] ||
    fail "$1: SHA256SUMS lists \"$listed\" instead of dump and manifest.json; take another backup"
  (cd -- "$1" && sha256sum --check --strict --quiet SHA256SUMS) >&2 ||
    fail "$1: a checksum does not match, the backup is damaged; take another one"
  pg_restore --list "$1/dump" >/dev/null || fail "$1: the dump has no table of contents that can be read"
  pg_restore --file /dev/null "$1/dump" || fail "$1: the dump cannot be read to its end"
}

# What a server can say of the manifest without changing anything: JSON of this format, of a server not newer than itself.
verify_manifest() { # URL, backup folder
  local problem
  problem=$(MANIFEST=$2/manifest.json NAME=${2##*/} query "$1" --set "format=$MANIFEST_FORMAT" \
    --file "$LIBRARY_DIR/check-manifest.sql") || fail "$2: manifest.json is not what backup.sh writes; take another backup"
  [[ -z $problem ]] || fail "$2: $problem"
}

manifest_value() { # URL, backup folder, path within the JSON such as {database,owner}; one line for each element of an array
  MANIFEST=$2/manifest.json query "$1" --set "path=$3" <<'SQL'
\set manifest `cat "$MANIFEST"`
SELECT value FROM (SELECT :'manifest'::jsonb #> :'path') AS found (it)
CROSS JOIN LATERAL jsonb_array_elements_text(CASE jsonb_typeof(it) WHEN 'array' THEN it ELSE jsonb_build_array(it) END) AS each (value);
SQL
}

# Makes an empty database like the one that was backed up: owner, encoding, locale, rights and settings.
create_database() { # URL, backup folder, name
  MANIFEST=$2/manifest.json query "$1" --set "name=$3" --file "$LIBRARY_DIR/create-database.sql" >/dev/null
}

restore_dump() { # URL of the empty database, backup folder
  PGOPTIONS="-c statement_timeout=0 -c lock_timeout=0" \
    pg_restore --no-password --exit-on-error --dbname "$1" "$2/dump"
}

# Counts everything of a database and prints what differs from the manifest: nothing if all is equal.
differences() { # URL, backup folder
  query "$1" --file "$LIBRARY_DIR/contents.sql" >"$work_dir/found.json"
  MANIFEST=$2/manifest.json FOUND=$work_dir/found.json query "$1" --file "$LIBRARY_DIR/compare.sql"
}

compare() { # URL, backup folder
  local found
  found=$(differences "$1" "$2") || fail "the restored database could not be counted"
  [[ -z $found ]] || fail "the restored database is not what was backed up:"$'\n'"$found"
}
