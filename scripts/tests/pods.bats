#!/usr/bin/env bats
# The pods of the overlay `dev`, with their own commands, users, volumes, settings and Secrets, on this machine's PostgreSQL,
# Redis, Alertmanager and exporters: what a cluster would run, without the cluster.

load secrets.bash

@test "the pods of dev start, are watched, count a hit, back it up, prove the backup, and end" {
  [ "$EUID" -eq 0 ] || skip "only root has namespaces to give"
  SERVER_PROGRAM=${ENDPOINT_STATS_BIN:-$REPOSITORY/target/debug/endpoint-stats-server}
  export SERVER_PROGRAM
  cluster_of_secrets "$BATS_TEST_TMPDIR"
  "$SECRETS" create
  kubectl kustomize "$REPOSITORY/endpoint-stats-k8s/overlays/dev" >"$BATS_TEST_TMPDIR/dev.yaml"

  run timeout 300 unshare --net --mount --pid --fork --mount-proc --kill-child \
    "$BATS_TEST_DIRNAME/pods/story.sh" "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/dev.yaml" 3>&-

  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *"api: ends well" ]]
}
