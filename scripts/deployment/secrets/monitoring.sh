#!/usr/bin/env bash
# monitoring.sh - Grafana's administrator, and where Alertmanager sends.
#
# Usage: source scripts/deployment/secrets/monitoring.sh
#
# Run by itself, it only prints this text. Where alerts go is nothing that could be made: create writes addresses that lead
# nowhere, and `secrets.sh set` puts the right ones, from the standard input.

# shellcheck disable=SC2154 # secrets.sh and what it sources set what is read here
# shellcheck disable=SC2034 # values.sh writes what is in $data
set -euo pipefail

readonly RECEIVERS=(critical-url warning-url)
# The port that throws away what it gets, on the pod itself.
readonly NOBODY=http://127.0.0.1:9/

fill_grafana_admin() {
  data=([username]=admin)
  new_password
}

fill_alertmanager() {
  local key
  data=()
  for key in "${RECEIVERS[@]}"; do
    data["$key"]=$NOBODY
  done
}

set_receiver() { # key
  local key given
  is_there alertmanager || fail "the Secret alertmanager is not in namespace $namespace; create makes it"
  given=$(head -c 4096 | tr -d '\r\n')
  [[ $given =~ ^https?://[^[:space:]]+$ ]] || wrong "the standard input holds no address such as https://hooks.example.com/…"
  data=()
  for key in "${RECEIVERS[@]}"; do
    data["$key"]=$(value alertmanager "$key") || fail "cannot read the Secret alertmanager"
  done
  data["$1"]=$given
  replace alertmanager Opaque
  say "alertmanager sends there within about a minute, when the kubelet has brought it to the pod"
}

# The password is in the input, and no argument of a process.
in_grafana() { # password
  printf '%s' "$1" | kube exec -i grafana-0 --container=grafana -- grafana cli --homepath /usr/share/grafana \
    --config /etc/grafana/grafana.ini admin reset-admin-password --password-from-stdin >/dev/null
}

# Grafana reads the Secret at its first start only.
rotate_grafana_admin() {
  local old
  old=$(value grafana-admin password)
  fill_grafana_admin
  if [[ -n $dry_run ]]; then
    say "would set the password of ${data[username]} in grafana-0"
    write replace grafana-admin kubernetes.io/basic-auth
    return
  fi
  in_grafana "${data[password]}" || fail "Grafana took no new password; nothing was changed"
  if ! write replace grafana-admin kubernetes.io/basic-auth; then
    in_grafana "$old" || fail "Grafana and the Secret grafana-admin differ now: run this again"
    fail "could not replace the Secret grafana-admin; the old password is in force"
  fi
}

check_receivers() {
  local key
  is_there alertmanager || return 0
  for key in "${RECEIVERS[@]}"; do
    [[ $(value alertmanager "$key") != "$NOBODY" ]] ||
      say "nobody is told of alerts: scripts/deployment/secrets.sh set alertmanager $key <FILE puts the address of a webhook"
  done
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
