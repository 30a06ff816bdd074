#!/usr/bin/env bash
# values.sh - a Secret, read and written, and the values that are random.
#
# Usage: source scripts/deployment/secrets/values.sh
#
# Run by itself, it only prints this text. Each fill_… leaves in $data what write makes the Secret of: a value for each key.

# shellcheck disable=SC2154 # lib.sh sets what is read here
set -euo pipefail

# shellcheck disable=SC2034 # create, rotate and check go through them
readonly PASSWORDS=(database-superuser database-owner database-api database-report database-backup database-monitor)
# What the server needs as a cache (docs/redis.md), and what a monitor asks.
readonly RIGHTS_OF_CACHE='~es1:* &es1:* -@all +@connection -@dangerous +get +getrange +set +publish +subscribe +unsubscribe'
readonly RIGHTS_OF_MONITOR='-@all +@connection -@dangerous +info +slowlog|len +latency|latest'

declare -A data=()

is_there() { # Secret
  local found
  found=$(ask get secret "$1" --ignore-not-found --output=name) || fail "cannot look for the Secret $1 in namespace $namespace"
  [[ -n $found ]]
}

value() { # Secret, key
  ask get secret "$1" --output=go-template="{{with index .data \"$2\"}}{{.}}{{end}}" | base64 -d
}

save() { # Secret, key, file
  value "$1" "$2" >"$3" || fail "cannot read the Secret $1"
  [[ -s $3 ]] || fail "the Secret $1 has no $2"
}

manifest() { # Secret, type
  local key
  printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  labels:\n' "$1"
  printf '    app.kubernetes.io/%s: endpoint-stats\n' name part-of
  printf 'type: %s\ndata:\n' "$2"
  for key in $(printf '%s\n' "${!data[@]}" | sort); do
    if [[ -n $dry_run ]]; then
      printf '  %s: "***"\n' "$key"
    else
      printf '  %s: %s\n' "$key" "$(printf '%s' "${data[$key]}" | base64 | tr -d '\n')"
    fi
  done
}

write() { # create or replace, Secret, type
  if [[ -n $dry_run ]]; then
    printf -- '---\n'
    manifest "$2" "${3:-Opaque}"
    return
  fi
  manifest "$2" "${3:-Opaque}" | kube "$1" -f - >/dev/null || return 1
  say "wrote the Secret $2"
}

random() { # bytes
  local digits
  digits=$(openssl rand -hex "$1") || fail "openssl gave no random bytes"
  ((${#digits} == 2 * $1)) || fail "openssl gave too few random bytes"
  printf '%s' "$digits"
}

new_password() {
  data[password]=$(random 32) || exit 1
}

user() { if [[ $1 == database-superuser ]]; then printf postgres; else printf 'endpoint_stats_%s' "${1#database-}"; fi; }

fill_password() { # Secret
  data=([username]=$(user "$1"))
  new_password
}

acl_user() { # name, password, rights
  printf 'user %s on #%s %s\n' "$1" "$(printf '%s' "$2" | openssl dgst -sha256 -r | cut -d ' ' -f 1)" "$3"
}

fill_cache() {
  data=()
  new_password
  data[monitor-password]=$(random 32) || exit 1
  data[users.acl]=$(
    printf 'user default off resetpass -@all\n'
    acl_user cache "${data[password]}" "$RIGHTS_OF_CACHE"
    acl_user monitor "${data[monitor-password]}" "$RIGHTS_OF_MONITOR"
  )$'\n'
}

fill_caller_secret() {
  data=()
  data[secret]=$(random 32) || exit 1
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
