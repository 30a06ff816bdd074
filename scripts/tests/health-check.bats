#!/usr/bin/env bats
# Does health-check.sh see what is wrong, and say what it could not see?

load cluster

setup() {
  well_cluster
  now=$(date -u +%FT%TZ)
  answers 'get deployments,statefulsets *' 'echo "{\"items\": [{\"kind\": \"Deployment\", \"metadata\": {\"name\": \"api\"}, \"spec\": {\"replicas\": 2}, \"status\": {\"readyReplicas\": 2}}]}"'
  answers 'get jobs *' 'echo "{\"items\": []}"'
  answers 'get pods *component=*--output=name' 'echo pod/some-0'
  answers 'exec * pg_isready *' 'echo accepting connections'
  answers 'exec * psql *' 'echo "takes writes, 3 of 100 connections, 12 MB"'
  answers 'exec * redis-cli *' 'echo "NOAUTH Authentication required."'
  answers 'get pods --selector=app.kubernetes.io/name=endpoint-stats --output=json' 'echo "{\"items\": [{\"metadata\": {\"name\": \"database-0\"},
    \"spec\": {\"volumes\": [{\"name\": \"data\", \"persistentVolumeClaim\": {\"claimName\": \"data-database-0\"}}, {\"name\": \"tmp\", \"emptyDir\": {}}],
    \"containers\": [{\"name\": \"database\", \"volumeMounts\": [{\"name\": \"data\", \"mountPath\": \"/data\"}, {\"name\": \"tmp\", \"mountPath\": \"/tmp\"}]}]}, \"status\": {\"phase\": \"Running\"}}]}"'
  answers 'get persistentvolumeclaims *' 'echo "{\"items\": [{\"metadata\": {\"name\": \"data-database-0\"}, \"status\": {\"phase\": \"Bound\", \"capacity\": {\"storage\": \"10Gi\"}}}]}"'
  disk_is_full_to 40
  backups_are_old 2 20
  answers 'get secrets *' 'printf "%s\n" database-tls'
  certificate_for 365
}

disk_is_full_to() { # per cent
  answers 'exec pod/database-0 * df -P /data' "printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda 100 1 1 $1%% /data\n'"
}

backups_are_old() { # hours, hours of the drill
  local job
  job() { printf '{"metadata": {"name": "%s", "creationTimestamp": "2020-01-01T00:00:00Z"}, "spec": {}, "status": {"lastSuccessfulTime": "%s"}}' \
    "$1" "$(date -u -d "-$2 hours" +%FT%TZ)"; }
  answers 'get cronjobs *' "echo '{\"items\": [$(job backup "$1"), $(job restore-drill "$2")]}'"
}

certificate_for() { # days
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -subj /CN=db -days "$1" \
    -out "$BATS_TEST_TMPDIR/certificate" 2>/dev/null
  answers 'get secret database-tls *' "base64 -w 0 '$BATS_TEST_TMPDIR/certificate'"
}

check() { run scripts/health-check.sh "$@"; }

says() { [[ $output == *"$1"* ]] || { echo "expected: $1" && echo "$output" && return 1; }; }

@test "all is well" {
  check

  echo "$output"
  [ "$status" -eq 0 ]
  says "api: pod/some-0: /ready answers 200"
  says "database: pod/some-0: takes writes, 3 of 100 connections, 12 MB"
  says "cache: pod/some-0: answers"
  says "storage: pod/database-0: /data is 40 % full"
  says "the last backup is 2 h old"
  says "certificates: secret/database-tls: ends in 36"
  nothing_is_left
}

@test "the same is told as one object of JSON" {
  check --json

  [ "$status" -eq 0 ]
  jq -e '.status == "well" and .namespace == "endpoint-stats" and (.checked_at | fromdate > 0) and (.findings | length > 8)
    and all(.findings[]; .check and .subject and .what and .severity == "ok")' <<<"$output"
}

@test "a cluster that does not answer tells nothing" {
  answers 'version *' 'echo "connection refused" >&2; exit 1'

  check

  [ "$status" -eq 3 ]
  says "unknown   cluster: the API server: connection refused"
  never_called 'get pods'
}

@test "what it has no right to see is unknown, and the rest is checked" {
  answers 'get secrets *' 'echo "Error from server (Forbidden): secrets is forbidden" >&2; exit 1'
  answers 'exec *' 'echo "Error from server (Forbidden): pods/exec is forbidden" >&2; exit 1'
  answers 'port-forward *' 'exit 1'

  check

  [ "$status" -eq 3 ]
  says "unknown   certificates: secrets: Error from server (Forbidden)"
  says "unknown   database"
  says "unknown   cache"
  says "unknown   storage: pod/database-0"
  says "unknown   api"
  says "the last backup is 2 h old"
  nothing_is_left
}

@test "a missing pod of some is a warning, of all is critical" {
  answers 'get deployments,statefulsets *' 'echo "{\"items\": [{\"kind\": \"Deployment\", \"metadata\": {\"name\": \"api\"}, \"spec\": {\"replicas\": 2}, \"status\": {\"readyReplicas\": 1}}]}"'
  check --only pods
  [ "$status" -eq 1 ]
  says "warning   pods: deployment/api: 1 of 2 pods ready"

  answers 'get deployments,statefulsets *' 'echo "{\"items\": [{\"kind\": \"Deployment\", \"metadata\": {\"name\": \"api\"}, \"spec\": {}, \"status\": {}}]}"'
  check --only pods
  [ "$status" -eq 2 ]
  says "critical  pods: deployment/api: 0 of 1 pods ready"
}

