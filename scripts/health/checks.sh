#!/usr/bin/env bash
# checks.sh - what health-check.sh looks at, a function each.
#
# Usage: source scripts/health/checks.sh
#
# Run by itself, it only prints this text. Each check_… adds lines to the file $findings: an object of JSON with check,
# severity (ok, warning, critical or unknown), subject and what.

# shellcheck disable=SC2154 # health-check.sh and lib.sh set what is read here
# shellcheck disable=SC2016 # the variables are jq's
set -euo pipefail

readonly OURS=app.kubernetes.io/name=endpoint-stats
readonly DAY=86400

found() { # check, severity, subject, what
  jq -nc --arg check "$1" --arg severity "$2" --arg subject "$3" --arg what "$4" '$ARGS.named' >>"$findings"
}

# What is needed for a check, or a finding that it cannot be told and why.
look() { # check, what is looked at, arguments of kubectl...
  local answer error code=0
  error=$(mktemp)
  answer=$(ask "${@:3}" 2>"$error") || code=$?
  ((code == 0)) || found "$1" unknown "$2" "$(tail -n 1 "$error")"
  rm -f "$error"
  printf '%s\n' "$answer"
  return "$code"
}

inside() { # pod, container, command...
  timeout "${timeout:-20}" "$KUBECTL" ${context:+--context "$context"} --namespace "$namespace" \
    exec "$1" --container="$2" -- "${@:3}" </dev/null
}

# Objects in, findings out: a program of jq that prints {severity, subject, what} for each.
judge() { # check, what is looked at, program, JSON
  local program='def age: if . then (now - (sub("\\.[0-9]+"; "") | fromdate)) else null end; '"$3"
  jq -c --arg check "$1" "$program | {check: \$check, severity, subject, what}" <<<"$4" >>"$findings" ||
    found "$1" unknown "$2" "the answer could not be read"
}

say_if_quiet() { # check, subject, what
  jq -se --arg check "$1" 'any(.check == $check)' "$findings" >/dev/null || found "$1" ok "$2" "$3"
}

