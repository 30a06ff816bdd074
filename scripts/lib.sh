#!/usr/bin/env bash
# lib.sh - what the operator's scripts share: messages, options, kubectl, waiting, looking into pods.
#
# Usage: source scripts/lib.sh
#
# Run by itself, it only prints this text. A script that sources it gets:
#
#   say, warn, fail, wrong      messages that begin with the script's name; fail ends with 1, wrong with 2
#   shared_option "$@"          takes --namespace, --context, --dry-run, --timeout or --help from the front, sets $taken
#   need_tools, reach_cluster   end the script with what is missing and what to do; need_programs does without kubectl
#   kube, ask, change           kubectl with namespace and context; with 20 s at most; only printed with --dry-run
#   wait_until SECONDS CMD...   tries every 2 s ($POLL_SECS); 1 when the time is over
#   job_ends JOB SECONDS        waits for a Job; says why its pod does not start or what it wrote
#   explain_pods SELECTOR       states, warnings and last lines of pods that are not well
#   forward POD                 sets $public and $admin to URLs of the API's two ports; stop_forwarding ends that
#   forward_ports POD PORT...   the same for any pod; forwarded PORT then prints a URL
#
# kubectl is the one of $KUBECTL, of PATH, or the one that `scripts/setup.sh k8s` installed. bash 4.4 and GNU coreutils are
# needed, which macOS does not bring.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly repository
namespace="" context="" dry_run="" timeout=600 taken=0 forwarding="" forward_log="" public="" admin=""
readonly KUBECTL_TOOL=target/tools/kubectl/bin/kubectl
readonly STUCK='ImagePullBackOff|ErrImageNeverPull|InvalidImageName|CreateContainerConfigError|CreateContainerError|RunContainerError'

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

me() { basename "$0" .sh; }
say() { printf '%s: %s\n' "$(me)" "$*"; }
warn() { say "$@" >&2; }

fail() {
  warn "$@"
  exit 1
}

wrong() {
  warn "$*; --help tells more"
  exit 2
}

# === options ===

needs_value() { # option, value
  [[ $# -ge 2 && -n $2 && $2 != --* ]] || wrong "$1 needs a value"
}

# shellcheck disable=SC2034 # the scripts read them
shared_option() {
  taken=2
  case $1 in
    --help | -h) usage && exit ;;
    --dry-run) dry_run=yes taken=1 ;;
    --namespace) needs_value "$@" && namespace=$2 ;;
    --context) needs_value "$@" && context=$2 ;;
    --timeout)
      needs_value "$@"
      [[ $2 =~ ^[1-9][0-9]{0,4}s?$ ]] || wrong "--timeout takes seconds, such as 600, and not $2"
      timeout=${2%s}
      ;;
    *) wrong "unknown option $1" ;;
  esac
}

# The options with which another of these scripts works on the same namespace of the same cluster.
same_place() { printf '%s\n' --namespace "$namespace" ${context:+--context "$context"}; }

# === kubectl ===

find_kubectl() {
  KUBECTL=${KUBECTL:-$(command -v kubectl || true)}
  [[ -n $KUBECTL || ! -x $repository/$KUBECTL_TOOL ]] || KUBECTL=$repository/$KUBECTL_TOOL
  [[ -n $KUBECTL ]] || fail "kubectl is not on PATH; install it, or run scripts/setup.sh k8s"
}

need_tools() {
  find_kubectl
  need_programs "$@"
}

need_programs() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || fail "$tool is not on PATH; install it (Debian: apt-get install $tool)"
  done
}

kube() { "$KUBECTL" ${context:+--context "$context"} ${namespace:+--namespace "$namespace"} "$@"; }
ask() { kube --request-timeout=20s "$@"; }

change() {
  if [[ -n $dry_run ]]; then
    say "would run: kubectl $*"
    return
  fi
  kube "$@"
}

may_i() { ask auth can-i --quiet "$@" >/dev/null 2>&1; }

