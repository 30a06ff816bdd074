#!/usr/bin/env bash
# deploy.sh - bring a version of endpoint-stats into a cluster, and back out of it when it does not work.
#
# Usage: scripts/deployment/deploy.sh [--version VERSION] [--overlay NAME] [--namespace NAME] [--context NAME]
#                                     [--timeout SECONDS] [--dry-run]
#
#   --version    tag of the image endpoint-stats-server; by default the one of the overlay
#   --overlay    dev, production, external-databases, or a folder; dev by default
#   --namespace  where to; by default the one of the overlay
#   --context    which cluster of the kubeconfig; the current one by default
#   --timeout    how long the migration and each roll-out may take; 600 s by default
#   --dry-run    checks everything, shows what would change, and changes nothing
#
# In this order: the cluster, rights, Secrets and manifests are checked (the API server tries the manifests); everything
# but the API is applied; the Job `migrate` brings the tables up to date; the API is rolled out; smoke-test.sh looks at it.
# When the roll-out or the smoke test fails, what failed is shown and the API goes back to the revision it had. Tables and
# databases are never taken back. The version stands in the annotation kubernetes.io/change-cause. Run twice, it changes
# nothing. Interrupted, it says how far it came; run it again to go on.
#
# Exit codes: 0 the version runs; 1 something failed before the API was touched; 2 wrong usage; 3 the API failed and is
# back at the revision it had; 4 the API failed and could not be brought back; 130 interrupted.
set -euo pipefail

# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

readonly API=app.kubernetes.io/component=api
readonly MIGRATE=app.kubernetes.io/component=migrate
readonly CHANGE_CAUSE=kubernetes.io/change-cause
# What only watches holds up nothing.
readonly WATCHERS='/(prometheus|alertmanager|grafana|postgres-exporter|redis-exporter|kube-state-metrics)$'
version="" asked_version="" overlay=dev work="" doing="checking; nothing was changed"
declare -A revision_before=()

parse() {
  while (($# > 0)); do
    taken=2
    case $1 in
      --version) needs_value "$@" && version=$2 asked_version=$2 ;;
      --overlay) needs_value "$@" && overlay=$2 ;;
      *) shared_option "$@" ;;
    esac
    shift "$taken"
  done
  [[ -z $version || $version =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] || wrong "--version takes a tag, such as 0.1.0, and not $version"
  [[ -d $overlay ]] || overlay=$repository/endpoint-stats-k8s/overlays/$overlay
  [[ -f $overlay/kustomization.yaml ]] || wrong "there is no overlay $overlay (no kustomization.yaml in it)"
}

clean_up() {
  stop_forwarding
  [[ -z $work ]] || rm -rf "$work"
}

interrupted() {
  trap '' INT TERM
  warn "interrupted while $doing"
  exit 130
}

# === manifests ===

server_image() { # file: the name without its tag and digest
  sed -nE 's|^ *(- )?image: "?(([^ "]*/)?endpoint-stats-server)([:@][^ "]*)?"?$|\2|p' "$1" | sort -u
}

settings_of_this_run() { # an overlay upon the chosen one; kustomize takes no absolute path
  printf 'resources: ["%s"]\n' "$(realpath --relative-to="$work" "$overlay")"
  [[ -z $namespace ]] || printf 'namespace: %s\n' "$namespace"
  [[ -z $version ]] || printf 'images: [{name: "%s", newTag: "%s"}]\n' "$1" "$version"
}

