#!/usr/bin/env bats
# Does deploy.sh bring a version in, and back out when it does not work?

load cluster

setup() { well_cluster; }

deploy() { run scripts/deployment/deploy.sh "$@"; }

says() { [[ $output == *"$1"* ]] || { echo "expected: $1" && echo "$output" && return 1; }; }

@test "a version is checked, migrated to, rolled out and tried, in this order" {
  deploy --version 0.2.0

  echo "$output"
  [ "$status" -eq 0 ]
  called_in_this_order 'version ' 'dry-run=server' 'component!=api,.*component!=migrate' 'rollout status statefulset.apps/database' \
    'component=migrate' 'get job migrate' 'component=api' 'annotate deployment api .*change-cause=version.*0.2.0' \
    'rollout status deployment.apps/api' 'port-forward'
  nothing_is_left
}

@test "the version becomes the tag of the server's image, and the namespace that of every object" {
  answers 'apply *component=api' 'cp "${2#--filename=}" "$KUBECTL_STAND_IN/applied"; echo deployment.apps/api'

  deploy --version 0.2.0 --namespace other

  [ "$status" -eq 0 ]
  [ "$(grep -c 'image: endpoint-stats-server:0.2.0' "$KUBECTL_STAND_IN/applied")" -eq 2 ]
  grep -q 'image: postgres:17-bookworm' "$KUBECTL_STAND_IN/applied"
  [ "$(grep -c '^  namespace: other$' "$KUBECTL_STAND_IN/applied")" -eq 3 ]
  never_called '--namespace endpoint-stats'
}

@test "a dry run changes nothing" {
  answers 'diff *' 'echo "+ image"; exit 1'

  deploy --version 0.2.0 --dry-run

  [ "$status" -eq 0 ]
  says "+ image"
  [ -z "$(calls | grep -E 'apply|delete|annotate|rollout' | grep -vE 'dry-run=server|auth can-i')" ]
  nothing_is_left
}

@test "a cluster that does not answer ends it before anything is changed" {
  answers 'version *' 'echo "The connection to the server was refused" >&2; exit 1'

  deploy --context elsewhere

  [ "$status" -eq 1 ]
  says "the cluster does not answer (context elsewhere): The connection to the server was refused"
  never_called apply
}

@test "a cluster that is too old is refused" {
  answers 'version *' 'echo "{\"serverVersion\": {\"major\": \"1\", \"minor\": \"29\"}}"'

  deploy

  [ "$status" -eq 1 ]
  says "1.30 or later is needed"
}

@test "missing rights are all named" {
  answers 'auth can-i *--quiet delete jobs*' 'exit 1'
  answers 'auth can-i *--subresource=portforward' 'exit 1'

  deploy

  [ "$status" -eq 1 ]
  says "no right in namespace endpoint-stats to: delete jobs.batch; create pods --subresource=portforward;"
  never_called apply
}

@test "a namespace that is not there is named with what makes it" {
  answers 'get namespace *' 'echo "Error from server (NotFound): namespaces \"endpoint-stats\" not found" >&2; exit 1'

  deploy

  [ "$status" -eq 1 ]
  says "secrets.sh create --namespace endpoint-stats"
}

@test "who may not look at the namespace may still deploy" {
  answers 'get namespace *' 'echo "Error from server (Forbidden): namespaces is forbidden" >&2; exit 1'

  deploy

  [ "$status" -eq 0 ]
}

@test "missing Secrets are all named before anything is changed" {
  answers 'get secret *' 'echo "secrets \"$3\" not found" >&2; exit 1'

  deploy

  [ "$status" -eq 1 ]
  says 'database-ca (secrets "database-ca" not found); database-owner (secrets "database-owner" not found);'
  says "secrets.sh create"
  never_called apply
}

@test "a Secret that cert-manager will make is not missed" {
  deploy

  [ "$status" -eq 0 ]
  never_called 'get secret database-tls'
}

@test "what secrets.sh finds is told and holds nothing up" {
  printf 'echo "api-tls ends in 20 days"; exit 1\n' >>scripts/deployment/secrets.sh

  deploy

  [ "$status" -eq 0 ]
  says "api-tls ends in 20 days"
}