need_rights() { # "VERB RESOURCE [--subresource=NAME]"...
  local right words missing=()
  for right in "$@"; do
    read -ra words <<<"$right"
    may_i "${words[@]}" || missing+=("$right")
  done
  ((${#missing[@]} == 0)) ||
    fail "no right in namespace $namespace to: $(printf '%s; ' "${missing[@]}")ask the cluster's administrator for a Role with these"
}

# Manifests use `sleep` in a preStop hook, which servers take since 1.30.
reach_cluster() {
  local answer version
  answer=$(ask version --output=json 2>&1) ||
    fail "the cluster does not answer${context:+ (context $context)}: $(tail -n 1 <<<"$answer")"
  version=$(jq -r '.serverVersion | "\(.major).\(.minor | gsub("[^0-9]"; ""))"' <<<"$answer") ||
    fail "the cluster does not say its version"
  ((${version%%.*} > 1 || ${version#*.} >= 30)) || fail "the cluster is Kubernetes $version; 1.30 or later is needed"
  say "the cluster is Kubernetes $version"
}

# Somebody who may use a namespace may not be allowed to look at it.
namespace_is_there() {
  local answer
  answer=$(ask get namespace "$namespace" --output=name 2>&1) || [[ $answer != *NotFound* ]]
}

job_is_there() { [[ -n $(ask get job "$1" --ignore-not-found --output=name) ]]; } # job

delete_job() { # job
  kube delete job "$1" --ignore-not-found --cascade=foreground --wait=true --timeout=120s >/dev/null
}

# === waiting ===

wait_until() { # seconds, command...
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep "${POLL_SECS:-2}"
  done
}

job_condition() { # job: Complete, Failed or nothing
  ask get job "$1" --output=json |
    jq -r '[.status.conditions[]? | select(.status == "True" and (.type == "Complete" or .type == "Failed")) | .type][0] // ""'
}

# Why the pods of a Job do not start: the kubelet's reason, or that there is no pod.
why_not_started() { # job
  ask get pods --selector="batch.kubernetes.io/job-name=$1" --output=json | jq -r --arg stuck "$STUCK" '
    if .items == [] then "no pod was made" else
      [.items[].status | (.initContainerStatuses[]?, .containerStatuses[]?) | .state.waiting // empty
        | select(.reason | test("^(\($stuck))$")) | "\(.reason): \(.message // "")"][0] // ""
    end'
}

# Counts the seconds a Job has been stuck, so that one moment without a pod is not taken for an end.
job_is_over() { # job
  job_state=$(job_condition "$1") || job_state=""
  [[ -z $job_state ]] || return 0
  job_reason=$(why_not_started "$1") || job_reason=""
  if [[ -z $job_reason ]]; then
    stuck_since=$SECONDS
    return 1
  fi
  ((SECONDS - stuck_since >= ${STUCK_SECS:-30})) && job_state=Stuck
}

job_ends() { # job, seconds
  job_state="" job_reason="" stuck_since=$SECONDS
  wait_until "$2" job_is_over "$1" || job_state=Late
  case $job_state in
    Complete) return ;;
    Failed) warn "the Job $1 failed" ;;
    Stuck) warn "the Job $1 does not start: $job_reason" ;;
    *) warn "the Job $1 did not end within $2 s" ;;
  esac
  explain_pods "batch.kubernetes.io/job-name=$1" job/"$1"
  return 1
}

# === looking into pods ===

unwell_containers() { # selector: pod, container, restarts
  ask get pods --selector="$1" --output=json | jq -r '
    .items[] | .metadata.name as $pod | .status | (.initContainerStatuses[]?, .containerStatuses[]?)
    | select((.ready | not) or .restartCount > 0) | select(.state.waiting.reason != "PodInitializing")
    | "\($pod) \(.name) \(.restartCount)"'
}

warnings_about() { # kind/name or a beginning of a name...
  local names
  names=$(printf '%s\n' "$@" | jq -Rn '[inputs | sub(".*/"; "")]')
  ask get events --field-selector=type=Warning --output=json | jq -r --argjson names "$names" '
    [.items[] | . as $event | select(any($names[]; . as $name | $event.involvedObject.name | startswith($name)))]
    | sort_by(.lastTimestamp // .eventTime // .metadata.creationTimestamp)[-8:][]
    | "  \(.involvedObject.kind)/\(.involvedObject.name): \(.reason): \(.message)"'
}

explain_pods() { # selector, further names whose events count...
  local pods pod container restarts
  pods=$(ask get pods --selector="$1" --output=name 2>/dev/null) || pods=""
  {
    [[ -n $pods ]] || printf '  there is no pod with %s\n' "$1"
    ask get pods --selector="$1" 2>/dev/null || true
    printf 'warnings:\n'
    # shellcheck disable=SC2086 # one name a word
    warnings_about $pods "${@:2}" 2>/dev/null || printf '  events could not be read\n'
    while read -r pod container restarts; do
      printf 'last lines of %s, container %s:\n' "$pod" "$container"
      ask logs "$pod" --container="$container" --tail=15 2>&1 || true
      ((restarts == 0)) || ask logs "$pod" --container="$container" --tail=15 --previous 2>/dev/null || true
    done < <(unwell_containers "$1" 2>/dev/null)
  } >&2
}

# === a pod, past the network policies: a port-forward ends inside it ===

forwarded() { # port of the container
  sed -n "s|^Forwarding from \(127.0.0.1:[0-9]*\) -> $1\$|http://\1|p" "$forward_log" 2>/dev/null
}

all_forwarded() { # port...
  local port
  for port in "$@"; do
    [[ -n $(forwarded "$port") ]] || return 1
  done
}

forwarding_began() { all_forwarded "$@" || ! kill -0 "$forwarding" 2>/dev/null; } # port...

forward_ports() { # pod, port...
  local ports=("${@:2}")
  forward_log=$(mktemp)
  # Not by kube: the process to end would then be a shell, and kubectl would go on.
  "$KUBECTL" ${context:+--context "$context"} --namespace "$namespace" \
    port-forward --address=127.0.0.1 "$1" "${ports[@]/#/:}" >"$forward_log" 2>&1 &
  forwarding=$!
  POLL_SECS=0.2 wait_until 20 forwarding_began "${ports[@]}" || true
  all_forwarded "${ports[@]}" && return
  warn "no port-forward to $1: $(tail -n 1 "$forward_log")"
  stop_forwarding
  return 1
}

# shellcheck disable=SC2034 # the scripts read them
forward() { # pod
  forward_ports "$1" 9999 9998 || return
  public=$(forwarded 9999) admin=$(forwarded 9998)
}

stop_forwarding() {
  if [[ -n $forwarding ]]; then
    kill "$forwarding" 2>/dev/null || true
    wait "$forwarding" 2>/dev/null || true
  fi
  [[ -z $forward_log ]] || rm -f "$forward_log"
  forwarding="" forward_log=""
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  usage
fi
