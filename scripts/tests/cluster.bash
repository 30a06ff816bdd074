# A stand-in for a cluster, for tests of the operator's scripts: `load cluster`, then well_cluster in setup().

stand_ins=$BATS_TEST_DIRNAME/stand-ins

# Says what kubectl answers from now on to calls that fit a pattern.
answers() { # pattern, program of bash
  printf -v rule '%s/rules/%04d' "$KUBECTL_STAND_IN" "$((++rules))"
  printf '%s\n' "$@" >"$rule"
}

# The scripts in a repository of their own, in a cluster where everything goes well.
well_cluster() {
  rules=0
  real_kubectl=$(command -v kubectl || realpath "$BATS_TEST_DIRNAME/../../target/tools/kubectl/bin/kubectl")
  export real_kubectl TMPDIR=$BATS_TEST_TMPDIR/tmp KUBECTL_STAND_IN=$BATS_TEST_TMPDIR/kubectl POLL_SECS=0.1 STUCK_SECS=0
  export stand_ins PATH=$BATS_TEST_TMPDIR/bin:$PATH
  unset KUBECTL
  mkdir -p "$TMPDIR" "$KUBECTL_STAND_IN/rules" "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/repo/endpoint-stats-k8s/overlays"
  cp "$stand_ins/kubectl" "$BATS_TEST_TMPDIR/bin"
  cp "$stand_ins/answer" "$KUBECTL_STAND_IN"
  cp -r "$BATS_TEST_DIRNAME/.." "$BATS_TEST_TMPDIR/repo/scripts"
  cp -r "$BATS_TEST_DIRNAME/overlay" "$BATS_TEST_TMPDIR/repo/endpoint-stats-k8s/overlays/dev"
  printf '#!/usr/bin/env bash\n' >"$BATS_TEST_TMPDIR/repo/scripts/deployment/secrets.sh"
  chmod +x "$BATS_TEST_TMPDIR/repo/scripts/deployment/secrets.sh"
  cd "$BATS_TEST_TMPDIR/repo" || return
  touch "$KUBECTL_STAND_IN/calls"
  answer_as_a_well_cluster
}

answer_as_a_well_cluster() {
  answers 'kustomize *' 'exec "$real_kubectl" "$@"'
  answers 'version *' 'echo "{\"serverVersion\": {\"major\": \"1\", \"minor\": \"32+\"}}"'
  answers 'auth can-i *' ''
  answers 'get namespace *' 'echo namespace/endpoint-stats'
  answers 'get job migrate --ignore-not-found *' ''
  answers 'create *--dry-run=client*' 'echo "{\"kind\": \"Job\", \"spec\": {\"volumes\": [{\"secret\": {\"secretName\": \"database-owner\"}}, {\"emptyDir\": {}},
    {\"projected\": {\"sources\": [{\"secret\": {\"name\": \"database-ca\"}}]}}, {\"secret\": {\"secretName\": \"database-tls\"}}]}}"
    echo "{\"kind\": \"Certificate\", \"spec\": {\"secretName\": \"database-tls\"}}"'
  answers 'get secret database-owner *' 'echo secret/database-owner'
  answers 'get secret database-ca *' 'echo secret/database-ca'
  answers 'get deployments *' 'echo "{\"items\": [{\"metadata\": {\"name\": \"api\", \"annotations\": {\"deployment.kubernetes.io/revision\": \"3\"}}}]}"'
  answers 'get deployment api --output=jsonpath=*' 'echo 4'
  answers 'apply *component!=api*' 'echo statefulset.apps/database'
  answers 'apply *component=migrate' 'echo job.batch/migrate'
  answers 'apply *component=api' 'echo deployment.apps/api'
  answers 'apply *--dry-run=server*' ''
  answers 'get job * --output=json' 'echo "{\"status\": {\"conditions\": [{\"type\": \"Complete\", \"status\": \"True\"}]}}"'
  answers 'get pods *' 'case " $* " in
    *--output=json*) echo "{\"items\": [{\"metadata\": {\"name\": \"api-1\", \"creationTimestamp\": \"2026-01-01T00:00:00Z\"},
      \"status\": {\"conditions\": [{\"type\": \"Ready\", \"status\": \"True\"}]}}]}" ;;
    *) echo pod/api-1 ;;
  esac'
  answers 'get events *' 'echo "{\"items\": []}"'
  answers 'get configmap *' 'echo configmap/api-settings'
  answers 'get statefulset* --output=jsonpath=*' 'echo database'
  answers 'rollout status *' 'echo rolled out'
  answers 'rollout undo *' 'echo rolled back'
  answers 'annotate *' ''
  answers 'delete job *' ''
  answers 'create --filename=*/job' 'cp "${2#--filename=}" "$KUBECTL_STAND_IN/created"'
  answers 'logs *' 'echo "a line of the log"'
  answers 'port-forward *' 'exec python3 "$stand_ins/api.py" "$KUBECTL_STAND_IN"'
}

# The second revision of the API ran 0.1.0; the third runs 0.2.0.
two_revisions() {
  answers 'get deployment api --output=json' 'echo "{\"metadata\": {\"uid\": \"u\", \"annotations\": {\"deployment.kubernetes.io/revision\": \"4\"}}}"'
  answers 'get replicasets *' 'cat <<JSON
    {"items": [
      {"metadata": {"ownerReferences": [{"uid": "other"}], "annotations": {"deployment.kubernetes.io/revision": "2"}},
       "spec": {"template": {"spec": {"containers": [{"image": "another"}]}}}},
      {"metadata": {"ownerReferences": [{"uid": "u"}], "annotations": {"deployment.kubernetes.io/revision": "3", "kubernetes.io/change-cause": "version 0.1.0"}},
       "spec": {"template": {"metadata": {"labels": {"app.kubernetes.io/component": "api", "pod-template-hash": "x"}}, "spec": {
         "volumes": [{"name": "settings", "configMap": {"name": "api-settings-old"}}],
         "initContainers": [{"name": "wait-for-tables", "image": "endpoint-stats-server:0.1.0", "args": ["migrate", "--check", "--wait-secs=300", "--config=c"]}],
         "containers": [{"name": "api", "image": "endpoint-stats-server:0.1.0"}]}}}},
      {"metadata": {"ownerReferences": [{"uid": "u"}], "annotations": {"deployment.kubernetes.io/revision": "4"}},
       "spec": {"template": {"spec": {"containers": [{"image": "endpoint-stats-server:0.2.0"}]}}}}]}
JSON'
}

calls() { tr -d '\\' <"$KUBECTL_STAND_IN/calls"; }
called() { calls | grep -E -- "$1" >/dev/null; } # a pattern of grep
never_called() { ! called "$1"; }

# In which order the calls came that fit the patterns.
called_in_this_order() {
  local pattern line last=0
  for pattern in "$@"; do
    line=$(calls | awk -v last="$last" -v pattern="$pattern" 'NR > last && $0 ~ pattern && !line { line = NR } END { print line }')
    [[ -n $line ]] || { echo "no call like $pattern after line $last" && calls && return 1; }
    last=$line
  done
}

# Nothing is left of a run: no temporary file, no port-forward, no call that nobody thought of.
nothing_is_left() {
  [[ ! -e $KUBECTL_STAND_IN/unexpected ]] || { cat "$KUBECTL_STAND_IN/unexpected" && return 1; }
  [[ -z $(ls -A "$TMPDIR") ]] || { ls -A "$TMPDIR" && return 1; }
  ! pgrep -f "api.py $KUBECTL_STAND_IN" || return 1
}
