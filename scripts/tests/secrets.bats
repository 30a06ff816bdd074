#!/usr/bin/env bats
# secrets.sh and first-token.sh, against the stand-in for kubectl.

load secrets.bash

setup_file() {
  cluster_of_secrets "$BATS_FILE_TMPDIR/created"
  "$SECRETS" create
}

setup() { cluster_of_secrets "$BATS_TEST_TMPDIR"; }

# As if `secrets.sh create` had run.
created() { cp "$BATS_FILE_TMPDIR/created/secrets/"* "$KUBECTL_STAND_IN/secrets/"; }

calls() { cat "$KUBECTL_STAND_IN/calls"; }
forget_calls() { rm -f "$KUBECTL_STAND_IN/calls" "$KUBECTL_STAND_IN"/stdin-*; }
sums() { (cd "$KUBECTL_STAND_IN/secrets" && sha256sum ./*); }
# `!` alone does not end a test.
fails() { ! "$@"; }
refuse() { printf '%s\n' "$1" >"$KUBECTL_STAND_IN/refuse"; }

@test "create makes every Secret of the manifests" {
  run "$SECRETS" create
  [ "$status" -eq 0 ]

  diff - <(ls "$KUBECTL_STAND_IN/secrets") <<'END'
alertmanager
api-tls
api-tokens
cache
caller-secret
database-api
database-backup
database-ca
database-monitor
database-owner
database-report
database-superuser
database-tls
first-token
grafana-admin
private-ca
END
  run "$SECRETS" check
  [ "$status" -eq 0 ]
}

@test "create is run twice and keeps what is there" {
  created
  before=$(sums)

  "$SECRETS" create

  [ "$(sums)" = "$before" ]
}

@test "create that was cut off is finished by the next" {
  created
  rm "$KUBECTL_STAND_IN"/secrets/{database-tls,api-tokens,cache}
  before=$(sums | grep -v first-token)

  "$SECRETS" create

  diff <(sums | grep -vE 'first-token|database-tls|api-tokens|cache') <(printf '%s\n' "$before")
  "$SECRETS" check
}

@test "create says which Secret could not be made" {
  refuse 'create -f -'
  run "$SECRETS" create
  [ "$status" -eq 1 ]
  [[ $output == *"could not make the Secret database-superuser"* ]]
}

@test "a cluster that does not answer is no reason to make anything" {
  refuse 'get secret'
  run "$SECRETS" create
  [ "$status" -eq 1 ]
  calls | fails grep -E 'create -f|replace'
}

@test "no value is an argument, a message, or left in a file" {
  export TMPDIR="$BATS_TEST_TMPDIR/tmp"
  mkdir "$TMPDIR"
  "$SECRETS" create >"$BATS_TEST_TMPDIR/said" 2>&1
  for name in database-api database-tls cache caller-secret grafana-admin; do
    "$SECRETS" rotate "$name" >>"$BATS_TEST_TMPDIR/said" 2>&1
  done

  for key in "database-api password" "database-owner password" "cache password" "cache monitor-password" \
    "caller-secret secret" "first-token token" "grafana-admin password"; do
    # shellcheck disable=SC2086 # two words
    secret=$(value $key)
    [ "${#secret}" -ge 64 ]
    fails grep -F "$secret" "$BATS_TEST_TMPDIR/said" "$KUBECTL_STAND_IN/calls"
  done
  while read -r encoded; do
    fails grep -F "$encoded" "$BATS_TEST_TMPDIR/said" "$KUBECTL_STAND_IN/calls"
  done < <(values)
  fails grep "PRIVATE KEY" "$BATS_TEST_TMPDIR/said" "$KUBECTL_STAND_IN/calls"
  [ -z "$(ls "$TMPDIR")" ]
}

@test "no process sees a value among its arguments" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\nprintf "%%s\\n" "$*" >>"%s/arguments"\nexec %s "$@"\n' "$BATS_TEST_TMPDIR" "$(command -v openssl)" \
    >"$BATS_TEST_TMPDIR/bin/openssl"
  chmod +x "$BATS_TEST_TMPDIR/bin/openssl"

  PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$SECRETS" create

  [ -s "$BATS_TEST_TMPDIR/arguments" ]
  fails grep -F -e "$(value cache password)" -e "$(value first-token token | cut -d _ -f 3)" "$BATS_TEST_TMPDIR/arguments"
}

@test "two runs share no secret" {
  "$SECRETS" create
  first=$(values | sort)
  rm "$KUBECTL_STAND_IN"/secrets/*
  "$SECRETS" create

  run comm -12 <(printf '%s\n' "$first" | awk 'length > 40') <(values | awk 'length > 40' | sort)
  [ -z "$output" ]
}

@test "a dry run writes nothing and shows no value" {
  run "$SECRETS" create --dry-run
  [ "$status" -eq 0 ]
  [[ $output == *'name: database-api'*'password: "***"'* ]]
  [ -z "$(ls "$KUBECTL_STAND_IN/secrets")" ]
  calls | fails grep -E ' (create|replace|apply|delete|exec|rollout)'

  created
  before=$(sums)
  for name in database-api database-monitor database-tls api-tls private-ca cache caller-secret grafana-admin; do
    "$SECRETS" rotate "$name" --dry-run
  done
  "$SECRETS" show-token --dry-run
  [ "$(sums)" = "$before" ]
  calls | fails grep -E ' (exec|rollout|delete)'
}

@test "the namespace is made from the manifest, with the name that was asked for" {
  rm "$KUBECTL_STAND_IN/namespace"

  "$SECRETS" create --namespace stats-of-shop

  grep -x '  name: stats-of-shop' "$KUBECTL_STAND_IN/namespace"
  grep 'pod-security.kubernetes.io/enforce: restricted' "$KUBECTL_STAND_IN/namespace"
  calls | fails grep -v -- '--namespace stats-of-shop'
}

@test "the certificate of the database names every name it is reached by, and the CA signed it" {
  "$SECRETS" create --namespace shop
  value database-ca ca.crt >"$BATS_TEST_TMPDIR/ca.crt"
  value database-tls tls.crt >"$BATS_TEST_TMPDIR/tls.crt"

  openssl verify -x509_strict -purpose sslserver -CAfile "$BATS_TEST_TMPDIR/ca.crt" "$BATS_TEST_TMPDIR/tls.crt"
  for name in db db.shop.svc db.shop.svc.cluster.local database database.shop.svc.cluster.local \
    database-0.database-headless.shop.svc.cluster.local; do
    openssl x509 -in "$BATS_TEST_TMPDIR/tls.crt" -noout -checkhost "$name" | grep 'does match'
  done
  cmp "$BATS_TEST_TMPDIR/ca.crt" <(value database-tls ca.crt)
  openssl x509 -in "$BATS_TEST_TMPDIR/tls.crt" -noout -text | grep -A1 'Public Key Algorithm: id-ecPublicKey'
}

@test "the certificate of the Ingress names the host" {
  "$SECRETS" create --host numbers.example.org
  value api-tls tls.crt | openssl x509 -noout -checkhost numbers.example.org | grep 'does match'

  "$SECRETS" rotate api-tls
  value api-tls tls.crt | openssl x509 -noout -checkhost numbers.example.org | grep 'does match'
}

@test "no new CA is made beside certificates of another" {
  created
  rm "$KUBECTL_STAND_IN/secrets/private-ca"
  run "$SECRETS" create
  [ "$status" -eq 0 ]
  [ ! -e "$KUBECTL_STAND_IN/secrets/private-ca" ]
  "$SECRETS" check

  rm "$KUBECTL_STAND_IN/secrets/api-tls"
  run "$SECRETS" create
  [ "$status" -eq 1 ]
  [[ $output == *"the Secret private-ca is missing: put it back"* ]]
}

@test "a password is rotated in the database and in the Secret" {
  created
  old=$(value database-api password)
  forget_calls

  "$SECRETS" rotate database-api

  new=$(value database-api password)
  [ "$new" != "$old" ]
  [ "$(value database-api username)" = endpoint_stats_api ]
  call=$(grep -n 'exec -i database-0' "$KUBECTL_STAND_IN/calls" | cut -d : -f 1)
  grep -x "ALTER ROLE \"endpoint_stats_api\" PASSWORD '$new';" "$KUBECTL_STAND_IN/stdin-$call"
}

@test "a database that takes no password leaves the Secret as it was" {
  created
  before=$(sums)
  refuse ' exec '

  run "$SECRETS" rotate database-api

  [ "$status" -eq 1 ]
  [[ $output == *"nothing was changed"* ]]
  [ "$(sums)" = "$before" ]
}

@test "a Secret that cannot be replaced gives the role its old password back" {
  created
  old=$(value database-api password)
  refuse ' replace '
  forget_calls

  run "$SECRETS" rotate database-api

  [ "$status" -eq 1 ]
  [[ $output == *"the old password is in force"* ]]
  last=$(grep -n 'exec -i database-0' "$KUBECTL_STAND_IN/calls" | tail -n 1 | cut -d : -f 1)
  grep "PASSWORD '$old'" "$KUBECTL_STAND_IN/stdin-$last"
}

@test "a certificate is rotated, waited for, and read by the database" {
  created
  old=$(value database-tls tls.crt)

  "$SECRETS" rotate database-tls

  [ "$(value database-tls tls.crt)" != "$old" ]
  "$SECRETS" check
  grep -l 'pg_reload_conf' "$KUBECTL_STAND_IN"/stdin-*
}

@test "a new CA is trusted beside the old one, and signs from then on" {
  created
  old=$(value private-ca tls.crt)

  "$SECRETS" rotate private-ca

  [ "$(value private-ca tls.crt)" != "$old" ]
  [ "$(value database-ca ca.crt | grep -c BEGIN)" -eq 2 ]
  [[ $(value database-ca ca.crt) == *"$old"* ]]
  openssl verify -CAfile <(value private-ca tls.crt) <(value database-tls tls.crt)
  "$SECRETS" check
}

@test "cache and caller-secret restart what reads them" {
  created
  "$SECRETS" rotate cache
  calls | grep 'rollout restart statefulset/cache'
  calls | grep 'rollout restart deployment --selector=.*component=redis-exporter'
  "$SECRETS" rotate caller-secret
  calls | grep 'rollout restart deployment --selector='
}

@test "an exporter that reads its password once is started anew" {
  created
  "$SECRETS" rotate database-monitor
  calls | grep 'rollout restart deployment --selector=.*component=postgres-exporter'
}

@test "the password of Grafana's administrator is rotated in Grafana and in the Secret" {
  created
  old=$(value grafana-admin password)
  forget_calls

  "$SECRETS" rotate grafana-admin

  new=$(value grafana-admin password)
  [ "$new" != "$old" ]
  [ "$(value grafana-admin username)" = admin ]
  call=$(grep -n 'exec -i grafana-0 .* reset-admin-password --password-from-stdin' "$KUBECTL_STAND_IN/calls" | cut -d : -f 1)
  [ "$(cat "$KUBECTL_STAND_IN/stdin-$call")" = "$new" ]
}

@test "a Grafana that takes no password leaves the Secret as it was" {
  created
  before=$(sums)
  refuse ' exec '
  run "$SECRETS" rotate grafana-admin
  [ "$status" -eq 1 ]
  [[ $output == *"nothing was changed"* ]]
  [ "$(sums)" = "$before" ]
}

@test "a Secret of Grafana's that cannot be replaced gives it its old password back" {
  created
  old=$(value grafana-admin password)
  refuse ' replace '
  forget_calls
  run "$SECRETS" rotate grafana-admin
  [ "$status" -eq 1 ]
  [[ $output == *"the old password is in force"* ]]
  last=$(grep -n 'exec -i grafana-0' "$KUBECTL_STAND_IN/calls" | tail -n 1 | cut -d : -f 1)
  [ "$(cat "$KUBECTL_STAND_IN/stdin-$last")" = "$old" ]
}

@test "where alerts go is set from the standard input, and the other address stays" {
  created
  run "$SECRETS" check
  [ "$status" -eq 0 ]
  [[ $output == *"nobody is told of alerts"*critical-url* ]]

  "$SECRETS" set alertmanager critical-url <<<'https://hooks.example.com/T0/secret-of-the-hook' >"$BATS_TEST_TMPDIR/said" 2>&1

  [ "$(value alertmanager critical-url)" = https://hooks.example.com/T0/secret-of-the-hook ]
  [ "$(value alertmanager warning-url)" = http://127.0.0.1:9/ ]
  fails grep secret-of-the-hook "$BATS_TEST_TMPDIR/said" "$KUBECTL_STAND_IN/calls"
  run "$SECRETS" check
  [[ $output != *critical-url* && $output == *warning-url* ]]
}

@test "an address of alerts that is none is refused" {
  created
  before=$(sums)
  for address in "" "hooks.example.com" "ftp://hooks.example.com/" "https://hooks example.com/"; do
    run "$SECRETS" set alertmanager warning-url <<<"$address"
    [ "$status" -eq 2 ]
  done
  [ "$(sums)" = "$before" ]
}

@test "what cannot be rotated is refused" {
  run "$SECRETS" rotate alertmanager
  [ "$status" -eq 2 ]
  run "$SECRETS" rotate api-tokens
  [ "$status" -eq 2 ]
  run "$SECRETS" rotate something
  [ "$status" -eq 2 ]
  run "$SECRETS" rotate
  [ "$status" -eq 2 ]
  run "$SECRETS" rotate cache
  [ "$status" -eq 1 ]
}

@test "the first token is shown once, alone on the standard output" {
  created
  token=$(value first-token token)

  [ "$("$SECRETS" show-token 2>/dev/null)" = "$token" ]

  run "$SECRETS" show-token
  [ "$status" -eq 1 ]
  [[ $output == *"was shown already"* ]]
  "$SECRETS" check
}

@test "check names what is missing, empty, damaged, foreign or ends soon" {
  created
  rm "$KUBECTL_STAND_IN/secrets/caller-secret"
  sed -i 's/^  password: .*/  password: /' "$KUBECTL_STAND_IN/secrets/database-owner"
  sed -i "s/^  tls.key: .*/  tls.key: $(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null | base64 -w0)/" \
    "$KUBECTL_STAND_IN/secrets/api-tls"
  soon=$(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 29 -subj /CN=x -keyout /dev/null 2>/dev/null)
  sed -i "s/^  ca.crt: .*/  ca.crt: $(base64 -w0 <<<"$soon")/" "$KUBECTL_STAND_IN/secrets/database-ca"

  run "$SECRETS" check

  [ "$status" -eq 1 ]
  [[ $output == *"caller-secret: missing"* ]]
  [[ $output == *"database-owner: password is missing or empty"* ]]
  [[ $output == *"api-tls: the key is not that of the certificate"* ]]
  [[ $output == *"database-ca: the certificate ends "* ]]
  [[ $output == *"database-tls: the certificate is not signed by database-ca"* ]]
  [[ $output == *"5 found"* ]]
}

@test "check of another namespace sees that the certificate is not for it" {
  "$SECRETS" create --namespace shop
  run "$SECRETS" check --namespace other
  [ "$status" -eq 1 ]
  [[ $output == *"database-tls: the certificate does not name db.other.svc"* ]]
}

@test "wrong usage ends with 2 and asks the cluster nothing" {
  for arguments in "" "make" "create --host" "create --host -x" "create --namespace A_B" "check --what" "set" "set cache password" "set alertmanager smtp-password"; do
    # shellcheck disable=SC2086 # words
    run "$SECRETS" $arguments
    [ "$status" -eq 2 ]
  done
  [ ! -e "$KUBECTL_STAND_IN/calls" ]
}

# The server's program, where it was built: what it says is the truth about the file.
server() {
  local program="${ENDPOINT_STATS_BIN:-$REPOSITORY/target/debug/endpoint-stats-server}"
  if [[ ! -x $program ]]; then
    printf 'no program at %s; cargo build, or say where it is in ENDPOINT_STATS_BIN\n' "$program" >&2
    return 1
  fi
  printf '%s\n' "$program"
}

status_with() { # token
  curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' --header "Authorization: Bearer $1" "$url/stats"
}

@test "the server lets in the first token" {
  program=$(server)
  created
  value api-tokens tokens.json >"$BATS_TEST_TMPDIR/tokens.json"
  token=$(value first-token token)
  url="http://127.0.0.1:$(shuf -i 20000-32000 -n 1)"

  # Without the variables of whoever runs the tests: the server refuses those it does not know.
  env -i timeout 60 "$program" serve --listen "${url#http://}" --database-url memory: --without-token nothing \
    --tokens-file "$BATS_TEST_TMPDIR/tokens.json" >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
  pid=$!
  curl --silent --retry 50 --retry-delay 1 --retry-max-time 30 --retry-connrefused --output /dev/null "$url/health"
  right=$(status_with "$token")
  wrong=$(status_with "${token%?}x")
  kill "$pid"

  [ "$right" = 200 ]
  [ "$wrong" = 401 ]
}
