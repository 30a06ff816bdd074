#!/bin/sh
# probe.sh - say whether Redis is well; for the kubelet's probes.
#
# Usage: probe.sh alive|ready
#
#   alive  it answers, be it that it still reads its file
#   ready  it serves
#
# The password goes by the environment, which only processes of the same user see, and not by an argument.
set -u

readonly folder="${CACHE_SECRETS:-/run/secrets/cache}"

ping() {
  REDISCLI_AUTH=$(cat "$folder/monitor-password") redis-cli -p "${PORT:-6379}" --user monitor --no-auth-warning ping 2>&1
}

main() {
  answer=$(ping)
  case "$1 $answer" in
    "alive PONG" | "ready PONG" | "alive LOADING "*) return 0 ;;
  esac
  printf 'probe.sh: not %s: %s\n' "$1" "$answer" >&2
  return 1
}

main "${1:-alive}"
