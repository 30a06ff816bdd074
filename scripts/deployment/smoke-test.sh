#!/usr/bin/env bash
# smoke-test.sh - does a pod of the API answer, count a hit, and write it to the database?
#
# Usage: scripts/deployment/smoke-test.sh [--namespace NAME] [--context NAME] [--timeout SECONDS]
#
#   --namespace  where endpoint-stats runs; endpoint-stats by default
#   --context    which cluster of the kubeconfig; the current one by default
#   --timeout    how long the hit may take to reach the database; 60 s by default
#
# Looks through a port-forward at the youngest ready pod: /health and /ready of the admin port, / of the public one. Without
# a token / answers 401, and that counts as a hit too: the pod's /metrics must show it counted, and stored.
#
# Exit codes: 0 all of this was seen; 1 something was not, and is named; 2 wrong usage.
set -euo pipefail

# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

youngest_pod() {
  ask get pods --selector=app.kubernetes.io/name=endpoint-stats,app.kubernetes.io/component=api --output=json | jq -r '
    [.items[] | select(.metadata.deletionTimestamp == null)
      | select(any(.status.conditions[]?; .type == "Ready" and .status == "True"))]
    | sort_by(.metadata.creationTimestamp) | last | .metadata.name // ""'
}

status() { curl --silent --output /dev/null --max-time 5 --write-out '%{http_code}' "$1" || true; }

expect() { # URL, what it is, statuses that are well
  local got
  got=$(status "$1")
  [[ " $3 " == *" $got "* ]] || fail "$2 of $pod answers ${got/000/nothing}; expected ${3// / or }"
}

metric() { # name, what else the line has
  curl --silent --fail --max-time 5 "$admin/metrics" | awk -v name="endpoint_stats_$1" -v with="${2:-}" '
    index($0, name "{") == 1 && index($0, with) { sum += $NF } END { printf "%d\n", sum }'
}

hit_is_stored() {
  (($(metric hits_total 'route="/"') > counted && $(metric hits_stored_total) > stored))
}

main() {
  timeout=60
  while (($# > 0)); do
    shared_option "$@"
    shift "$taken"
  done
  namespace=${namespace:-endpoint-stats}
  need_tools jq curl
  trap stop_forwarding EXIT
  trap 'exit 130' INT TERM
  pod=$(youngest_pod) || fail "the pods of the API could not be listed"
  [[ -n $pod ]] || fail "no pod of the API is ready in namespace $namespace"
  forward "pod/$pod" || exit 1
  expect "$admin/health" /health 200
  expect "$admin/ready" /ready 200
  counted=$(metric hits_total 'route="/"') stored=$(metric hits_stored_total)
  expect "$public/" / "200 401"
  wait_until "$timeout" hit_is_stored || fail "a hit on / of $pod was not counted and stored within $timeout s"
  say "$pod is well, ready, and stored a hit"
}

main "$@"
