#!/usr/bin/env bats
# A backup is whole or not there, whatever happens while it is made: against a real PostgreSQL.

load support/database

setup_file() { start_database; }
teardown_file() { stop_database; }
setup() { reset; }

# A PostgreSQL program of the backup that behaves otherwise: the text of the stand-in is on standard input.
stand_in() { # program
  mkdir -p "$ROOT/stand-ins"
  cat >"$ROOT/stand-ins/$1"
  chmod 755 "$ROOT/stand-ins" "$ROOT/stand-ins/$1"
}

backup_with_stand_ins() { PATH="$ROOT/stand-ins:$PATH" backup "$@"; }

teardown() { rm -rf "$ROOT/stand-ins"; }

@test "a backup holds a dump, its manifest and their checksums" {
  run backup

  [ "$status" -eq 0 ]
  [ "${lines[-1]}" = "$(newest)" ]
  [ "$(ls "$BACKUPS/$(newest)" | tr '\n' ' ')" = "SHA256SUMS dump manifest.json " ]
  (cd "$BACKUPS/$(newest)" && sha256sum --check --strict --quiet SHA256SUMS)
}

@test "the manifest has the hits of every service and the rows of every table" {
  backup

  run jq -c '.contents.services | map_values(.hits)' "$BACKUPS/$(newest)/manifest.json"
  [ "$output" = '{"web":2000,"shop":1500}' ] || [ "$output" = '{"shop":1500,"web":2000}' ]
  for table in $(sql endpoint_stats "SELECT relname FROM pg_class WHERE relnamespace = 'endpoint_stats'::regnamespace
      AND relkind IN ('r', 'p') AND NOT relispartition"); do
    [ "$(jq -r ".contents.tables[\"endpoint_stats.$table\"].rows" "$BACKUPS/$(newest)/manifest.json")" = \
      "$(sql endpoint_stats "SELECT count(*) FROM endpoint_stats.$table")" ]
  done
}

@test "nobody else may read a backup" {
  backup

  [ "$(stat -c %a "$BACKUPS/$(newest)")" = 700 ]
  [ "$(stat -c %a "$BACKUPS/$(newest)/dump")" = 600 ]
}

@test "dump and manifest are of one moment while hits are being written" {
  write_log 60000 13 >"$ROOT/log-of-hits"
  (while :; do
    program import --service "busy$RANDOM" --window 10s --database-url "$(url endpoint_stats_owner endpoint_stats)" \
      "$ROOT/log-of-hits" || break
    program roll-up --database-url "$(url endpoint_stats_owner endpoint_stats)" || break
  done) >/dev/null 2>&1 3>&- &
  writer=$!

  for round in 1 2; do
    backup
    drill
  done
  changed=$(cat "$BACKUPS"/*/manifest.json | grep -c busy)

  kill "$writer"
  wait "$writer" || true
  [ "$changed" -gt 0 ]
}

@test "what is written after the counts and before the dump is in neither" {
  stand_in pg_dump <<STAND_IN
#!/bin/bash
[[ \$1 == --version ]] || psql -qXd "$(url endpoint_stats_owner endpoint_stats)" -c "UPDATE endpoint_stats.endpoint SET hits = hits + 1"
exec "$(command -v pg_dump)" "\$@"
STAND_IN

  backup_with_stand_ins

  [ "$(hits endpoint_stats)" = 3506 ]
  [ "$(jq '[.contents.services[].hits] | add' "$BACKUPS/$(newest)/manifest.json")" = 3500 ]
  drill
}

@test "a backup that is killed leaves nothing half done under a good name, and the next one cleans up" {
  for program in pg_dump sha256sum sync pg_restore mv; do
    # Kills everything of the backup at once, as the end of a container does.
    stand_in "$program" <<STAND_IN
#!/bin/bash
[[ \$1 != --version ]] || exec $(command -v "$program") --version
for argument; do [[ \$last == --file && $program == pg_dump ]] && echo half >"\$argument"; last=\$argument; done
kill -KILL 0
STAND_IN

    run as_user setsid --wait env PATH="$ROOT/stand-ins:$PATH" bash "$ROOT/engine/backup.sh" \
      --database-url "$(url endpoint_stats_backup endpoint_stats)" --folder "$BACKUPS"

    [ "$status" -eq 137 ]
    [ -z "$(newest)" ]
    [ -n "$(ls -d "$BACKUPS"/.partial-*)" ]
    rm -rf "$ROOT/stand-ins"
  done

  run backup
  [ "$status" -eq 0 ]
  [[ "$output" == *"which a run that was killed left behind"* ]]
  [ -z "$(ls -d "$BACKUPS"/.partial-* 2>/dev/null)" ]
  drill
}

@test "a backup whose dump fails leaves nothing at all" {
  stand_in pg_dump <<'STAND_IN'
#!/bin/bash
echo "pg_dump: error: connection to server was lost" >&2
exit 1
STAND_IN

  run backup_with_stand_ins

  [ "$status" -eq 1 ]
  [[ "$output" == *"pg_dump did not finish, nothing was kept"* ]]
  [ -z "$(ls "$BACKUPS")" ]
  [ -z "$(ls -d "$BACKUPS"/.partial-* 2>/dev/null)" ]
}

@test "a dump that was cut off without an error is not published" {
  stand_in pg_dump <<STAND_IN
#!/bin/bash
"$(command -v pg_dump)" "\$@" || exit
for argument; do [[ \$last == --file ]] && truncate -s -100 "\$argument"; last=\$argument; done
true
STAND_IN

  run backup_with_stand_ins

  [ "$status" -eq 1 ]
  [ -z "$(newest)" ]
}

@test "a full disk ends with an error that says so" {
  ((EUID == 0)) && mount -t tmpfs -o size=48k,mode=777 tmpfs "$BACKUPS" || skip "only root may mount a small disk"

  run backup
  left=$(ls -A "$BACKUPS")
  umount "$BACKUPS"

  [ "$status" -eq 1 ]
  [[ "$output" == *"No space left on device"* ]]
  [[ "$output" == *"are free in $BACKUPS"* ]]
  [ "$left" = .lock ]
}

@test "two backups do not run at once" {
  as_user flock --no-fork "$BACKUPS/.lock" sleep 30 3>&- &
  holder=$!
  until ! as_user flock --nonblock "$BACKUPS/.lock" true; do sleep 0.05; done

  run backup
  kill "$holder"

  [ "$status" -eq 3 ]
  [[ "$output" == *"another backup runs"* ]]
  [ -z "$(newest)" ]
}

@test "retention keeps the newest, and the last one that was verified" {
  backup
  drill
  verified=$(newest)
  backup
  second=$(newest)
  backup --keep 2

  [ -d "$BACKUPS/$verified" ]
  [ -d "$BACKUPS/$second" ]
  backup --keep 2

  [ -d "$BACKUPS/$verified" ]
  [ ! -d "$BACKUPS/$second" ]
  [ "$(ls "$BACKUPS" | wc -l)" -eq 3 ]
}

@test "retention does not take away a backup that is being read" {
  backup
  first=$(newest)
  exec 4<"$BACKUPS/$first/SHA256SUMS"
  flock --shared 4

  run backup --keep 1
  exec 4<&-

  [ "$status" -eq 0 ]
  [ -d "$BACKUPS/$first" ]
  backup --keep 1
  [ ! -d "$BACKUPS/$first" ]
}

@test "a backup that fails removes no other one" {
  backup
  stand_in pg_dump <<<$'#!/bin/bash\nexit 1'

  run backup_with_stand_ins --keep 1

  [ "$status" -eq 1 ]
  [ -d "$BACKUPS/$(newest)" ]
}

@test "the password comes from a file and stands on no command line" {
  sql postgres "ALTER ROLE endpoint_stats_backup PASSWORD 'a:b\\c'"
  printf 'host all endpoint_stats_backup 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n' >"$ROOT/hba.conf"
  cp "$ROOT/data/pg_hba.conf" "$ROOT/hba.before"
  cat "$ROOT/hba.conf" >"$ROOT/data/pg_hba.conf"
  sql postgres "SELECT pg_reload_conf()"
  until ! psql -wX "$(url endpoint_stats_backup endpoint_stats)" -c "" 2>/dev/null; do sleep 0.05; done
  printf 'wrong\n' >"$ROOT/wrong"
  printf 'a:b\\c\n' >"$ROOT/right"
  chmod 644 "$ROOT/wrong" "$ROOT/right"

  run backup --password-file "$ROOT/wrong"
  refused=$status said=$output
  run backup --password-file "$ROOT/right"
  cat "$ROOT/hba.before" >"$ROOT/data/pg_hba.conf"
  sql postgres "SELECT pg_reload_conf()"

  [ "$refused" -eq 1 ]
  [[ "$said" == *"password authentication failed"* ]]
  [[ "$said" != *wrong$'\n'* ]]
  [ "$status" -eq 0 ]
  [ -z "$(ls -d "$ROOT"/tmp/* 2>/dev/null)" ]
}

@test "a password in the URL is refused" {
  run as_user bash "$ROOT/engine/backup.sh" --database-url "postgres://me:secret@127.0.0.1/x" --folder "$BACKUPS"

  [ "$status" -eq 2 ]
  [[ "$output" != *secret* ]]
}

@test "a database without tables is not backed up" {
  sql endpoint_stats "DROP SCHEMA endpoint_stats CASCADE"

  run backup

  [ "$status" -eq 1 ]
  [[ "$output" == *"migrate it first"* ]]
  [ -z "$(newest)" ]
}

@test "a database that is away fails the backup" {
  run as_user bash "$ROOT/engine/backup.sh" --database-url "postgres://me@127.0.0.1:1/x" --folder "$BACKUPS"

  [ "$status" -eq 1 ]
  [[ "$output" == *"the database did not answer"* ]]
  [ -z "$(ls -A "$BACKUPS" | grep -v '^.lock$')" ]
}

@test "every engine script answers --help with its header" {
  for script in backup restore drill; do
    diff <(awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$ROOT/engine/$script.sh") \
      <(bash "$ROOT/engine/$script.sh" --help)
  done
}
