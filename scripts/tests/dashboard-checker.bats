#!/usr/bin/env bats
# Does dashboard-checker.sh make the dashboards be there and current, and leave alone what is not its own?

load cluster

setup() {
  well_cluster
  mkdir -p endpoint-stats-k8s/monitoring/grafana
  cp -r "$BATS_TEST_DIRNAME/../../endpoint-stats-k8s/monitoring/grafana/dashboards" endpoint-stats-k8s/monitoring/grafana
  dashboards=endpoint-stats-k8s/monitoring/grafana/dashboards
  export GRAFANA=$BATS_TEST_TMPDIR/grafana
  mkdir "$GRAFANA"
  touch "$GRAFANA/requests"
  printf '%s\n' 'pa"ss\w:ord' >"$BATS_TEST_TMPDIR/password"
  printf 'glsa_right' >"$BATS_TEST_TMPDIR/token"
  start_grafana
}

teardown() {
  kill "$grafana" 2>/dev/null || true
  wait "$grafana" 2>/dev/null || true
}

start_grafana() {
  python3 "$stand_ins/grafana.py" "$GRAFANA" >"$GRAFANA/address" 3>&- &
  grafana=$!
  until [[ -s $GRAFANA/address ]]; do sleep 0.05; done
  url=$(sed 's|^Forwarding from \([^ ]*\) .*|http://\1|' "$GRAFANA/address")
}

check() { run scripts/monitoring/dashboard-checker.sh --timeout 1 --url "$url" --password-file "$BATS_TEST_TMPDIR/password" "$@"; }

check_in_cluster() {
  answers 'get pods *component=grafana*' 'printf "%s\n" pod/grafana-1 pod/grafana-2'
  answers 'get secret grafana-admin *' 'case "$*" in *username*) printf admin ;; *password*) printf "%s" "pa\"ss\\w:ord" ;; esac | base64'
  answers 'port-forward *' 'exec python3 "$stand_ins/grafana.py" "$GRAFANA"'
  run scripts/monitoring/dashboard-checker.sh --timeout 1 "$@"
}

says() { [[ $output == *"$1"* ]] || { echo "expected: $1" && echo "$output" && return 1; }; }
ends_with() { [ "$status" -eq "$1" ] || { echo "expected $1, found $status" && echo "$output" && return 1; }; }
fault() { printf '%s\n' "$*" >>"$GRAFANA/faults"; }
state() { jq -e "$@" "$GRAFANA/state.json"; }
edit() { jq "$@" "$GRAFANA/state.json" >"$GRAFANA/new" && mv "$GRAFANA/new" "$GRAFANA/state.json"; }
writes() { grep -E '^(POST|PUT|DELETE|PATCH) ' "$GRAFANA/requests" || true; }
forget_requests() { : >"$GRAFANA/requests"; }
wrote_nothing() { [[ -z $(writes) ]] || { writes && return 1; }; }

all_is_made() {
  check
  ends_with 0
  forget_requests
}

@test "a Grafana with nothing gets the data source, the folder and the four dashboards" {
  check

  ends_with 0
  says "data source prometheus: made"
  says "folder endpoint-stats: made"
  says "dashboard endpoint-stats-fleet: made"
  state '[.dashboards[].uid] == ["endpoint-stats-books", "endpoint-stats-endpoint", "endpoint-stats-fleet", "endpoint-stats-stores"]'
  state 'all(.dashboards[]; .folderUid == "endpoint-stats")'
  state '.datasources[0] | .uid == "prometheus" and .type == "prometheus" and .url == "http://prometheus:9090" and .isDefault == false'
  state --slurpfile file "$dashboards/fleet.json" '.dashboards[] | select(.uid == "endpoint-stats-fleet") | .data == $file[0]'
  nothing_is_left
}

@test "a second run writes nothing" {
  all_is_made

  check

  ends_with 0
  says "data source prometheus: current"
  says "dashboard endpoint-stats-stores: current"
  wrote_nothing
}

@test "one dashboard that lacks is made, and the folder that is there is used" {
  all_is_made
  edit 'del(.dashboards[] | select(.uid == "endpoint-stats-books"))'

  check

  ends_with 0
  [ "$(writes)" = "POST /api/dashboards/db admin" ]
  state '.folders | length == 1'
}

