#!/usr/bin/env bash
# start.sh - start PostgreSQL, and start over if the first start was cut off before the roles were made.
#
# Usage: start.sh COMMAND... (what the image's entrypoint takes)
#
# The image takes any folder that initdb has made for a complete database. If the first start ended before 10-roles.sh
# did, the next one would serve a database without roles, for ever. So a mark stands beside the data until the roles are
# made. A database that still has it never took a connection from outside; it is set aside and made anew.
set -euo pipefail

readonly MARK="$PGDATA.first-start"
readonly ASIDE="$PGDATA.unfinished"

is_empty() {
  local contents
  [[ -e $PGDATA ]] || return 0
  contents=$(ls -A "$PGDATA") || exit 1
  [[ -z $contents ]]
}

# On the disk before anything else is.
mark_first_start() {
  : >"$MARK"
  sync "$MARK" "$(dirname "$MARK")"
}

set_aside() {
  printf 'start: the first start was not finished; its folder %s is now %s\n' "$PGDATA" "$ASIDE" >&2
  rm -rf "$ASIDE"
  mv "$PGDATA" "$ASIDE"
}

main() {
  if is_empty; then
    mark_first_start
  elif [[ -e $MARK ]]; then
    set_aside
  fi
  exec docker-entrypoint.sh "$@"
}

main "$@"
