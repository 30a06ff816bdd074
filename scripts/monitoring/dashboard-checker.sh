#!/usr/bin/env bash
# dashboard-checker.sh - are the data source and the dashboards of endpoint-stats in Grafana, and current?
#
# Usage: scripts/monitoring/dashboard-checker.sh --url URL [--user NAME] --password-file FILE [OPTION]...
#        scripts/monitoring/dashboard-checker.sh --url URL --token-file FILE [OPTION]...
#        scripts/monitoring/dashboard-checker.sh [--namespace NAME] [--context NAME] [OPTION]...
#
#   --url             where Grafana is, such as http://localhost:3000; without it, the one in the cluster, by a port-forward
#   --user            who logs in; admin by default
#   --password-file   a file with that user's password
#   --token-file      a file with the token of a service account, instead of a user
#   --prometheus-url  where Grafana reaches Prometheus; http://prometheus:9090 for a data source that is made, and otherwise as it is
#   --check-only      changes nothing; ends with 1 when something lacks or differs
#   --dry-run         changes nothing; says what would be done, and ends with 0
#   --timeout         how long Grafana may take to answer at first; 60 s by default
#   --namespace       where Grafana runs; endpoint-stats by default. The Secret grafana-admin says who logs in
#   --context         which cluster of the kubeconfig; the current one by default
#
# Makes the data source with the uid `prometheus` and the four dashboards in the folder endpoint-stats, and brings those up to
# date that differ from endpoint-stats-k8s/monitoring/grafana/dashboards. A dashboard stays in the folder where it is found,
# and nothing else of Grafana is touched. What was provisioned from files is Grafana's to keep: it is compared, never written.
# A password or token is never an argument of a process. CURL_CA_BUNDLE names a CA of one's own.
#
# Exit codes: 0 all is there and current; 1 something lacks, differs or could not be put right, and is named; 2 wrong usage;
# 3 Grafana could not be asked: it does not answer, refuses the login, or what answers is no Grafana.
set -euo pipefail

# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=login.sh
source "$(dirname "${BASH_SOURCE[0]}")/login.sh"
# shellcheck source=grafana.sh
source "$(dirname "${BASH_SOURCE[0]}")/grafana.sh"
# shellcheck source=outcome.sh
source "$(dirname "${BASH_SOURCE[0]}")/outcome.sh"
# shellcheck source=data-source.sh
source "$(dirname "${BASH_SOURCE[0]}")/data-source.sh"
# shellcheck source=dashboards.sh
source "$(dirname "${BASH_SOURCE[0]}")/dashboards.sh"

url="" user="" password_file="" token_file="" prometheus_url="" check_only="" secret="" folder=""

parse() {
  timeout=60
  while (($# > 0)); do
    taken=2
    case $1 in
      --url) needs_value "$@" && url=${2%/} ;;
      --user) needs_value "$@" && user=$2 ;;
      --password-file) needs_value "$@" && password_file=$2 ;;
      --token-file) needs_value "$@" && token_file=$2 ;;
      --prometheus-url) needs_value "$@" && prometheus_url=$2 ;;
      --check-only) check_only=yes taken=1 ;;
      *) shared_option "$@" ;;
    esac
    shift "$taken"
  done
  fits_together
}

fits_together() {
  [[ -z $url || $url =~ ^https?://[^/@[:space:]]+(/[^@?#[:space:]]*)?$ ]] ||
    wrong "--url takes an address without user, password and query, such as http://localhost:3000"
  [[ -z $prometheus_url || $prometheus_url =~ ^https?://[^@[:space:]]+$ ]] || wrong "--prometheus-url takes an address such as http://prometheus:9090"
  [[ -z $password_file || -z $token_file ]] || wrong "--password-file and --token-file exclude each other"
  [[ -z $user || $user != *:* ]] || wrong "--user takes a name without a colon"
  [[ -z $user || -n $password_file ]] || wrong "--user needs --password-file"
  if [[ -n $url ]]; then
    [[ -n $password_file$token_file ]] || wrong "--url needs --password-file or --token-file"
    [[ -z $namespace$context ]] || wrong "--url excludes --namespace and --context"
  else
    namespace=${namespace:-endpoint-stats}
  fi
}

clean_up() {
  stop_forwarding
  [[ -z $folder ]] || rm -rf "$folder"
}

main() {
  parse "$@"
  need_programs curl jq
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  umask 077
  folder=$(mktemp -d)
  read_secret
  [[ -n $url ]] || reach_grafana_in_cluster
  wait_for_grafana
  log_in
  keep_data_source
  keep_dashboards
  tell_the_end
}

main "$@"