check_pods() {
  local workloads pods jobs
  workloads=$(look pods workloads get deployments,statefulsets --selector="$OURS" --output=json) &&
    judge pods workloads '
      if .items == [] then {severity: "critical", subject: "workloads", what: "there is none in this namespace"} else
        .items[] | (.spec.replicas // 1) as $wanted | (.status.readyReplicas // 0) as $ready
        | {severity: (if $ready >= $wanted then "ok" elif $ready == 0 then "critical" else "warning" end),
           subject: "\(.kind | ascii_downcase)/\(.metadata.name)", what: "\($ready) of \($wanted) pods ready"} end' "$workloads"
  pods=$(look pods pods get pods --selector="$OURS" --output=json) &&
    judge pods pods '
      .items[] | "pod/\(.metadata.name)" as $subject | .status | (.initContainerStatuses[]?, .containerStatuses[]?)
      | (.lastState.terminated.finishedAt | age) as $since
      | if .state.waiting.reason // "" | test("^(Err|ImagePull|InvalidImage|Create|Run|CrashLoop)") then
          {severity: "critical", $subject, what: "\(.name): \(.state.waiting.reason): \(.state.waiting.message // "")"}
        elif .restartCount > 0 and $since != null and $since < 3600 then
          {severity: "warning", $subject, what: "\(.name) was restarted within the hour (\(.restartCount) times in all): \(.lastState.terminated.reason)"}
        else empty end' "$pods"
  jobs=$(look pods jobs get jobs --selector="$OURS" --output=json) &&
    judge pods jobs '
      .items[] | select(any(.status.conditions[]?; .type == "Failed" and .status == "True"))
      | select((.status.conditions | map(select(.type == "Failed"))[0].lastTransitionTime | age) < 86400)
      | {severity: "warning", subject: "job/\(.metadata.name)", what: "failed within the last day"}' "$jobs"
  return 0
}

check_events() {
  local events
  events=$(look events events get events --field-selector=type=Warning --output=json) || return 0
  judge events events '
    [.items[] | select((.lastTimestamp // .eventTime // .metadata.creationTimestamp | age) < 3600)]
    | group_by([.reason, .involvedObject.kind, .involvedObject.name])[]
    | {severity: "warning", subject: "\(.[0].involvedObject.kind | ascii_downcase)/\(.[0].involvedObject.name)",
       what: "\(.[0].reason): \(.[-1].message)"}' "$events"
  say_if_quiet events events "no warning within the hour"
}

check_api() {
  local pods pod path code
  pods=$(look api pods get pods --selector="$OURS,app.kubernetes.io/component=api" --field-selector=status.phase=Running --output=name) || return 0
  [[ -n $pods ]] || found api critical pods "no pod of the API runs"
  for pod in $pods; do
    if ! forward "$pod" 2>/dev/null; then
      found api unknown "$pod" "no port-forward to it (a right to create pods/portforward is needed)"
      continue
    fi
    for path in /health /ready; do
      code=$(curl --silent --output /dev/null --max-time 5 --write-out '%{http_code}' "$admin$path" || true)
      if [[ $code == 200 ]]; then
        found api ok "$pod" "$path answers 200"
      else
        found api critical "$pod" "$path answers ${code/000/nothing}"
      fi
    done
    stop_forwarding
  done
}

# The pods of a component, or a finding why there is none to look into.
pods_of() { # component
  local pods sets
  pods=$(look "$1" pods get pods --selector="$OURS,app.kubernetes.io/component=$1" --field-selector=status.phase=Running --output=name) || return 1
  [[ -z $pods ]] || { printf '%s\n' "$pods" && return 0; }
  sets=$(look "$1" "statefulset/$1" get statefulset "$1" --ignore-not-found --output=name) || return 1
  if [[ -n $sets ]]; then
    found "$1" critical "statefulset/$1" "none of its pods runs"
  else
    found "$1" ok "$1" "is not in this namespace; /ready of the API tells whether it is reached"
  fi
  return 1
}

check_database() {
  local pods pod answer
  pods=$(pods_of database) || return 0
  for pod in $pods; do
    if ! answer=$(inside "$pod" database pg_isready --username=postgres 2>&1); then
      tell_of_inside database "$pod" "$answer"
    elif answer=$(inside "$pod" database psql --username=postgres --dbname=endpoint_stats --no-psqlrc --tuples-only --no-align \
      --command="select case when pg_is_in_recovery() then 'a standby, read only' else 'takes writes' end || ', '
        || count(*) || ' of ' || current_setting('max_connections') || ' connections, '
        || pg_size_pretty(pg_database_size(current_database())) from pg_stat_activity where backend_type = 'client backend'" 2>&1); then
      found database ok "$pod" "$answer"
    else
      tell_of_inside database "$pod" "$answer"
    fi
  done
}

# Redis answers NOAUTH to who shows no password, and that is an answer.
check_cache() {
  local pods pod answer
  pods=$(pods_of cache) || return 0
  for pod in $pods; do
    answer=$(inside "$pod" cache redis-cli ping 2>&1) || true
    case $answer in
      *PONG* | *NOAUTH*) found cache ok "$pod" "answers" ;;
      *) tell_of_inside cache "$pod" "$answer" ;;
    esac
  done
}

# A command in a pod that could not be run tells nothing about what it would have found.
tell_of_inside() { # check, pod, answer
  local what
  what=$(tail -n 1 <<<"$3")
  case $3 in
    *Forbidden* | *forbidden* | *"unable to upgrade connection"* | "") found "$1" unknown "$2" "${what:-no answer within the time}" ;;
    *) found "$1" critical "$2" "$what" ;;
  esac
}

check_storage() {
  local claims pods pod container path
  claims=$(look storage claims get persistentvolumeclaims --output=json) || return 0
  pods=$(look storage pods get pods --selector="$OURS" --output=json) || return 0
  # A provisioner may wait for the first pod that mounts a claim.
  judge storage claims '
    .items as [$claims, $pods] | [$pods[].spec.volumes[]?.persistentVolumeClaim.claimName] as $mounted
    | $claims[] | .metadata.name as $name | (.status.phase == "Pending" and ($mounted | index($name) | not)) as $waits
    | {severity: (if .status.phase == "Bound" or $waits then "ok" elif .status.phase == "Pending" then "warning" else "critical" end),
       subject: "claim/\($name)",
       what: (if $waits then "waits for its first pod" else "\(.status.phase), \(.status.capacity.storage // "no size yet")" end)}' \
    "$(jq -s '{items: map(.items)}' <<<"$claims $pods")"
  while read -r pod container path; do
    check_volume "pod/$pod" "$container" "$path"
  done < <(jq -r '
    .items[] | select(.status.phase == "Running") | .metadata.name as $pod | (.spec.volumes | map(select(.persistentVolumeClaim) | .name)) as $claimed
    | .spec.containers[] | .name as $container | .volumeMounts[]? | select(.name | IN($claimed[])) | "\($pod) \($container) \(.mountPath)"' <<<"$pods")
  say_if_quiet storage claims "there is none in this namespace"
}

check_volume() { # pod, container, path
  local answer used severity=ok
  answer=$(inside "$1" "$2" df -P "$3" 2>&1) || true
  used=$(awk 'END { if ($5 ~ /^[0-9]+%$/) print $5 + 0 }' <<<"$answer")
  if [[ -z $used ]]; then
    found storage unknown "$1" "$3: $(tail -n 1 <<<"$answer")"
    return
  fi
  ((used <= 80)) || severity=warning
  ((used <= 90)) || severity=critical
  found storage "$severity" "$1" "$3 is $used % full"
}

check_backups() {
  local jobs
  jobs=$(look backups cronjobs get cronjobs --output=json) || return 0
  judge backups cronjobs '
    .items as $all | {"backup": "backup", "restore-drill": "proof that a backup can be restored"} | to_entries[]
    | .key as $name | .value as $what | "cronjob/\($name)" as $subject
    | ($all | map(select(.metadata.name == $name)) | first) as $job
    | if $job == null then {severity: "warning", $subject, what: "is not in this namespace, so it makes no \($what)"}
      elif $job.spec.suspend == true then {severity: "warning", $subject, what: "is suspended, so it makes no \($what)"}
      else ($job.status.lastSuccessfulTime | age) as $done | ($done // ($job.metadata.creationTimestamp | age)) as $age
        | {severity: (if $age > 50 * 3600 then "critical" elif $age > 26 * 3600 or $done == null then "warning" else "ok" end), $subject,
           what: (if $done then "the last \($what) is \($age / 3600 | floor) h old" else "there was no \($what) yet" end)}
      end' "$jobs"
}

check_certificates() {
  local name names
  names=$(look certificates secrets get secrets --output=jsonpath='{range .items[?(@.type=="kubernetes.io/tls")]}{.metadata.name}{"\n"}{end}') || return 0
  for name in $names; do
    check_certificate "$name"
  done
  say_if_quiet certificates secrets "no Secret of this namespace holds a certificate"
}

check_certificate() { # secret
  local text end left severity=ok
  text=$(look certificates "secret/$1" get secret "$1" --output=jsonpath='{.data.tls\.crt}') || return 0
  if ! end=$(base64 -d <<<"$text" 2>/dev/null | openssl x509 -noout -enddate 2>/dev/null) || ! end=$(date -d "${end#notAfter=}" +%s); then
    found certificates critical "secret/$1" "tls.crt is no certificate"
    return
  fi
  left=$(((end - $(date +%s)) / DAY))
  ((left >= 30)) || severity=warning
  ((left >= 7)) || severity=critical
  if ((end <= $(date +%s))); then
    found certificates critical "secret/$1" "ended on $(date -u -d "@$end" +%F)"
  else
    found certificates "$severity" "secret/$1" "ends in $left days"
  fi
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
fi