@test "a dashboard that differs is brought up to date, and nothing else is written" {
  all_is_made
  edit '(.dashboards[] | select(.uid == "endpoint-stats-books") | .data) |= (.panels[3].title = "mine" | .extra = 1)'

  check

  ends_with 0
  says "dashboard endpoint-stats-books: updated"
  [ "$(writes)" = "POST /api/dashboards/db admin" ]
  state --slurpfile file "$dashboards/books.json" '.dashboards[] | select(.uid == "endpoint-stats-books") | .data == $file[0] and .version == 2'
}

@test "a later file is a difference too" {
  all_is_made
  jq '.refresh = "1m"' "$dashboards/fleet.json" >new && mv new "$dashboards/fleet.json"

  check --check-only

  ends_with 1
  says "dashboard endpoint-stats-fleet: differs in refresh"
}

@test "a dashboard stays in the folder where somebody moved it" {
  all_is_made
  edit '.folders += [{"id": 90, "uid": "mine", "title": "Mine"}]
    | (.dashboards[] | select(.uid == "endpoint-stats-fleet")) |= (.folderUid = "mine" | .data.title = "changed")
    | (.dashboards[] | select(.uid == "endpoint-stats-books")) |= (.folderUid = "" | .data.title = "changed")'

  check

  ends_with 0
  state '[.dashboards[] | select(.version == 2) | .folderUid] == ["", "mine"]'
}

@test "what others made is left alone" {
  printf '{"datasources": [{"id": 70, "uid": "other", "name": "Prometheus", "type": "prometheus", "url": "http://elsewhere:9090", "isDefault": true}],
    "folders": [{"id": 71, "uid": "other", "title": "Theirs"}],
    "dashboards": [{"id": 72, "uid": "theirs", "folderUid": "other", "provisioned": false, "version": 7, "data": {"title": "endpoint-stats: fleet"}}]}' >"$GRAFANA/state.json"
  cp "$GRAFANA/state.json" "$GRAFANA/before"

  check
  ends_with 0

  state --slurpfile before "$GRAFANA/before" '$before[0] as $before | [.datasources[0], .folders[0], .dashboards[0]] == [$before.datasources[0], $before.folders[0], $before.dashboards[0]]'
}

@test "--check-only writes nothing, and ends with 1 where something lacks" {
  check --check-only

  ends_with 1
  says "data source prometheus: lacks"
  says "dashboard endpoint-stats-stores: lacks"
  says "5 of it"
  wrote_nothing
}

@test "--check-only ends with 1 where something differs, and with 0 where all is current" {
  all_is_made
  check --check-only
  ends_with 0

  edit '(.dashboards[] | select(.uid == "endpoint-stats-fleet") | .data) |= (.tags = [] | del(.links))'
  check --check-only
  ends_with 1
  says "dashboard endpoint-stats-fleet: differs in links, tags"
  wrote_nothing
}

@test "--dry-run writes nothing, and says what would be done" {
  all_is_made
  edit 'del(.datasources[0]) | .dashboards[0].data.title = "changed"'

  check --dry-run

  ends_with 0
  says "data source prometheus: lacks, would be made"
  says "dashboard endpoint-stats-books: differs in title, would be updated"
  wrote_nothing
}

@test "what was provisioned is recognised" {
  all_is_made
  edit '.datasources[0] |= (.readOnly = true | .url = "http://elsewhere:9090") | .dashboards[].provisioned = true'

  check

  ends_with 0
  says "data source prometheus: current, provisioned (http://elsewhere:9090)"
  says "dashboard endpoint-stats-books: current, provisioned"
  wrote_nothing
}

@test "what was provisioned and differs is named, not fought with" {
  all_is_made
  edit '.datasources[0].readOnly = true | .dashboards[].provisioned = true | .dashboards[0].data.refresh = "1m"'

  check --prometheus-url http://elsewhere:9090

  ends_with 1
  says "data source prometheus: asks http://prometheus:9090 and not http://elsewhere:9090; it was provisioned"
  says "dashboard endpoint-stats-books: differs in refresh; it was provisioned"
  wrote_nothing
}

@test "a data source keeps its address, unless another one is asked for, and what else was set" {
  all_is_made
  edit '.datasources[0] |= (.url = "http://elsewhere:9090" | .name = "Mine" | .jsonData = {"timeInterval": "30s"})'
  check
  ends_with 0
  wrote_nothing

  check --prometheus-url http://there:9090
  ends_with 0
  says "data source prometheus: updated"
  state '.datasources[0] | .url == "http://there:9090" and .name == "Mine" and .jsonData == {"timeInterval": "30s"}'
}

