#!/usr/bin/env bats
# Does pin-images.sh write digests, or nothing?

load cluster

setup() {
  well_cluster
  digest=sha256:$(printf 'a manifest' | sha256sum | cut -d ' ' -f 1)
  registry_has endpoint-stats-server:0.1.0 postgres:17-bookworm
}

registry_has() { # images
  printf '%s\n' '#!/usr/bin/env bash' 'echo "$@" >>"$KUBECTL_STAND_IN/registry"' \
    "[[ ' $* ' == *\" \${3#docker://} \"* ]] || exit 1" "printf 'a manifest'" >"$BATS_TEST_TMPDIR/bin/skopeo"
  chmod +x "$BATS_TEST_TMPDIR/bin/skopeo"
}

pin() { run scripts/deployment/pin-images.sh --overlay dev "$@"; }
pinned=endpoint-stats-k8s/overlays/dev-pinned

@test "the written overlay names every image by tag and digest" {
  pin

  echo "$output"
  [ "$status" -eq 0 ]
  [ "$("$real_kubectl" kustomize "$pinned" | grep -c "image: endpoint-stats-server:0.1.0@$digest")" -eq 2 ]
  "$real_kubectl" kustomize "$pinned" | grep -q "image: postgres:17-bookworm@$digest"
}

@test "it may be run again" {
  pin
  pin

  [ "$status" -eq 0 ]
}

@test "an image that is in no registry is named, and nothing is written" {
  registry_has postgres:17-bookworm

  pin

  [ "$status" -eq 1 ]
  [[ $output == *"finds no endpoint-stats-server:0.1.0"*"--skip endpoint-stats-server"* ]]
  [ ! -e "$pinned" ]
}

@test "an image may stay by its tag" {
  registry_has postgres:17-bookworm

  pin --skip endpoint-stats-server

  [ "$status" -eq 0 ]
  "$real_kubectl" kustomize "$pinned" | grep -q 'image: endpoint-stats-server:0.1.0$'
}

@test "a folder of somebody else is not overwritten" {
  pin --output endpoint-stats-k8s/overlays/dev

  [ "$status" -eq 2 ]
  [[ $output == *"was not written by pin-images.sh"* ]]
}

@test "a dry run writes nothing" {
  pin --dry-run

  [ "$status" -eq 0 ]
  [[ $output == *"digest: $digest"* ]]
  [ ! -e "$pinned" ]
}

@test "without a tool it says what to install" {
  local tool
  mkdir "$BATS_TEST_TMPDIR/only"
  for tool in bash env dirname basename jq realpath sha256sum awk cat cut flock wc sed; do
    ln -s "$(command -v "$tool")" "$BATS_TEST_TMPDIR/only/$tool"
  done
  rm "$BATS_TEST_TMPDIR/bin/skopeo"

  PATH=$BATS_TEST_TMPDIR/bin:$BATS_TEST_TMPDIR/only pin

  [ "$status" -eq 1 ]
  [[ $output == *"install skopeo"* ]]
}
