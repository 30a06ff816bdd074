#!/usr/bin/env bash
# login.sh - who asks Grafana, with which secret, and where the cluster's Grafana is.
#
# Usage: source scripts/monitoring/login.sh
#
# Run by itself, it only prints this text. The secret stays in the variable $secret of the shell: no argument, no file.

# shellcheck disable=SC2154 # dashboard-checker.sh and lib.sh set what is read here
set -euo pipefail

line_of() { # option, file
  [[ -f $2 && -r $2 ]] || wrong "$1: there is no file $2 that can be read"
  local text
  text=$(<"$2")
  [[ -n $text && $text != *[[:cntrl:]]* ]] || wrong "$1: expected one line in $2"
  printf '%s' "$text"
}

read_secret() {
  if [[ -n $token_file ]]; then
    secret=$(line_of --token-file "$token_file") || exit
  elif [[ -n $password_file ]]; then
    user=${user:-admin}
    secret=$(line_of --password-file "$password_file") || exit
  fi
}

of_grafana_admin() { # key
  ask get secret grafana-admin --output=go-template="{{index .data \"$1\"}}" | base64 -d ||
    unasked "the Secret grafana-admin of namespace $namespace cannot be read, or has no $1"
}

# shellcheck disable=SC2034 # grafana.sh asks there
reach_grafana_in_cluster() {
  local pod
  need_tools base64
  pod=$(ask get pods --selector=app.kubernetes.io/name=endpoint-stats,app.kubernetes.io/component=grafana \
    --field-selector=status.phase=Running --output=name) || unasked "the pods of Grafana in namespace $namespace could not be listed"
  [[ -n $pod ]] || unasked "no pod of Grafana runs in namespace $namespace"
  if [[ -z $secret ]]; then
    user=$(of_grafana_admin username) || exit
    secret=$(of_grafana_admin password) || exit
  fi
  forward_ports "$(head -n 1 <<<"$pod")" 3000 || exit 3
  url=$(forwarded 3000)
}

# In the syntax of curl's files; printf is no process that could be seen.
credentials() {
  local key=user value="$user:$secret"
  [[ -z $token_file ]] || key=header value="Authorization: Bearer $secret"
  value=${value//\\/\\\\}
  printf '%s = "%s"\n' "$key" "${value//\"/\\\"}"
}

nobody() { :; }

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
