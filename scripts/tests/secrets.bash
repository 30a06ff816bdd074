# A cluster that has nothing but Secrets, behind the stand-in for kubectl.
# shellcheck shell=bash

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly REPOSITORY
# shellcheck disable=SC2034 # the tests run it
readonly SECRETS="$REPOSITORY/scripts/deployment/secrets.sh"

# Keeps each Secret as a file; `refuse` holds an extended regular expression of calls that fail.
cluster_of_secrets() { # folder
  export KUBECTL_STAND_IN=$1
  export KUBECTL="$REPOSITORY/scripts/tests/stand-ins/kubectl" POLL_SECS=0.1
  mkdir -p "$KUBECTL_STAND_IN/secrets"
  cat >"$KUBECTL_STAND_IN/answer" <<'ANSWER'
#!/usr/bin/env bash
set -euo pipefail
cd "$KUBECTL_STAND_IN"

value_of() { sed -n "s/^  ${2//./\\.}: //p" "secrets/$1"; }

keep() {
  local manifest name
  manifest=$(cat)
  name=$(sed -n 's/^  name: //p' <<<"$manifest" | head -n 1)
  if [[ $1 == create && -e secrets/$name ]]; then
    echo "Error from server (AlreadyExists): secrets \"$name\" already exists" >&2
    exit 1
  fi
  printf '%s\n' "$manifest" >"secrets/$name"
}

words=" $* "
if [[ -e refuse ]] && grep -Eq -f refuse <<<"$words"; then
  echo "Error from server (Forbidden)" >&2
  exit 1
fi
case $words in
  *" get namespace "*) [[ -e namespace ]] && echo namespace/x || { echo "Error from server (NotFound)" >&2; exit 1; } ;;
  *" apply "*) cat >namespace ;;
  *" create -f - "*) keep create ;;
  *" replace -f - "*) keep replace ;;
  *" delete secret "*) rm "secrets/${*: -1}" ;;
  *" get secret "*)
    name=$(sed 's/.* get secret \([^ ]*\) .*/\1/' <<<"$words")
    [[ -e secrets/$name ]] || exit 0
    case $words in
      *--output=name*) echo "secret/$name" ;;
      *"range "*) sed -n '/^data:/,$s/^  \([^:]*\): ..*/\1/p' "secrets/$name" ;;
      *"index "*) value_of "$name" "$(sed 's/.*index .data "\([^"]*\)".*/\1/' <<<"$words")" | tr -d '\n' ;;
    esac
    ;;
  *" cat /run/secrets/database-tls/tls.crt "*) value_of database-tls tls.crt | base64 -d ;;
esac
ANSWER
  chmod +x "$KUBECTL_STAND_IN/answer"
  : >"$KUBECTL_STAND_IN/namespace"
}

value() { sed -n "s/^  ${2//./\\.}: //p" "$KUBECTL_STAND_IN/secrets/$1" | base64 -d; }

values() { sed -sn '/^data:/,$s/^  [^:]*: //p' "$KUBECTL_STAND_IN"/secrets/*; }
