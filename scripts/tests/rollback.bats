#!/usr/bin/env bats
# Does rollback.sh go back, and only where the tables fit?

load cluster

setup() {
  well_cluster
  two_revisions
}

rollback() { run scripts/deployment/rollback.sh "$@"; }

says() { [[ $output == *"$1"* ]] || { echo "expected: $1" && echo "$output" && return 1; }; }

@test "it goes back to the revision before, after asking its image, and tries it" {
  rollback

  echo "$output"
  [ "$status" -eq 0 ]
  says "from revision 4 to 3: endpoint-stats-server:0.1.0 (version 0.1.0)"
  called_in_this_order 'create --filename' 'get job migrate-check' 'rollout undo deployment/api --to-revision=3' \
    'rollout status deployment/api' 'port-forward' 'delete job migrate-check'
  nothing_is_left
}

@test "the earlier image is asked as its own pods ask, at once, and not as a pod of the API" {
  rollback

  [ "$status" -eq 0 ]
  jq -e '.spec.template.spec.containers | length == 1 and .[0].image == "endpoint-stats-server:0.1.0"
    and .[0].args == ["migrate", "--check", "--config=c"]' "$KUBECTL_STAND_IN/created"
  jq -e '.spec.template | .metadata.labels["app.kubernetes.io/component"] == "migrate" and (.metadata.labels | has("pod-template-hash") | not)
    and .spec.restartPolicy == "Never" and .spec.volumes[0].name == "settings"' "$KUBECTL_STAND_IN/created"
}

@test "it is refused when the tables do not fit" {
  answers 'get job migrate-check --output=json' 'echo "{\"status\": {\"conditions\": [{\"type\": \"Failed\", \"status\": \"True\"}]}}"'
  answers 'get pods *job-name=migrate-check --output=json' 'echo "{\"items\": [{\"metadata\": {\"name\": \"migrate-check-1\"}, \"status\":
    {\"containerStatuses\": [{\"name\": \"wait-for-tables\", \"ready\": false, \"restartCount\": 0}]}}]}"'
  answers 'logs migrate-check-1 *' 'echo "the tables are those of a later version"'

  rollback

  [ "$status" -eq 1 ]
  says "the tables are those of a later version"
  says "revision 3 is refused"
  never_called 'rollout undo'
  nothing_is_left
}

@test "it is refused when it cannot be known whether the tables fit" {
  answers 'create *' 'echo "Error from server (Forbidden)" >&2; exit 1'

  rollback

  [ "$status" -eq 1 ]
  says "it is not known whether the tables fit"
  never_called 'rollout undo'
}

@test "a named revision that is not there is refused, and those that are there are listed" {
  rollback --to-revision 1

  [ "$status" -eq 1 ]
  says "api has no revision 1; it has"
  says "3: endpoint-stats-server:0.1.0 (version 0.1.0)"
  [[ $output != *another* ]]
}

@test "settings that are gone are told before anything is changed" {
  answers 'get configmap api-settings-old *' 'echo "configmaps \"api-settings-old\" not found" >&2; exit 1'

  rollback

  [ "$status" -eq 1 ]
  says 'revision 3 needs the ConfigMap api-settings-old: configmaps "api-settings-old" not found'
  never_called 'rollout undo'
}

@test "a Deployment that is not there is told" {
  answers 'get deployment api --output=json' 'echo "deployments.apps \"api\" not found" >&2; exit 1'

  rollback

  [ "$status" -eq 1 ]
  says 'deployments.apps "api" not found'
}

@test "a way back that does not work is told with exit code 3" {
  touch "$KUBECTL_STAND_IN/forgetful"
  sed -i 's/^  timeout=60$/  timeout=1/' scripts/deployment/smoke-test.sh

  rollback

  [ "$status" -eq 3 ]
  says "was not counted and stored within 1 s"
  nothing_is_left
}

@test "without a ready pod the smoke test fails" {
  answers 'get pods *component=api --output=json' 'echo "{\"items\": []}"'

  rollback

  [ "$status" -eq 3 ]
  says "no pod of the API is ready in namespace endpoint-stats"
}

@test "a port-forward that is not allowed is told" {
  answers 'port-forward *' 'echo "error: pods is forbidden"; exit 1'

  rollback

  [ "$status" -eq 3 ]
  says "no port-forward to pod/api-1: error: pods is forbidden"
  nothing_is_left
}

@test "a dry run changes nothing" {
  rollback --dry-run

  [ "$status" -eq 0 ]
  says "would run: kubectl rollout undo deployment/api --to-revision=3"
  [ -z "$(calls | grep -E 'create|delete|rollout' | grep -v 'auth can-i')" ]
  nothing_is_left
}