@test "the package's own overlays take a version and a namespace" {
  local overlay
  answers 'diff *' 'cp "${2#--filename=}" "$KUBECTL_STAND_IN/shown"'
  for overlay in "$BATS_TEST_DIRNAME"/../../endpoint-stats-k8s/overlays/*/; do
    deploy --overlay "$overlay" --version 9.9.9 --namespace other --dry-run

    echo "$output"
    [ "$status" -eq 0 ]
    grep -q 'image: .*endpoint-stats-server:9.9.9$' "$KUBECTL_STAND_IN/shown"
    [ -z "$(grep 'image: .*endpoint-stats-server' "$KUBECTL_STAND_IN/shown" | grep -v ':9.9.9$')" ]
    [ "$(grep '^  namespace: ' "$KUBECTL_STAND_IN/shown" | sort -u)" = "  namespace: other" ]
  done
}

@test "manifests that the API server does not take end it before anything is changed" {
  answers 'apply *--dry-run=server*' 'echo "strict decoding error: unknown field" >&2; exit 1'

  deploy

  [ "$status" -eq 1 ]
  says "strict decoding error: unknown field"
  never_called 'name --selector=app.kubernetes.io/component=api$'
}

@test "pods that Pod Security would not let in end it before anything is changed" {
  answers 'apply *--dry-run=server*' 'echo "Warning: would violate PodSecurity \"restricted:latest\": runAsNonRoot" >&2'

  deploy

  [ "$status" -eq 1 ]
  says "would violate PodSecurity"
}

@test "one version for several Deployments of the API is refused" {
  answers 'apply *--dry-run=server*component=api' 'printf "deployment.apps/%s\n" api-blue api-green'

  deploy --version 0.2.0

  [ "$status" -eq 2 ]
  says "has 2 Deployments of the API"
}

@test "the old Job is deleted before the new one is applied" {
  answers 'get job migrate --ignore-not-found *' 'echo job.batch/migrate'

  deploy

  [ "$status" -eq 0 ]
  called_in_this_order 'dry-run=server.*component!=migrate' 'delete job migrate' 'apply .*component=migrate'
}

@test "a migration that runs is left alone" {
  answers 'get job migrate --ignore-not-found *' 'echo job.batch/migrate'
  answers 'get job migrate --output=json' 'echo "{\"status\": {}}"'
  answers 'get pods *phase=Running*' 'echo pod/migrate-1'

  deploy

  [ "$status" -eq 1 ]
  says "another migration runs"
  never_called 'delete job migrate'
}

@test "a migration that fails is told with its log, and the API is not touched" {
  answers 'get job migrate --output=json' 'echo "{\"status\": {\"conditions\": [{\"type\": \"Failed\", \"status\": \"True\"}]}}"'
  answers 'get pods *job-name=migrate --output=json' 'echo "{\"items\": [{\"metadata\": {\"name\": \"migrate-1\"}, \"status\":
    {\"containerStatuses\": [{\"name\": \"migrate\", \"ready\": false, \"restartCount\": 0}]}}]}"'
  answers 'logs migrate-1 *' 'echo "column is there twice"'

  deploy

  [ "$status" -eq 1 ]
  says "the Job migrate failed"
  says "column is there twice"
  never_called 'name --selector=app.kubernetes.io/component=api$'
  nothing_is_left
}

@test "an image that is missing is told without waiting for the Job's end" {
  answers 'get job migrate --output=json' 'echo "{\"status\": {}}"'
  answers 'get pods *job-name=migrate --output=json' 'echo "{\"items\": [{\"metadata\": {\"name\": \"migrate-1\"}, \"status\":
    {\"containerStatuses\": [{\"name\": \"migrate\", \"ready\": false, \"restartCount\": 0, \"state\": {\"waiting\": {\"reason\": \"ErrImageNeverPull\", \"message\": \"no such image\"}}}]}}]}"'

  deploy --version 9.9.9

  [ "$status" -eq 1 ]
  says "does not start: ErrImageNeverPull: no such image"
  never_called 'name --selector=app.kubernetes.io/component=api$'
}

@test "a Job without a pod is told with its warnings" {
  answers 'get job migrate --output=json' 'echo "{\"status\": {}}"'
  answers 'get pods *job-name=migrate*' '[[ $* != *json* ]] || echo "{\"items\": []}"'
  answers 'get events *' 'echo "{\"items\": [{\"involvedObject\": {\"kind\": \"Job\", \"name\": \"migrate\"}, \"reason\": \"FailedCreate\", \"message\": \"exceeded quota\", \"lastTimestamp\": null, \"eventTime\": null, \"metadata\": {\"creationTimestamp\": \"2026-01-01T00:00:00Z\"}}]}"'

  deploy

  [ "$status" -eq 1 ]
  says "no pod was made"
  says "FailedCreate: exceeded quota"
}

@test "a migration that does not end is told in time" {
  answers 'get job migrate --output=json' 'echo "{\"status\": {}}"'

  deploy --timeout 1

  [ "$status" -eq 1 ]
  says "the Job migrate did not end within 1 s"
}

@test "a database that does not come up leaves the API alone" {
  answers 'rollout status statefulset.apps/database *' 'echo "error: timed out" >&2; exit 1'

  deploy

  [ "$status" -eq 1 ]
  says "the API was not touched"
  never_called 'component=migrate$'
}

@test "nothing waits for what only watches" {
  answers 'apply *component!=api*' 'printf "statefulset.apps/%s\n" database grafana; echo deployment.apps/redis-exporter'
  answers 'rollout status *grafana *' 'exit 1'
  answers 'rollout status *redis-exporter *' 'exit 1'

  deploy --version 0.2.0

  [ "$status" -eq 0 ]
  called 'rollout status statefulset.apps/database'
}

@test "a roll-out that is stuck is told with events and logs, and goes back" {
  two_revisions
  answers 'rollout status deployment.apps/api *' 'echo "error: timed out waiting for the condition" >&2; exit 1'
  answers 'get deployment.apps/api --output=jsonpath=*' 'echo api'
  answers 'get events *' 'echo "{\"items\": [{\"involvedObject\": {\"kind\": \"Pod\", \"name\": \"api-1\"}, \"reason\": \"Unhealthy\", \"message\": \"Readiness probe failed\", \"metadata\": {\"creationTimestamp\": \"2026-01-01T00:00:00Z\"}}]}"'

  deploy --version 0.2.0

  echo "$output"
  [ "$status" -eq 3 ]
  says "Unhealthy: Readiness probe failed"
  called_in_this_order 'rollout status deployment.apps/api' 'create .*job' 'rollout undo deployment/api --to-revision=3' 'port-forward'
  says "the API is back at the revision it had"
  nothing_is_left
}

@test "a smoke test that fails goes back" {
  two_revisions
  touch "$KUBECTL_STAND_IN/broken"
  answers 'rollout undo *' 'rm "$KUBECTL_STAND_IN/broken"'

  deploy --version 0.2.0

  [ "$status" -eq 3 ]
  says "/ready of api-1 answers 503; expected 200"
  called 'rollout undo deployment/api --to-revision=3'
  nothing_is_left
}

@test "a roll-out that fails at its first time has nothing to go back to" {
  answers 'get deployments *' 'echo "{\"items\": []}"'
  answers 'rollout status deployment.apps/api *' 'exit 1'
  answers 'get deployment.apps/api --output=jsonpath=*' 'echo api'

  deploy

  [ "$status" -eq 4 ]
  says "there is no earlier revision to go back to"
  never_called 'rollout undo'
}

@test "a failure that changed no revision takes nothing back" {
  answers 'get deployment api --output=jsonpath=*' 'echo 3'
  touch "$KUBECTL_STAND_IN/broken"

  deploy

  [ "$status" -eq 4 ]
  says "the API runs the revision it had"
  never_called 'rollout undo'
}

@test "a way back that fails is told" {
  two_revisions
  answers 'rollout status *api *' 'exit 1'
  answers 'get deployment.apps/api --output=jsonpath=*' 'echo api'

  deploy

  [ "$status" -eq 4 ]
  says "could not be brought back"
}

@test "interrupted, it says how far it came and leaves nothing behind" {
  answers 'rollout status deployment.apps/api *' 'touch "$KUBECTL_STAND_IN/waits"; exec sleep 30'

  setsid env --default-signal=INT scripts/deployment/deploy.sh >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
  local pid=$! code=0
  timeout 20 bash -c 'until [[ -e $KUBECTL_STAND_IN/waits ]]; do sleep 0.1; done'
  kill -INT -- "-$pid"
  wait "$pid" || code=$?

  cat "$BATS_TEST_TMPDIR/output"
  [ "$code" -eq 130 ]
  grep -q 'interrupted while rolling out the API' "$BATS_TEST_TMPDIR/output"
  nothing_is_left
}

@test "wrong usage is told and nothing is asked" {
  for arguments in "--version a/b" "--overlay nowhere" "--timeout soon" "--version" "--unknown"; do
    # shellcheck disable=SC2086 # words
    deploy $arguments
    [ "$status" -eq 2 ]
  done
  [ ! -s "$KUBECTL_STAND_IN/calls" ]
}
