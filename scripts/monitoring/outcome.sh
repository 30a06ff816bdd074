#!/usr/bin/env bash
# outcome.sh - what is told and done about a thing of Grafana that lacks or differs.
#
# Usage: source scripts/monitoring/outcome.sh
#
# Run by itself, it only prints this text. What is not as it should be in the end is counted in $lacks.

# shellcheck disable=SC2154 # dashboard-checker.sh, grafana.sh and lib.sh set what is read here
set -euo pipefail

lacks=0

lacking() { # subject, what
  warn "$1: $2"
  lacks=$((lacks + 1))
}

# Whether to write. With --check-only and --dry-run it is told instead.
may_write() { # subject, what lacks or differs, what would be done
  if [[ -n $check_only ]]; then
    lacking "$1" "$2"
  elif [[ -n $dry_run ]]; then
    say "$1: $2, would be $3"
  else
    return 0
  fi
  return 1
}

# Grafana may refuse one thing and take the others.
written() { # subject, what was done
  local code
  if [[ ! $status =~ ^(400|409|412|422)$ ]]; then
    expect "$1" 200
    say "$1: $2"
    return
  fi
  code=$(answer .status)
  [[ $code != version-mismatch ]] || code="run this again"
  lacking "$1" "Grafana refuses it with $status: $(message)${code:+ ($code)}"
}

tell_the_end() {
  ((lacks == 0)) || fail "not all is there and current: $lacks of it as told"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
