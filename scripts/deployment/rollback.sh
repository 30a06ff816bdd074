#!/usr/bin/env bash
# rollback.sh - take the API back to an earlier revision, unless the tables would not fit it.
#
# Usage: scripts/deployment/rollback.sh [--to-revision NUMBER] [--deployment NAME] [--namespace NAME] [--context NAME]
#                                       [--timeout SECONDS] [--skip-schema-check] [--dry-run]
#
#   --to-revision        which one; the one before by default. `kubectl rollout history deployment/api` lists them
#   --deployment         which Deployment; api by default
#   --namespace          where it runs; endpoint-stats by default
#   --context            which cluster of the kubeconfig; the current one by default
#   --timeout            how long the roll-out may take; 600 s by default
#   --skip-schema-check  goes back without asking the earlier image whether the tables fit it
#   --dry-run            says what would be done, and changes nothing
#
# Before anything is changed, the Job `migrate-check` runs the image of the earlier revision, as its own pods do, with
# `migrate --check`: only when that ends with 0 does the API go back. Then smoke-test.sh looks at it. Tables stay as they are.
#
# Exit codes: 0 the earlier revision runs; 1 nothing was changed; 2 wrong usage; 3 the API went back, and does not work;
# 130 interrupted.
set -euo pipefail

# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

readonly CHECK=migrate-check
revision="" deployment=api schema_check=yes work="" doing="checking; the API was not touched"

parse() {
  while (($# > 0)); do
    taken=2
    case $1 in
      --to-revision) needs_value "$@" && revision=$2 ;;
      --deployment) needs_value "$@" && deployment=$2 ;;
      --skip-schema-check) schema_check="" taken=1 ;;
      *) shared_option "$@" ;;
    esac
    shift "$taken"
  done
  [[ -z $revision || $revision =~ ^[1-9][0-9]*$ ]] || wrong "--to-revision takes a number, and not $revision"
  namespace=${namespace:-endpoint-stats}
}

clean_up() {
  [[ -z $work ]] || rm -rf "$work"
  [[ -z ${check_is_there:-} ]] || kube delete job "$CHECK" --ignore-not-found --wait=false >/dev/null 2>&1 || true
}

interrupted() {
  trap '' INT TERM
  warn "interrupted while $doing"
  exit 130
}

# === revisions ===

