#!/usr/bin/env bash
# check-api.sh - ask and send what nobody would, and hold the answers against the OpenAPI document.
#
# Usage: scripts/check-api.sh
#
# Imports a made-up access log of the last three days into a new SQLite file, serves it on a free port of the loopback to
# anybody, and runs schemathesis (from PyPI, in a virtual environment below the target directory) against /openapi.json:
# nothing may be answered with a 5xx, with a status, type or shape that the document does not name, or be taken although
# the document forbids it. What is valid may be refused: that `from` comes before `to` cannot be said in the document.
# Bodies other than JSON are any bytes to schemathesis; its hooks below send them as they are.
#
# ENDPOINT_STATS_BIN  the program to check; by default it is built from this repository
# EXAMPLES            requests to each route at most in a phase; 200 by default
# SECONDS_AT_MOST     how long it may take; 600 by default
# SEED                makes schemathesis ask the same again; 1 by default
#
# Exit codes: 0 every answer is as described; 1 some are not, and they are printed; 2 wrong usage.
set -euo pipefail

readonly VERSION=4.32.5
readonly CHECKS=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }

fail() {
  printf 'check-api: %s\n' "$*" >&2
  exit 1
}

program() {
  if [[ -z ${ENDPOINT_STATS_BIN:-} ]]; then
    cargo build --quiet --locked --package endpoint-stats-server
    ENDPOINT_STATS_BIN=${CARGO_TARGET_DIR:-target}/debug/endpoint-stats-server
  fi
  ENDPOINT_STATS_BIN=$(realpath "$ENDPOINT_STATS_BIN")
  export -n ENDPOINT_STATS_BIN # the program takes no variable of this name
}

install_schemathesis() { # folder
  [[ -x $1/bin/schemathesis ]] && return
  python3 -m venv "$1" || fail "python3 cannot make virtual environments; Debian has them in python3-venv"
  "$1/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$VERSION" ||
    fail "schemathesis $VERSION could not be installed"
}

access_log() { # one line a second of every 97th second, with some routes that are formulas to a spreadsheet
  awk -v now="$(date +%s)" 'BEGIN {
    split("/ /users/7 /carts/9 /=1+1 /@SUM(A1) /search?q=x", path, " ")
    for (at = now - 3 * 86400; at < now; at += 97)
      printf "10.0.0.%d - - [%s] \"GET %s HTTP/1.1\" %d %d \"-\" \"-\"\n", at % 250,
        strftime("%d/%b/%Y:%H:%M:%S +0000", at, 1), path[1 + at % 6], at % 11 ? 200 : 500, at % 9000
  }'
}

serve() { # folder
  "$ENDPOINT_STATS_BIN" serve --without-token everything --listen 127.0.0.1:0 --database-url "sqlite://$1/stats.db" 2>"$1/log" &
  server=$!
  local tries=0
  until base=$(sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' "$1/log") && [[ -n $base ]]; do
    if ((++tries > 300)) || ! kill -0 "$server"; then
      fail "the server did not start: $(cat "$1/log")"
    fi
    sleep 0.1
  done
}

hooks() { # how schemathesis writes bodies that are not JSON
  cat <<'PYTHON'
import json
import schemathesis

@schemathesis.serializer("application/x-ndjson", "application/x-protobuf", "application/vnd.endpoint-stats.batch")
def raw(ctx, value):
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="surrogatepass")
PYTHON
}

clean_up() {
  [[ -z ${server:-} ]] || kill "$server" 2>/dev/null || true
  [[ -z ${work:-} ]] || rm -rf "$work"
}

main() {
  case "${1:-}" in
    --help | -h) usage && exit ;;
    "") ;;
    *) usage >&2 && exit 2 ;;
  esac
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  trap clean_up EXIT
  work=$(mktemp -d)
  local tools
  tools=$(realpath -m "${CARGO_TARGET_DIR:-target}/tools/schemathesis-$VERSION")
  program
  install_schemathesis "$tools"
  access_log >"$work/access.log"
  "$ENDPOINT_STATS_BIN" import --database-url "sqlite://$work/stats.db" "$work/access.log"
  serve "$work"
  hooks >"$work/hooks.py"
  cd "$work" # where schemathesis keeps what it found
  SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$work timeout "${SECONDS_AT_MOST:-600}" "$tools/bin/schemathesis" run "$base/openapi.json" --url "$base" \
    --checks "$CHECKS" --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-200}" --seed "${SEED:-1}" \
    --request-timeout 10 --generation-database none --continue-on-failure --no-color ||
    fail "an answer is not as described, or there was no time to ask everything"
  [[ $(curl -fsS "$base/health") == '{"status":"ok"}' ]] || fail "the server is not well any more"
}

main "$@"
