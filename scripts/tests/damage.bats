#!/usr/bin/env bats
# A backup that is not what was backed up is refused every time, by the drill and by a restore, and nothing changes.

load support/database

setup_file() {
  start_database
  reset
  backup --keep 9 >/dev/null
  cp -a "$BACKUPS" "$ROOT/good"
}
teardown_file() { stop_database; }
setup() {
  reset
  rm -rf "$BACKUPS"
  cp -a "$ROOT/good" "$BACKUPS"
  BACKUP=$BACKUPS/$(newest)
}

# Someone who edits a file may also write its checksum again: the contents have to give it away.
sums_again() { (cd "$BACKUP" && sha256sum dump manifest.json >SHA256SUMS); }

edit_manifest() { # jq program
  jq "$@" "$BACKUP/manifest.json" >"$ROOT/edited.json"
  cat "$ROOT/edited.json" >"$BACKUP/manifest.json"
  sums_again
}

is_refused() { # what both say
  local before_hits before_databases
  before_hits=$(hits endpoint_stats) before_databases=$(databases)

  run drill
  echo "drill: $status $output"
  [ "$status" -eq 1 ] && [[ "$output" == *"$1"* ]] && [ ! -e "$BACKUP/verified.json" ] || return 1
  [ -z "$(ls -A "$ROOT/scratch")" ] || return 1

  run restore
  echo "restore: $status $output"
  [ "$status" -eq 1 ] && [[ "$output" == *"$1"* ]] || return 1
  [ "$(hits endpoint_stats)" = "$before_hits" ] && [ "$(databases)" = "$before_databases" ]
}

@test "an undamaged one is taken" {
  run drill
  [ "$status" -eq 0 ]

  run restore
  [ "$status" -eq 0 ]
}

@test "a dump that was truncated anywhere" {
  size=$(stat -c %s "$BACKUP/dump")
  for keep in 1 4 100 $((size / 4)) $((size / 2)) $((size - 1)); do
    cp "$ROOT/good/$(newest)/dump" "$BACKUP/dump"
    truncate -s "$keep" "$BACKUP/dump"

    is_refused "a checksum does not match"
  done
}

@test "a dump that was truncated anywhere, with its checksum" {
  size=$(stat -c %s "$BACKUP/dump")
  for keep in 1 4 100 $((size / 4)) $((size / 2)) $((size - 1)); do
    cp "$ROOT/good/$(newest)/dump" "$BACKUP/dump"
    truncate -s "$keep" "$BACKUP/dump"
    sums_again

    is_refused "the dump"
  done
}

@test "a flipped bit anywhere in any file" {
  for file in dump manifest.json SHA256SUMS; do
    size=$(stat -c %s "$BACKUP/$file")
    for part in 0 1 2 3; do
      cp "$ROOT/good/$(newest)/$file" "$BACKUP/$file"
      at=$((part * (size - 1) / 3))
      byte=$(od -An -tu1 -j "$at" -N 1 "$BACKUP/$file")
      printf "\\x$(printf %x $((byte ^ 4)))" | dd of="$BACKUP/$file" bs=1 seek="$at" conv=notrunc status=none

      is_refused "$BACKUP"
    done
    cp "$ROOT/good/$(newest)/$file" "$BACKUP/$file"
  done
}

@test "an empty or missing file" {
  for file in dump manifest.json SHA256SUMS; do
    : >"$BACKUP/$file"
    is_refused "$BACKUP"
    rm "$BACKUP/$file"
    is_refused "$BACKUP"
    cp -a "$ROOT/good/$(newest)/$file" "$BACKUP/$file"
  done
}

@test "checksums that leave out the dump" {
  sed -i '/dump/d' "$BACKUP/SHA256SUMS"

  is_refused "SHA256SUMS lists"
}

@test "a manifest of another format" {
  edit_manifest '.format = 2'

  is_refused "the manifest has format 2, expected 1"
}

@test "a manifest of another backup" {
  edit_manifest '.name = "endpoint-stats-20200101T000000Z"'

  is_refused "the manifest is that of endpoint-stats-20200101T000000Z"
}

@test "a manifest that is no JSON, or lacks a part" {
  echo '{' >"$BACKUP/manifest.json"
  sums_again
  is_refused "manifest.json is not what backup.sh writes"

  for part in .contents.tables .contents.roles .contents .database.owner .server_version_num; do
    cp "$ROOT/good/$(newest)/manifest.json" "$BACKUP/manifest.json"
    edit_manifest "del($part)"
    is_refused "the manifest lacks what backup.sh writes"
  done
}

@test "a backup of a newer server" {
  edit_manifest '.server_version_num = 990001'

  is_refused "it was made by PostgreSQL 99"
}

@test "counts that differ: rows, hits, migrations, objects" {
  for edit in '.contents.tables["endpoint_stats.window_1h"].rows += 1' '.contents.services.web.hits -= 1' \
    '.contents.services.web.hits_in_windows -= 1' '.contents.services.other = {hits: 0}' '.contents.migrations += ["20990101000000"]' \
    '.contents.objects.indexes += 1' 'del(.contents.tables["endpoint_stats.writer"])'; do
    cp "$ROOT/good/$(newest)/manifest.json" "$BACKUP/manifest.json"
    edit_manifest "$edit"

    is_refused "the restored database is not what was backed up"
  done
}

@test "rows that differ while their number is the same" {
  edit_manifest '.contents.tables["endpoint_stats.window_1h"].digest = "1"'

  is_refused "endpoint_stats.window_1h/digest"
}

@test "the dump of another backup, with its checksum" {
  sql endpoint_stats "UPDATE endpoint_stats.endpoint SET last_called = last_called + 1 WHERE id = 1"
  sleep 1
  backup >/dev/null
  cp "$BACKUPS/$(newest)/dump" "$BACKUP/dump"
  rm -r "${BACKUPS:?}/$(newest)"
  sums_again

  is_refused "endpoint_stats.endpoint/digest"
}

@test "a role that the manifest does not name" {
  edit_manifest '.contents.roles -= ["endpoint_stats_writer"]'
  run drill
  [ "$status" -eq 1 ]

  run restore
  [ "$status" -eq 1 ]
  [ "$(databases)" = endpoint_stats ]
}