@test "a data source of another type that has the uid is not touched" {
  all_is_made
  edit '.datasources[0].type = "loki"'

  check --prometheus-url http://there:9090

  ends_with 1
  says "somebody's data source of type loki has this uid"
  wrote_nothing
}

@test "a name that is taken is told, and the rest is made" {
  printf '{"datasources": [{"id": 1, "uid": "other", "name": "Prometheus of endpoint-stats"}], "folders": [], "dashboards": []}' >"$GRAFANA/state.json"

  check

  ends_with 1
  says "data source prometheus: Grafana refuses it with 409: data source with the same name already exists"
  state '.dashboards | length == 4'
}

@test "a folder that cannot be made is told, and no dashboard lands elsewhere" {
  printf '{"datasources": [], "folders": [{"id": 1, "uid": "other", "title": "endpoint-stats"}], "dashboards": []}' >"$GRAFANA/state.json"

  check

  ends_with 1
  says "folder endpoint-stats: Grafana refuses it with 409: a folder with the same name already exists"
  says "dashboard endpoint-stats-stores: lacks, and so does its folder"
  [ "$(writes | cut -d ' ' -f 2 | tr '\n' ' ')" = "/api/datasources /api/folders " ]
  state '.dashboards == []'
}

@test "somebody who saves in between is not overwritten" {
  all_is_made
  edit '.dashboards[0].data.title = "changed"'
  fault GET /api/dashboards/uid/endpoint-stats-books 200 "$(jq -c '{dashboard: (.dashboards[0] | .data + {id, version: 0}), meta: {folderUid: "endpoint-stats"}}' "$GRAFANA/state.json")"

  check

  ends_with 1
  says "dashboard endpoint-stats-books: Grafana refuses it with 412: The dashboard has been changed by someone else (run this again)"
  state '.dashboards[0].data.title == "changed"'
}

@test "a Grafana that does not answer is told after the time" {
  kill "$grafana" && wait "$grafana" || true

  check

  ends_with 3
  says "no answer within 1 s: curl: (7)"
}

@test "a Grafana that starts is waited for" {
  fault GET /api/health 503 '{"database": "failing"}'
  (until grep -q health "$GRAFANA/requests"; do sleep 0.05; done && rm "$GRAFANA/faults") 3>&- &

  check --timeout 30

  ends_with 0
}

@test "a Grafana without its database is told after the time" {
  fault GET /api/health 503 '{"database": "failing"}'

  check

  ends_with 3
  says "Grafana failed with 503"
}

@test "a refused login is told, whose it was, and nothing is written" {
  printf 'wrong' >"$BATS_TEST_TMPDIR/password"
  check
  ends_with 3
  says "Grafana refuses the login of admin: Invalid username or password"

  run scripts/monitoring/dashboard-checker.sh --url "$url" --token-file "$BATS_TEST_TMPDIR/password"
  ends_with 3
  says "Grafana refuses the token: Invalid API key"
  wrote_nothing
}

@test "a token logs in" {
  run scripts/monitoring/dashboard-checker.sh --url "$url" --token-file "$BATS_TEST_TMPDIR/token"

  ends_with 0
  state '.dashboards | length == 4'
}

@test "an account without the right to write is told which right lacks" {
  printf 'viewer' >"$BATS_TEST_TMPDIR/password"

  check --user viewer

  ends_with 3
  says "data source prometheus: no right to it: You'll need additional permissions"
  says "datasources:create"
}

@test "what is no Grafana gets no password" {
  for answer in '404 {"error": "not found"}' '404 <html>' '302' '200 <html>Log in</html>' '200 {"status": "ok"}' '200 {"database"' '500 oops'; do
    echo "fault: $answer"
    forget_requests
    printf 'GET /api/health %s\n' "$answer" >"$GRAFANA/faults"
    check
    ends_with 3
    [ -z "$(grep -v nobody "$GRAFANA/requests")" ]
  done
}

@test "a redirect to a login page is told" {
  fault GET /api/org 302

  check

  ends_with 3
  says "answers 302, a redirect, as a login page"
}

