#!/usr/bin/env bats
# The image and docker-compose.yml, without Docker: what they name is there, and is what the rest of the repository names.

bats_require_minimum_version 1.5.0

setup() {
  repository=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  cd "$repository" || return
}

setting_of_workspace() { sed -n "s/^$1 = \"\(.*\)\"$/\1/p" Cargo.toml | head -n 1; }

passes_the_dockerignore() { # path
  local line
  while read -r line; do
    if [[ $line == '!'* && ($1 == "${line#!}" || $1 == "${line#!}"/*) ]]; then return 0; fi
  done <.dockerignore
  return 1
}

tag_in_the_cluster() { # image
  sed -n "\\#name: $1\$#{n;s/.*newTag: //p;}" endpoint-stats-k8s/images/kustomization.yaml
}

owner_and_mode() { stat -c '%u %a' "$1"; }

@test "every package of the workspace gives its manifest to the layer of dependencies" {
  for package in $(sed -n 's/^members = \[\(.*\)\]$/\1/p' Cargo.toml | tr -d '",'); do
    grep -qx "COPY $package/Cargo.toml $package/" Dockerfile
    passes_the_dockerignore "$package/Cargo.toml"
  done
}

@test "everything that the program is made of reaches the builder" {
  while read -r file; do
    passes_the_dockerignore "$file" || { echo "$file is not in the list of .dockerignore" && return 1; }
  done < <(find endpoint-stats-core endpoint-stats-server -type f -not -path 'endpoint-stats-*/tests/*' -not -name 'LICENSE-*')
}

@test "the image is built by the oldest Rust that the workspace takes, under the workspace's version" {
  grep -qx "ARG BUILD_IMAGE=rust:$(setting_of_workspace rust-version)-bookworm" Dockerfile
  grep -qx "ARG VERSION=$(setting_of_workspace version)" Dockerfile
}

@test "compose runs the versions that the cluster runs" {
  for image in $(sed -n 's/^ *image: \(.*\):.*/\1/p' docker-compose.yml | sort -u); do
    [[ -n $(tag_in_the_cluster "$image") ]]
    [[ $(sed -n "s#^ *image: $image:##p" docker-compose.yml | sort -u) == "$(tag_in_the_cluster "$image")" ]]
  done
}

@test "compose publishes to this machine alone, and mounts files that are there" {
  run ! grep -E '^ *ports:.*\["?[0-9]+:' docker-compose.yml
  run grep -cE '^ *ports: \["127\.0\.0\.1:' docker-compose.yml
  [[ $output == 4 ]]
  while read -r file; do [[ -e $file ]] || return 1; done < <(sed -n 's/^ *- \(\.\/[^:]*\):.*/\1/p' docker-compose.yml)
}

@test "passwords of compose are made once, and are readable by their services' users alone" {
  ((EUID == 0)) || skip "only root gives files to others"
  mkdir "$BATS_TEST_TMPDIR"/{database,cache,server,grafana,alertmanager,postgres-exporter,redis-exporter,data}

  compose/make-secrets.sh "$BATS_TEST_TMPDIR"
  before=$(cat "$BATS_TEST_TMPDIR"/*/*)
  compose/make-secrets.sh "$BATS_TEST_TMPDIR"

  [[ $(cat "$BATS_TEST_TMPDIR"/*/*) == "$before" ]]
  [[ $(owner_and_mode "$BATS_TEST_TMPDIR/database/password") == "999 600" ]]
  [[ $(owner_and_mode "$BATS_TEST_TMPDIR/server/database-password") == "10001 600" ]]
  [[ $(owner_and_mode "$BATS_TEST_TMPDIR/server") == "10001 700" ]]
  [[ $(owner_and_mode "$BATS_TEST_TMPDIR/grafana/admin-password") == "472 600" ]]
  [[ $(owner_and_mode "$BATS_TEST_TMPDIR/alertmanager/critical-url") == "65534 600" ]]
  [[ $(owner_and_mode "$BATS_TEST_TMPDIR/redis-exporter/passwords.json") == "59000 600" ]]
  cmp "$BATS_TEST_TMPDIR/database/password" "$BATS_TEST_TMPDIR/server/database-password"
  cmp "$BATS_TEST_TMPDIR/database/monitor-password" "$BATS_TEST_TMPDIR/postgres-exporter/password"
  [[ $(jq -r '."redis://monitor@cache:6379"' "$BATS_TEST_TMPDIR/redis-exporter/passwords.json") == "$(<"$BATS_TEST_TMPDIR/cache/monitor-password")" ]]
  run ! cmp "$BATS_TEST_TMPDIR/cache/password" "$BATS_TEST_TMPDIR/database/password"
}