@test "nothing in the namespace is critical" {
  answers 'get deployments,statefulsets *' 'echo "{\"items\": []}"'

  check --only pods

  [ "$status" -eq 2 ]
  says "there is none in this namespace"
}

@test "an image that is missing is critical, a restart within the hour a warning" {
  answers 'get pods --selector=app.kubernetes.io/name=endpoint-stats --output=json' 'echo "{\"items\": [{\"metadata\": {\"name\": \"api-1\"}, \"status\": {\"containerStatuses\":
    [{\"name\": \"api\", \"restartCount\": 0, \"state\": {\"waiting\": {\"reason\": \"ImagePullBackOff\", \"message\": \"no such image\"}}}]}}]}"'
  check --only pods
  [ "$status" -eq 2 ]
  says "critical  pods: pod/api-1: api: ImagePullBackOff: no such image"

  answers 'get pods --selector=app.kubernetes.io/name=endpoint-stats --output=json' "echo '{\"items\": [{\"metadata\": {\"name\": \"api-1\"}, \"status\": {\"containerStatuses\":
    [{\"name\": \"api\", \"restartCount\": 2, \"state\": {\"running\": {}}, \"lastState\": {\"terminated\": {\"reason\": \"OOMKilled\", \"finishedAt\": \"$now\"}}}]}}]}'"
  check --only pods
  [ "$status" -eq 1 ]
  says "api was restarted within the hour (2 times in all): OOMKilled"
}

@test "a warning of this hour is told, an old one is not" {
  answers 'get events *' "echo '{\"items\": [
    {\"involvedObject\": {\"kind\": \"Pod\", \"name\": \"api-1\"}, \"reason\": \"Unhealthy\", \"message\": \"probe failed\", \"lastTimestamp\": null, \"eventTime\": \"${now%Z}.123456Z\"},
    {\"involvedObject\": {\"kind\": \"Pod\", \"name\": \"api-0\"}, \"reason\": \"Old\", \"message\": \"\", \"lastTimestamp\": \"2020-01-01T00:00:00Z\"}]}'"

  check --only events

  [ "$status" -eq 1 ]
  says "warning   events: pod/api-1: Unhealthy: probe failed"
  [[ $output != *api-0* ]]
}

@test "an API that is not ready is critical" {
  touch "$KUBECTL_STAND_IN/broken"

  check --only api

  [ "$status" -eq 2 ]
  says "critical  api: pod/some-0: /ready answers 503"
}

@test "a database that takes no connection is critical" {
  answers 'exec * pg_isready *' 'echo "/var/run/postgresql:5432 - rejecting connections"; exit 1'

  check --only database

  [ "$status" -eq 2 ]
  says "rejecting connections"
}

@test "a database that is elsewhere is no fault, one without its pod is" {
  answers 'get pods *component=database*--output=name' ''
  answers 'get statefulset database *' ''
  check --only database
  [ "$status" -eq 0 ]
  says "is not in this namespace"

  answers 'get statefulset database *' 'echo statefulset.apps/database'
  check --only database
  [ "$status" -eq 2 ]
  says "none of its pods runs"
}

@test "a volume that fills up is a warning, then critical" {
  disk_is_full_to 85
  check --only storage
  [ "$status" -eq 1 ]

  disk_is_full_to 95
  check --only storage
  [ "$status" -eq 2 ]
  says "/data is 95 % full"
}

@test "a claim that is lost is critical" {
  answers 'get persistentvolumeclaims *' 'echo "{\"items\": [{\"metadata\": {\"name\": \"backups\"}, \"status\": {\"phase\": \"Lost\"}}]}"'

  check --only storage

  [ "$status" -eq 2 ]
  says "claim/backups: Lost"
}

@test "a claim that no pod mounts yet may wait, one that a pod needs is a warning" {
  answers 'get persistentvolumeclaims *' 'echo "{\"items\": [{\"metadata\": {\"name\": \"backups\"}, \"status\": {\"phase\": \"Pending\"}}]}"'
  check --only storage
  [ "$status" -eq 0 ]
  says "claim/backups: waits for its first pod"

  answers 'get persistentvolumeclaims *' 'echo "{\"items\": [{\"metadata\": {\"name\": \"data-database-0\"}, \"status\": {\"phase\": \"Pending\"}}]}"'
  check --only storage
  [ "$status" -eq 1 ]
}

@test "backups that are old, or not proved, are told by their age" {
  backups_are_old 27 20
  check --only backups
  [ "$status" -eq 1 ]
  says "the last backup is 27 h old"

  backups_are_old 2 51
  check --only backups
  [ "$status" -eq 2 ]
  says "the last proof that a backup can be restored is 51 h old"
}

@test "no backup at all is told" {
  answers 'get cronjobs *' 'echo "{\"items\": []}"'
  check --only backups
  [ "$status" -eq 1 ]

  answers 'get cronjobs *' 'echo "{\"items\": [{\"metadata\": {\"name\": \"backup\", \"creationTimestamp\": \"2020-01-01T00:00:00Z\"}, \"spec\": {}, \"status\": {}}]}"'
  check --only backups
  [ "$status" -eq 2 ]
  says "there was no backup yet"
}

@test "a certificate that ends soon is a warning, then critical" {
  certificate_for 20
  check --only certificates
  [ "$status" -eq 1 ]

  certificate_for 3
  check --only certificates
  [ "$status" -eq 2 ]
}

@test "a Secret that holds no certificate is critical" {
  answers 'get secret database-tls *' 'echo bm90aGluZw=='

  check --only certificates

  [ "$status" -eq 2 ]
  says "tls.crt is no certificate"
}

@test "wrong usage ends with 64, since 2 tells that something is critical" {
  check --only everything

  [ "$status" -eq 64 ]
}