# The ReplicaSets of the Deployment, as {revision, cause, image, template}, oldest first.
read_revisions() {
  ask get deployment "$deployment" --output=json >"$work/deployment" 2>"$work/error" ||
    fail "there is no Deployment $deployment to take back: $(tail -n 1 "$work/error")"
  ask get replicasets --output=json | jq --slurpfile deployment "$work/deployment" '
    [.items[] | select(any(.metadata.ownerReferences[]?; .uid == $deployment[0].metadata.uid))
      | {revision: (.metadata.annotations["deployment.kubernetes.io/revision"] // "0" | tonumber),
         cause: (.metadata.annotations["kubernetes.io/change-cause"] // "no cause was recorded"),
         image: .spec.template.spec.containers[0].image,
         template: .spec.template}] | sort_by(.revision)' >"$work/revisions" ||
    fail "the revisions of $deployment could not be read"
  current=$(jq -r '.metadata.annotations["deployment.kubernetes.io/revision"] // ""' "$work/deployment")
}

list_revisions() { jq -r '.[] | "  \(.revision): \(.image) (\(.cause))"' "$work/revisions" >&2; }

choose_revision() {
  revision=${revision:-$(jq -r --arg now "$current" '[.[].revision | select(. < ($now | tonumber))] | max // ""' "$work/revisions")}
  [[ -n $revision ]] || fail "$deployment has no revision before $current"
  jq --argjson number "$revision" '.[] | select(.revision == $number)' "$work/revisions" >"$work/target"
  if [[ ! -s $work/target ]]; then
    warn "$deployment has no revision $revision; it has"
    list_revisions
    exit 1
  fi
  say "from revision $current to $(jq -r '"\(.revision): \(.image) (\(.cause))"' "$work/target")"
}

# A revision is its pod template; the settings that it names have to be there still.
check_settings() {
  local name
  while read -r name; do
    ask get configmap "$name" --output=name >/dev/null 2>"$work/error" ||
      fail "revision $revision needs the ConfigMap $name: $(tail -n 1 "$work/error")"
  done < <(jq -r '.template.spec.volumes[]?.configMap | select(. != null and .optional != true) | .name' "$work/target")
}

# === does the schema fit? ===

# The init container of the earlier revision, which waits for its tables, made a Job that asks and does not wait.
check_job() {
  jq -e --arg name "$CHECK" --argjson seconds 120 '
    .template.spec as $pod
    | ($pod.initContainers // [] | map(select(.args // [] | index("--check"))) | first) as $container
    | select($container != null)
    | ($container.args | index("--wait-secs")) as $wait
    | {"app.kubernetes.io/name": "endpoint-stats", "app.kubernetes.io/part-of": "endpoint-stats",
       "app.kubernetes.io/component": "migrate"} as $labels
    | {apiVersion: "batch/v1", kind: "Job", metadata: {name: $name, labels: $labels},
       spec: {backoffLimit: 0, activeDeadlineSeconds: $seconds, ttlSecondsAfterFinished: 600,
         template: {metadata: {labels: $labels},
           spec: ($pod | del(.initContainers, .topologySpreadConstraints, .affinity, .terminationGracePeriodSeconds)
             | .restartPolicy = "Never"
             | .containers = [$container
                 | if $wait then .args |= .[:$wait] + .[$wait + 2:] else . end
                 | .args |= map(select(startswith("--wait-secs=") | not))])}}}' "$work/target"
}

check_schema() {
  check_job >"$work/job" ||
    fail "revision $revision has no init container that runs \`migrate --check\`; --skip-schema-check goes back without"
  if [[ -n $dry_run ]]; then
    say "would ask $(jq -r .image "$work/target") whether the tables fit it"
    return
  fi
  delete_job "$CHECK" || fail "an earlier Job $CHECK could not be deleted"
  check_is_there=yes
  kube create --filename="$work/job" >/dev/null || fail "the Job $CHECK could not be made, so it is not known whether the tables fit"
  job_ends "$CHECK" 150 ||
    fail "revision $revision is refused: the tables do not fit it, or it could not be asked; the API was not touched"
}

# === the way back ===

go_back() {
  doing="going back to revision $revision; run it again to go on"
  change rollout undo "deployment/$deployment" --to-revision="$revision" || fail "the roll-out could not be begun"
  [[ -z $dry_run ]] || return 0
  if ! kube rollout status "deployment/$deployment" --timeout="${timeout}s"; then
    warn "$deployment is not rolled out after ${timeout} s"
    explain_pods app.kubernetes.io/name=endpoint-stats,app.kubernetes.io/component=api "deployment/$deployment"
    exit 3
  fi
}

smoke_test() {
  local options
  mapfile -t options < <(same_place)
  "$repository/scripts/deployment/smoke-test.sh" "${options[@]}" || exit 3
}

main() {
  parse "$@"
  need_tools jq curl
  trap clean_up EXIT
  trap interrupted INT TERM
  work=$(mktemp -d)
  reach_cluster
  need_rights "patch deployments.apps" "list replicasets.apps" "create jobs.batch" "delete jobs.batch" "list pods" \
    "get pods --subresource=log" "create pods --subresource=portforward"
  read_revisions
  choose_revision
  check_settings
  [[ -z $schema_check ]] || check_schema
  go_back
  [[ -z $dry_run ]] || return 0
  smoke_test
  say "revision $revision of $deployment runs in namespace $namespace"
}

main "$@"
