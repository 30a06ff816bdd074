#!/usr/bin/env bash
# health-check.sh - is endpoint-stats well in its cluster?
#
# Usage: scripts/health-check.sh [--namespace NAME] [--context NAME] [--only LIST] [--json] [--timeout SECONDS]
#
#   --namespace  where it runs; endpoint-stats by default
#   --context    which cluster of the kubeconfig; the current one by default
#   --only       some of pods,events,api,database,cache,storage,backups,certificates
#   --json       prints one object instead of lines: {status, namespace, checked_at, findings: [{check, severity, subject, what}]}
#   --timeout    how long one look into a pod may take; 20 s by default
#
# Changes nothing. What cannot be looked at for want of rights is told as "unknown" and the rest is checked.
#
#   pods          Deployments and StatefulSets have their pods; restarts of the last hour; Jobs that failed
#   events        warnings of the last hour
#   api           /health and /ready of every pod of the API
#   database      takes connections, says whether it takes writes
#   cache         answers
#   storage       claims are bound; a volume over 80 % is a warning, over 90 % critical
#   backups       a backup or a proof of one (restore-drill) older than 26 h is a warning, than 50 h critical
#   certificates  one that ends within 30 days is a warning, within 7 days critical
#
# Exit codes: 0 all is well; 1 warnings; 2 something is critical; 3 nothing bad was seen, but not everything could be
# looked at; 64 wrong usage.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=health/checks.sh
source "$(dirname "${BASH_SOURCE[0]}")/health/checks.sh"

readonly CHECKS=pods,events,api,database,cache,storage,backups,certificates
only=$CHECKS json="" findings=""

# 2 tells that something is critical.
wrong() {
  warn "$*; --help tells more"
  exit 64
}

parse() {
  timeout=20
  while (($# > 0)); do
    taken=2
    case $1 in
      --only) needs_value "$@" && only=$2 ;;
      --json) json=yes taken=1 ;;
      *) shared_option "$@" ;;
    esac
    shift "$taken"
  done
  namespace=${namespace:-endpoint-stats}
  local check
  for check in ${only//,/ }; do
    [[ ,$CHECKS, == *",$check,"* ]] || wrong "--only takes some of $CHECKS, and not $check"
  done
}

clean_up() {
  stop_forwarding
  [[ -z $findings ]] || rm -f "$findings"
}

worst() { # of the severities that were found, as an exit code
  jq -s 'map(.severity) | if index("critical") then 2 elif index("warning") then 1 elif index("unknown") then 3 else 0 end' "$findings"
}

show() { # exit code
  local status=(well warning critical unknown)
  if [[ -n $json ]]; then
    jq -s --arg status "${status[$1]}" --arg namespace "$namespace" --arg now "$(date -u +%FT%TZ)" \
      '{status: $status, namespace: $namespace, checked_at: $now, findings: .}' "$findings"
    return
  fi
  jq -r '"\(.severity + "        " | .[:8])  \(.check): \(.subject): \(.what)"' "$findings"
  printf 'endpoint-stats in namespace %s: %s\n' "$namespace" "${status[$1]}"
}

main() {
  parse "$@"
  need_tools jq curl openssl
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  findings=$(mktemp)
  local check code
  if look cluster "the API server" version --output=json >/dev/null; then
    for check in ${only//,/ }; do
      "check_$check"
    done
  fi
  code=$(worst)
  show "$code"
  return "$code"
}

main "$@"
