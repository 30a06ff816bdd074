#!/usr/bin/env bash
# secrets.sh - make, rotate and check the Secrets of endpoint-stats in a cluster.
#
# Usage: scripts/deployment/secrets.sh create [OPTION]...
#        scripts/deployment/secrets.sh rotate NAME [OPTION]...
#        scripts/deployment/secrets.sh set alertmanager critical-url|warning-url [OPTION]... <FILE
#        scripts/deployment/secrets.sh show-token [OPTION]...
#        scripts/deployment/secrets.sh check [OPTION]...
#
#   create      makes the namespace and every Secret that is missing, and keeps what is there
#   rotate      a new password, secret or certificate, in the Secret and in what uses it; NAME is one of database-owner,
#               database-api, database-report, database-backup, database-monitor, database-superuser, cache,
#               caller-secret, database-tls, api-tls, private-ca, grafana-admin
#   set         where alerts go: the address of a webhook, from the standard input
#   show-token  prints the first token of an administrator, once: the Secret first-token, which holds it, is deleted
#   check       says what is missing, what does not fit together, and which certificate ends within 30 days
#
#   --namespace  endpoint-stats by default
#   --context    the cluster, as kubectl names it
#   --host       the host of the Ingress, which the certificate api-tls names; stats.example.com by default
#   --timeout    seconds to wait for pods; 600 by default
#   --dry-run    changes nothing and prints what would be written, without the values
#
# A value is never an argument of a process and in no message; what openssl needs as a file is in a folder of this user
# alone, which goes with the script. Only show-token prints a secret. Tokens are made and revoked with the server's
# program, see docs/access.md.
#
# Exit codes: 0 done, or all is well; 1 something failed, or check found something; 2 wrong usage.
set -euo pipefail

# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=secrets/values.sh
source "$(dirname "${BASH_SOURCE[0]}")/secrets/values.sh"
# shellcheck source=secrets/certificates.sh
source "$(dirname "${BASH_SOURCE[0]}")/secrets/certificates.sh"
# shellcheck source=secrets/tokens.sh
source "$(dirname "${BASH_SOURCE[0]}")/secrets/tokens.sh"
# shellcheck source=secrets/monitoring.sh
source "$(dirname "${BASH_SOURCE[0]}")/secrets/monitoring.sh"
# shellcheck source=secrets/create.sh
source "$(dirname "${BASH_SOURCE[0]}")/secrets/create.sh"
# shellcheck source=secrets/rotate.sh
source "$(dirname "${BASH_SOURCE[0]}")/secrets/rotate.sh"
# shellcheck source=secrets/check.sh
source "$(dirname "${BASH_SOURCE[0]}")/secrets/check.sh"

command="" subject="" key="" host="" folder=""

parse() {
  case ${1:-} in
    create | show-token | check) command=$1 && shift ;;
    rotate)
      command=rotate && shift
      needs_value rotate "$@"
      subject=$1 && shift
      ;;
    set)
      [[ ${2:-} == alertmanager && " ${RECEIVERS[*]} " == *" ${3:-none} "* ]] || wrong "set takes alertmanager and one of ${RECEIVERS[*]}"
      command=set key=$3 && shift 3
      ;;
    --help | -h) usage && exit ;;
    *) wrong "expected create, rotate, set, show-token or check" ;;
  esac
  while (($# > 0)); do
    taken=2
    case $1 in
      --host) needs_value "$@" && host=$2 ;;
      *) shared_option "$@" ;;
    esac
    shift "$taken"
  done
  namespace=${namespace:-endpoint-stats}
  [[ $namespace =~ ^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$ ]] || wrong "$namespace is no name of a namespace"
  [[ -z $host || $host =~ ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$ ]] || wrong "--host takes a name such as stats.example.com, not $host"
}

main() {
  parse "$@"
  need_tools openssl base64
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  umask 077
  case $command in
    create) create_all ;;
    rotate) rotate ;;
    set) set_receiver "$key" ;;
    show-token) show_token ;;
    check) check ;;
  esac
}

main "$@"
