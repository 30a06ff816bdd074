#!/usr/bin/env bats
# A drill that succeeds has proved that there is a backup to go back to; in every other case it fails.

load support/database

setup_file() { start_database; }
teardown_file() { stop_database; }
setup() { reset; }

fails() { # what it says
  run drill
  echo "$output"
  [ "$status" -eq 1 ]
  [[ "$output" == *"$1"* ]]
}

age() { # hours
  local old new
  old=$(newest)
  new=endpoint-stats-$(date -u -d "$1 hours ago" +%Y%m%dT%H%M%SZ)
  as_user mv "$BACKUPS/$old" "$BACKUPS/$new"
  as_user sed -i "s/$old/$new/" "$BACKUPS/$new/manifest.json"
  (cd "$BACKUPS/$new" && sha256sum dump manifest.json >SHA256SUMS)
}

@test "a drill writes down what it proved" {
  backup

  drill

  proof=$BACKUPS/$(newest)/verified.json
  [ "$(jq -r .backup "$proof")" = "$(newest)" ]
  [ "$(jq -r .sha256sums "$proof")" = "$(sha256sum <"$BACKUPS/$(newest)/SHA256SUMS" | cut -d ' ' -f 1)" ]
  [ "$(jq -r .amcheck "$proof")" = passed ]
  [ -z "$(ls -A "$ROOT/scratch")" ]
}

@test "a drill may be run again" {
  backup
  drill

  drill
}

@test "a drill without the extension amcheck says so in its proof" {
  backup
  sed -i "s/name = 'amcheck'/name = 'nowhere'/" "$ROOT/engine/drill.sh"

  run drill
  sed -i "s/name = 'nowhere'/name = 'amcheck'/" "$ROOT/engine/drill.sh"

  [ "$status" -eq 0 ]
  [[ "$(jq -r .amcheck "$BACKUPS/$(newest)/verified.json")" == missing* ]]
}

@test "no backup at all" { fails "no backup in $BACKUPS"; }

@test "only an unfinished backup" {
  as_user mkdir "$BACKUPS/.partial-endpoint-stats-20261123T000000Z"

  fails "unfinished: $BACKUPS/.partial-endpoint-stats-20261123T000000Z"
}

@test "a backup of yesterday is young enough, one of 27 hours is not" {
  backup
  age 25
  drill
  age 27

  fails "27 h old, expected 26 h at most"
}

@test "a backup of the future" {
  backup
  age -3

  fails "is of the future"
}

@test "the newest backup counts, not an older one that holds" {
  backup
  age 5
  backup
  truncate -s 10 "$BACKUPS/$(newest)/dump"

  fails "a checksum does not match"
}

@test "a proof that cannot be written is no proof" {
  backup
  as_user chmod 500 "$BACKUPS/$(newest)"

  fails "the proof could not be"
}

@test "a proof of other files does not count for retention" {
  backup
  drill
  first=$(newest)
  (cd "$BACKUPS/$first" && sha256sum manifest.json dump >SHA256SUMS)
  backup --keep 1

  [ ! -d "$BACKUPS/$first" ]
}

@test "a drill needs no network" {
  ((EUID == 0)) || skip "only root may take the network away"
  backup

  run unshare --net bash -c "$(declare -f as_user drill); drill"

  [ "$status" -eq 0 ]
}

@test "an index that misses a row is found without amcheck, too" {
  backup
  sed -i "s/name = 'amcheck'/name = 'nowhere'/; s|^  check_structures\$|&; query \"\$restored\" <<<\"UPDATE pg_index SET indisvalid = indisvalid; DELETE FROM endpoint_stats.writer\"|" \
    "$ROOT/engine/drill.sh"

  run drill
  cp "$REPOSITORY/endpoint-stats-k8s/maintenance/scripts/drill.sh" "$ROOT/engine/drill.sh"

  [ "$status" -eq 1 ]
  [[ "$output" == *"endpoint_stats.writer: 0 rows by its index, 2 in the manifest"* ]]
}
