#!/usr/bin/env bash
# pin-images.sh - write an overlay that names every image by its digest.
#
# Usage: scripts/deployment/pin-images.sh [--overlay NAME] [--output FOLDER] [--skip NAME]... [--dry-run]
#
#   --overlay  dev, production, external-databases, or a folder; production by default
#   --output   the folder that is written; the overlay's own with -pinned by default. deploy.sh --overlay takes it
#   --skip     an image that stays by its tag, such as one that is in no registry; may be given more than once
#   --dry-run  prints what would be written
#
# Asks the registries with skopeo, crane or docker buildx, whichever is there, and writes name:tag@sha256:… for each image
# of the overlay, or nothing at all when one could not be found. Run it again after a tag was changed.
#
# Exit codes: 0 written; 1 an image has no digest, or no tool is there to ask; 2 wrong usage.
set -euo pipefail

# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

overlay=production output="" skipped=()

parse() {
  while (($# > 0)); do
    taken=2
    case $1 in
      --overlay) needs_value "$@" && overlay=$2 ;;
      --output) needs_value "$@" && output=$2 ;;
      --skip) needs_value "$@" && skipped+=("$2") ;;
      *) shared_option "$@" ;;
    esac
    shift "$taken"
  done
  [[ -d $overlay ]] || overlay=$repository/endpoint-stats-k8s/overlays/$overlay
  [[ -f $overlay/kustomization.yaml ]] || wrong "there is no overlay $overlay (no kustomization.yaml in it)"
  overlay=$(cd "$overlay" && pwd)
  output=${output:-$overlay-pinned}
  [[ ! -e $output ]] || is_ours || wrong "$output was not written by pin-images.sh; name another with --output"
}

is_ours() { [[ -d $output && -f $output/kustomization.yaml ]] && grep -q 'pin-images\.sh' "$output/kustomization.yaml"; }

choose_tool() {
  if command -v skopeo >/dev/null; then
    tool=skopeo
  elif command -v crane >/dev/null; then
    tool=crane
  elif command -v docker >/dev/null && docker buildx version >/dev/null 2>&1; then
    tool=docker
  else
    fail "nothing here asks a registry; install skopeo (Debian: apt-get install skopeo), crane, or docker with buildx"
  fi
}

# The digest of the index of all platforms, where there is one: it is right on every node.
ask_registry() { # image with tag
  case $tool in
    skopeo) skopeo inspect --raw "docker://$1" | sha256sum | sed 's/^/sha256:/; s/ .*//' ;;
    crane) crane digest "$1" ;;
    docker) docker buildx imagetools inspect --format '{{json .Manifest}}' "$1" | jq -r .digest ;;
  esac
}

images() { sed -nE 's|^ *(- )?image: "?([^ "]+)"?$|\2|p' <<<"$1" | sort -u; }

split() { # image: sets name and tag; a port is not a tag
  name=${1%%@*} tag=""
  if [[ ${name##*/} == *:* ]]; then
    tag=${name##*:} name=${name%:*}
  fi
}

stays() { [[ " ${skipped[*]-} " == *" $1 "* || " ${skipped[*]-} " == *" ${1##*/} "* ]]; }

pin() { # image
  local name tag digest
  split "$1"
  ! stays "$name" || return 0
  [[ -n $tag ]] || fail "the image $1 has no tag to look for"
  if ! digest=$(ask_registry "$name:$tag") || [[ ! $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
    fail "$tool finds no $name:$tag in its registry; if it is in none, leave it out with --skip ${name##*/}"
  fi
  printf '  - name: %s\n    newTag: "%s"\n    digest: %s\n' "$name" "$tag" "$digest"
}

kustomization() {
  local manifests image
  manifests=$("$KUBECTL" kustomize "$overlay") || fail "the manifests of $overlay do not render"
  printf '# Written by scripts/deployment/pin-images.sh: change %s and run it again.\n' "$(basename "$overlay")"
  printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - %s\nimages:\n' \
    "$(realpath -m --relative-to="$output" "$overlay")"
  while read -r image; do
    pin "$image"
  done < <(images "$manifests")
}

main() {
  parse "$@"
  need_tools realpath sha256sum jq
  choose_tool
  local text
  text=$(kustomization) || exit 1
  if [[ -n $dry_run ]]; then
    printf '%s\n' "$text"
    return
  fi
  mkdir -p "$output"
  printf '%s\n' "$text" >"$output/.kustomization.new"
  mv "$output/.kustomization.new" "$output/kustomization.yaml"
  say "wrote $output; deploy it with scripts/deployment/deploy.sh --overlay $output"
}

main "$@"
