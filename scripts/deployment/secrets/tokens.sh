#!/usr/bin/env bash
# tokens.sh - the first token of an administrator, made and shown once.
#
# Usage: source scripts/deployment/secrets/tokens.sh
#
# Run by itself, it only prints this text. The token is in the Secret first-token until it is shown; api-tokens has what the
# server knows of it.

# shellcheck disable=SC2154 # secrets.sh and what it sources set what is read here
# shellcheck disable=SC2034 # values.sh writes what is in $data
set -euo pipefail

# The token first: without the file nobody knows it, and the next run makes both anew.
create_tokens() {
  local made
  if is_there api-tokens; then
    say "the Secret api-tokens is there"
    return
  fi
  made=$("$repository/scripts/deployment/first-token.sh") || fail "could not make a token"
  data=([token]=${made%%$'\n'*})
  if is_there first-token; then
    write replace first-token Opaque || fail "could not write the Secret first-token"
  else
    write create first-token Opaque || fail "could not make the Secret first-token"
  fi
  data=([tokens.json]=${made#*$'\n'}$'\n')
  write create api-tokens Opaque || fail "could not make the Secret api-tokens; run this again"
  say "the first token of an administrator: scripts/deployment/secrets.sh show-token $(same_place | tr '\n' ' ')"
}

show_token() {
  is_there first-token || fail "the first token was shown already, or never made; make another with the server's program: see docs/access.md"
  if [[ -n $dry_run ]]; then
    say "would print the token and delete the Secret first-token"
    return
  fi
  value first-token token || fail "the Secret first-token has no token"
  printf '\n'
  kube delete secret first-token >/dev/null || fail "the Secret first-token could not be deleted: delete it by hand"
  warn "the token is shown once; the Secret first-token is deleted"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