render() {
  local image
  "$KUBECTL" kustomize "$overlay" >"$work/all.yaml" || fail "the manifests of $overlay do not render"
  image=$(server_image "$work/all.yaml")
  [[ -n $image && $image != *$'\n'* ]] || fail "$overlay should name one image endpoint-stats-server; it names: ${image:-none}"
  settings_of_this_run "$image" >"$work/kustomization.yaml"
  "$KUBECTL" kustomize "$work" >"$work/rendered.yaml" || fail "the manifests of $overlay do not render with the given settings"
  mv "$work/rendered.yaml" "$work/all.yaml"
  namespace=${namespace:-$(sed -n 's/^  namespace: //p' "$work/all.yaml" | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')}
  [[ -n $namespace ]] || fail "$overlay names no namespace; give one with --namespace"
  version=${version:-$(sed -nE 's|^ *(- )?image: "?([^ "]*/)?endpoint-stats-server:?([^ "]*)"?$|\3|p' "$work/all.yaml" | head -n 1)}
}

# Every object names its namespace, and that need not be the same one.
in_manifests() { # verb, options...
  "$KUBECTL" ${context:+--context "$context"} "$1" --filename="$work/all.yaml" "${@:2}"
}

apply() { in_manifests apply --output=name "$@"; } # options...: prints the names of what was applied

# === preflight ===

# The Secrets that pods mount, without those that the manifests have made: by cert-manager or by external-secrets.
needed_secrets() {
  in_manifests create --dry-run=client --validate=false --output=json | jq -rs '
    [.. | objects | .volumes? | arrays[] | .secret, .projected.sources[]?.secret | select(. != null and .optional != true)
      | .secretName // .name] as $mounted
    | [.. | objects | select(.kind == "Certificate" or .kind == "ExternalSecret")
      | .spec.secretName // .spec.target.name // .metadata.name] as $made
    | ($mounted | unique) - $made | .[]'
}

# What secrets.sh finds besides, such as a certificate that ends soon, is told and holds nothing up.
check_secrets() {
  local name names options missing=()
  names=$(needed_secrets) || fail "the manifests could not be read by the API server's kinds"
  for name in $names; do
    ask get secret "$name" --output=name >/dev/null 2>"$work/error" || missing+=("$name ($(tail -n 1 "$work/error"))")
  done
  ((${#missing[@]} == 0)) || fail "Secrets are missing: $(printf '%s; ' "${missing[@]}")\`scripts/deployment/secrets.sh create\` makes them"
  mapfile -t options < <(same_place)
  "$repository/scripts/deployment/secrets.sh" check "${options[@]}" >&2 || warn "secrets.sh finds fault with the Secrets, see above"
}

# The Job's template cannot be changed: the server would refuse the new one while the old one is there.
try_manifests() {
  local not_the_job=()
  ! job_is_there migrate || not_the_job=(--selector="$MIGRATE_NOT")
  apply --dry-run=server "${not_the_job[@]}" >/dev/null 2>"$work/tried" ||
    fail "the API server does not take the manifests: $(cat "$work/tried")"
  if grep -i 'would violate PodSecurity' "$work/tried" >&2; then
    fail "pods of these manifests would not be let into namespace $namespace"
  fi
}

# Blue-green and canary have several: which version each of them runs is written in the overlay.
refuse_one_version_for_several() {
  local count
  count=$(apply --dry-run=server --selector="$API" 2>/dev/null | grep -c '^deployment\.apps/') || true
  ((count <= 1)) || wrong "$overlay has $count Deployments of the API; write their versions into it, and leave --version out"
}

preflight() {
  reach_cluster
  namespace_is_there ||
    fail "there is no namespace $namespace; \`scripts/deployment/secrets.sh create --namespace $namespace\` makes it and the Secrets"
  need_rights "delete jobs.batch" "create jobs.batch" "patch deployments.apps" "list replicasets.apps" "watch deployments.apps" \
    "list pods" "get pods --subresource=log" "create pods --subresource=portforward" "list events"
  check_secrets
  try_manifests
  [[ -z $asked_version ]] || refuse_one_version_for_several
}

# === the steps ===

remember_revisions() {
  local lines name revision
  lines=$(ask get deployments --selector="$API" --output=json |
    jq -r '.items[].metadata | "\(.name) \(.annotations["deployment.kubernetes.io/revision"] // empty)"') ||
    fail "the revision that runs now could not be read"
  while read -r name revision; do
    [[ -z $name ]] || revision_before[$name]=$revision
  done <<<"$lines"
}

show_changes() {
  local code=0
  in_manifests diff --selector="$MIGRATE_NOT" || code=$?
  ((code <= 1)) || fail "what would change could not be shown"
  say "version $version would be migrated to and rolled out in namespace $namespace; nothing was changed"
}

wait_for_roll_outs() { # lines kind.group/name, as apply prints them
  local object
  while read -r object; do
    [[ $object =~ ^(deployment|statefulset|daemonset)\.apps/ && ! $object =~ $WATCHERS ]] || continue
    kube rollout status "$object" --timeout="${timeout}s" </dev/null && continue
    warn "$object is not rolled out after ${timeout} s"
    explain_pods "app.kubernetes.io/name=endpoint-stats,app.kubernetes.io/component=$(component_of "$object")" "$object"
    return 1
  done <<<"$1"
}

component_of() { ask get "$1" --output=jsonpath='{.spec.selector.matchLabels.app\.kubernetes\.io/component}'; }

apply_the_rest() {
  local applied
  doing="applying everything but the API; run it again to go on"
  say "applying everything but the API"
  applied=$(apply --selector="$API_NOT,$MIGRATE_NOT") || fail "not everything was applied; the API was not touched; run it again when that is mended"
  doing="waiting for what the API needs; the API was not touched; run it again to go on"
  wait_for_roll_outs "$applied" || fail "what the API needs does not run; the API was not touched"
}

remove_old_job() {
  local state
  job_is_there migrate || return 0
  state=$(job_condition migrate)
  if [[ -z $state ]] && migration_runs; then
    fail "another migration runs in namespace $namespace; wait for it: kubectl wait --for=condition=complete job/migrate"
  fi
  delete_job migrate || fail "the old Job migrate could not be deleted"
}

migration_runs() {
  [[ -n $(ask get pods --selector=batch.kubernetes.io/job-name=migrate --field-selector=status.phase=Running --output=name) ]]
}

migrate() {
  say "migrating to version $version"
  remove_old_job
  doing="migrating; the API was not touched, and the Job migrate goes on; run it again to go on"
  apply --selector="$MIGRATE" >/dev/null || fail "the Job migrate was not applied; the API was not touched"
  job_ends migrate "$timeout" || fail "the migration did not succeed; the API was not touched"
}

roll_out() {
  local applied names name
  doing="rolling out the API; run it again to go on, or scripts/deployment/rollback.sh to go back"
  say "rolling out version $version"
  applied=$(apply --selector="$API") || return 1
  mapfile -t names < <(sed -n 's|^deployment.apps/||p' <<<"$applied")
  for name in "${names[@]}"; do
    kube annotate deployment "$name" --overwrite "$CHANGE_CAUSE=version $version, overlay $(basename "$overlay")" >/dev/null || return 1
  done
  wait_for_roll_outs "$applied"
}

smoke_test() {
  local options
  mapfile -t options < <(same_place)
  "$repository/scripts/deployment/smoke-test.sh" "${options[@]}"
}

has_changed() { # Deployment
  [[ $(ask get deployment "$1" --output=jsonpath='{.metadata.annotations.deployment\.kubernetes\.io/revision}') != "${revision_before[$1]}" ]]
}

# Exits 3 when everything that was rolled out is back, and 4 otherwise.
go_back() {
  local name options code=4
  mapfile -t options < <(same_place)
  doing="taking the API back; scripts/deployment/rollback.sh does it again"
  for name in "${!revision_before[@]}"; do
    has_changed "$name" || continue
    code=3
    "$repository/scripts/deployment/rollback.sh" "${options[@]}" --deployment "$name" --to-revision "${revision_before[$name]}" \
      --timeout "$timeout" || fail_with 4 "version $version failed, and $name could not be brought back"
  done
  ((${#revision_before[@]} > 0)) || fail_with 4 "version $version failed, and there is no earlier revision to go back to"
  ((code == 3)) || fail_with 4 "version $version failed; the API runs the revision it had, so there is nothing to take back"
  fail_with 3 "version $version failed; the API is back at the revision it had"
}

fail_with() { # exit code, what
  warn "$2"
  exit "$1"
}

main() {
  parse "$@"
  need_tools jq curl realpath
  trap clean_up EXIT
  trap interrupted INT TERM
  work=$(realpath "$(mktemp -d)")
  render
  preflight
  remember_revisions
  if [[ -n $dry_run ]]; then
    show_changes
    exit
  fi
  apply_the_rest
  migrate
  if ! roll_out || ! smoke_test; then
    go_back
  fi
  say "version $version runs in namespace $namespace"
}

readonly API_NOT=${API/=/!=} MIGRATE_NOT=${MIGRATE/=/!=}

main "$@"
