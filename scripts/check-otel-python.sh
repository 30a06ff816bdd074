#!/usr/bin/env bash
# check-otel-python.sh - export metrics with OpenTelemetry's Python SDK and hold the report against what was recorded.
#
# Usage: scripts/check-otel-python.sh
#
# Starts the program on a free port with a new SQLite database, and exports a histogram of http.server.request.duration
# four times: cumulative and delta, with explicit and with exponential buckets, each in two exports with gzip. The report
# has to say as many hits, and as many of each status, as were recorded. Packages go into a virtual environment in the
# folder that is removed at the end.
#
# ENDPOINT_STATS_BIN  the program to check; by default it is built from this repository
#
# Exit codes: 0 the report is right; 1 it is not, or something is missing; 2 wrong usage.
set -euo pipefail

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }

fail() {
  printf 'check-otel-python: %s\n' "$*" >&2
  exit 1
}

build() {
  if [[ -n ${ENDPOINT_STATS_BIN:-} ]]; then
    printf '%s\n' "$ENDPOINT_STATS_BIN"
  else
    (cd "$(dirname "${BASH_SOURCE[0]}")/.." && cargo build --quiet --locked --package endpoint-stats-server \
      --message-format json | sed -n 's/.*"executable":"\([^"]*endpoint-stats-server\)".*/\1/p' | tail -n 1)
  fi
}

# Prints the address that the server says it listens on.
wait_for_address() { # log
  for _ in $(seq 100); do
    sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' "$1" | head -n 1 | grep . && return
    sleep 0.1
  done
  fail "the server does not start: $(cat "$1")"
}

export_metrics() { # address
  "$work/venv/bin/python" - "$1/v1/metrics" <<'PYTHON'
import sys
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

for temporality in (AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA):
    for views in ([], [View(instrument_name="*", aggregation=ExponentialBucketHistogramAggregation())]):
        exporter = OTLPMetricExporter(
            endpoint=sys.argv[1], compression=Compression.Gzip, preferred_temporality={Histogram: temporality})
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        resource = Resource.create({"service.name": "Python Shop"})
        provider = MeterProvider(metric_readers=[reader], resource=resource, views=views)
        histogram = provider.get_meter("check").create_histogram("http.server.request.duration", unit="s")
        for _ in range(2):
            for n in range(1000):
                status = 500 if n % 10 == 0 else 200
                histogram.record(n / 1000, {"http.request.method": "GET", "http.route": "/users/{id}",
                                            "http.response.status_code": status})
            assert provider.force_flush()
        provider.shutdown()
PYTHON
}

main() {
  case "${1:-}" in
    --help | -h) usage && exit ;;
    ?*) usage >&2 && exit 2 ;;
  esac
  local program address outcomes
  program=$(build)
  export -n ENDPOINT_STATS_BIN # the program takes no variable of this name
  work=$(mktemp -d)
  trap '[[ -z ${server:-} ]] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
  "$program" serve --without-token everything --listen 127.0.0.1:0 --database-url "sqlite://$work/stats.db" 2>"$work/log" &
  server=$!
  address=$(wait_for_address "$work/log")
  export_metrics "$address" || fail "the export failed: $(cat "$work/log")"
  outcomes=$("$program" report --database-url "sqlite://$work/stats.db" --service python-shop --json |
    python3 -c 'import json, sys; t = json.load(sys.stdin)["totals"]; print(t["hits"], t["outcomes"]["200"], t["outcomes"]["500"])')
  [[ $outcomes == "8000 7200 800" ]] || fail "recorded 8000 7200 800, reported $outcomes"
  printf 'check-otel-python: hits, and those with 200 and 500: %s, as recorded\n' "$outcomes"
}

main "$@"