@test "an answer that is no JSON, a failure and a cut connection end the script, whichever call meets them" {
  all_is_made
  for call in 'GET /api/org' 'GET /api/datasources/*' 'GET /api/dashboards/*'; do
    for answer in '200 <html>' '200 {"dash' '500 {"message": "broken"}' '0'; do
      echo "fault: $call $answer"
      printf '%s %s\n' "$call" "$answer" >"$GRAFANA/faults"
      check
      ends_with 3
    done
  done
  wrote_nothing
}

@test "a failure while writing is told with Grafana's words" {
  fault POST /api/dashboards/db 500 '{"message": "Failed to save dashboard"}'

  check

  ends_with 3
  says "dashboard endpoint-stats-books: Grafana failed with 500: Failed to save dashboard"
}

@test "an answer of 200 without a dashboard is no dashboard" {
  fault GET '/api/dashboards/*' 200 '{}'

  check

  ends_with 3
  says "Grafana's answer has no dashboard"
}

@test "a path before Grafana's own is kept" {
  url=$url/grafana/ check
  ends_with 3

  grep '^GET /grafana/api/health ' "$GRAFANA/requests"
}

@test "a password or token is no argument of any process" {
  real_curl=$(command -v curl)
  printf '#!/usr/bin/env bash\nprintf "%%s\\n" "$*" >>"%s"\nexec "%s" "$@"\n' "$BATS_TEST_TMPDIR/arguments" "$real_curl" >"$BATS_TEST_TMPDIR/bin/curl"
  chmod +x "$BATS_TEST_TMPDIR/bin/curl"

  check
  ends_with 0
  run scripts/monitoring/dashboard-checker.sh --url "$url" --token-file "$BATS_TEST_TMPDIR/token"
  ends_with 0

  [ "$(wc -l <"$BATS_TEST_TMPDIR/arguments")" -gt 10 ]
  [ -z "$(grep -E 'ss.w:ord|glsa|Basic' "$BATS_TEST_TMPDIR/arguments")" ]
}

@test "with --url no kubectl is needed" {
  rm "$BATS_TEST_TMPDIR/bin/kubectl"
  printf '#!/usr/bin/env bash\nexit 1\n' >"$BATS_TEST_TMPDIR/bin/kubectl"

  check

  ends_with 0
  [ ! -s "$KUBECTL_STAND_IN/calls" ]
}

@test "the cluster's Grafana is reached by a port-forward, with the Secret grafana-admin" {
  check_in_cluster --namespace elsewhere --context there

  ends_with 0
  state '.dashboards | length == 4'
  called 'namespace elsewhere port-forward --address=127.0.0.1 pod/grafana-1 :3000'
  nothing_is_left
  [ "$(pgrep -f "grafana.py $GRAFANA\$")" = "$grafana" ]
}

@test "the cluster's Grafana takes another account's token" {
  check_in_cluster --token-file "$BATS_TEST_TMPDIR/token"

  ends_with 0
  never_called 'get secret'
}

@test "a cluster without a pod of Grafana, or without its Secret, is told" {
  check_in_cluster --namespace elsewhere
  ends_with 0

  answers 'get pods *component=grafana*' ''
  run scripts/monitoring/dashboard-checker.sh
  ends_with 3
  says "no pod of Grafana runs in namespace endpoint-stats"

  answers 'get pods *component=grafana*' 'echo pod/grafana-1'
  answers 'get secret grafana-admin *' 'echo "Error from server (NotFound)" >&2; exit 1'
  run scripts/monitoring/dashboard-checker.sh
  ends_with 3
  says "the Secret grafana-admin of namespace endpoint-stats cannot be read"
  nothing_is_left
}

@test "wrong usage ends with 2, before anybody is asked" {
  cd "$BATS_TEST_TMPDIR/repo"
  printf 'two\nlines\n' >lines
  : >empty
  local wrong=("--url $url" "--url grafana:3000 --password-file lines" "--url http://a:b@c --token-file empty" "--url $url --password-file nowhere"
    "--url $url --password-file lines" "--url $url --password-file empty" "--url $url --token-file lines --password-file lines"
    "--url $url --user a:b --password-file lines" "--url $url --token-file empty --user admin" "--url $url --namespace a --token-file empty" "--prometheus-url prometheus:9090" "--bogus" "--timeout 0")
  for arguments in "${wrong[@]}"; do
    echo "arguments: $arguments"
    # shellcheck disable=SC2086
    run scripts/monitoring/dashboard-checker.sh $arguments
    ends_with 2
  done
  [ ! -s "$GRAFANA/requests" ]
}
