#!/usr/bin/env bats
# The operator's side of backup and restore: what it asks of a cluster, and what it says when the cluster fails.

setup() {
  ROOT=$BATS_TEST_TMPDIR
  SCRIPTS=$BATS_TEST_DIRNAME/../backup
  NAME=endpoint-stats-20261123T061700Z
  unset KUBECTL
  export ROOT NAME JOB_STATE=Complete POD_STATE='{}' POLL_SECS=0
  mkdir -p "$ROOT/bin" "$ROOT/claim/$NAME" "$ROOT/copies"
  (cd "$ROOT/claim/$NAME" && echo dump >dump && echo '{}' >manifest.json && sha256sum dump manifest.json >SHA256SUMS)
  # Writes down what it is asked; what needs no cluster is done by the real one.
  cat >"$ROOT/bin/kubectl" <<STAND_IN
#!/bin/bash
printf '%s\n' "\$*" >>"$ROOT/asked"
case " \$* " in
  *" --local "*) exec "$(command -v kubectl)" "\$@" ;;
  *" get cronjob/"*) [[ -z \$NO_CRONJOB ]] ;;
  *" create job "*) printf '{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"x"},"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"a","image":"b","command":["c"]}]}}}}' ;;
  *" create --filename=- "*) cat >>"$ROOT/created" ;;
  *" create --filename="*) file=\${*: -1} && cat "\${file#--filename=}" >>"$ROOT/created" ;;
  *" get job "*) printf '{"status":{"conditions":[{"type":"%s","status":"True"}]}}' "\$JOB_STATE" ;;
  *" logs "*) printf 'backup: 1M in 2 s\n%s\n' "\$NAME" ;;
  *" wait "*) [[ -z \$NO_COPIER ]] ;;
  *" get pods "*jsonpath=*) printf 'copier' ;;
  *" get pods "*--output=json*) printf '{"items":[{"metadata":{"name":"pod-1"},"status":{"containerStatuses":[{"name":"a","ready":false,"restartCount":0,"state":%s}]}}]}' "\$POD_STATE" ;;
  *" get pods "*--output=name*) printf 'pod/pod-1' ;;
  *" get events "*) printf '{"items":[{"involvedObject":{"kind":"Pod","name":"pod-1"},"reason":"Quota","message":"no room","lastTimestamp":"2026-11-23T06:17:00Z"}]}' ;;
  *" exec "*) tar -C "$ROOT/claim/\$NAME" -cf - dump manifest.json SHA256SUMS | head -c "\${CUT_AT:-10000000}" ;;
esac
STAND_IN
  chmod +x "$ROOT/bin/kubectl"
  PATH=$ROOT/bin:$PATH
}

@test "a backup is a job of the cron job, and its name the last line" {
  run "$SCRIPTS/db-backup.sh" --namespace elsewhere

  [ "$status" -eq 0 ]
  [ "${lines[-1]}" = "$NAME" ]
  grep -q -- "--namespace elsewhere create job backup-by-hand-[0-9]* --from=cronjob/backup" "$ROOT/asked"
}

@test "a backup that is copied out has the same checksums" {
  run "$SCRIPTS/db-backup.sh" --copy-to "$ROOT/copies"

  [ "$status" -eq 0 ]
  (cd "$ROOT/copies/$NAME" && sha256sum --check --strict --quiet SHA256SUMS)
  [ "$(ls -A "$ROOT/copies")" = "$NAME" ]
  grep -q "delete job backup-copy-" "$ROOT/asked"
}

@test "a copy that is cut off, or damaged, has no good name" {
  CUT_AT=700 run "$SCRIPTS/db-backup.sh" --copy-to "$ROOT/copies"
  [ "$status" -eq 1 ]
  [ ! -e "$ROOT/copies/$NAME" ]

  echo other >"$ROOT/claim/$NAME/dump"
  run "$SCRIPTS/db-backup.sh" --copy-to "$ROOT/copies"
  [ "$status" -eq 1 ]
  [ ! -e "$ROOT/copies/$NAME" ]
  [ "$(grep -c "delete job backup-copy-" "$ROOT/asked")" -eq 2 ]
}

@test "a job that fails, or does not end, is told with what to look at" {
  JOB_STATE=Failed run "$SCRIPTS/db-backup.sh"
  [ "$status" -eq 1 ]
  [[ "$output" == *"the Job backup-by-hand-"*" failed"*"look at: kubectl -n endpoint-stats describe job/backup-by-hand-"* ]]
  [[ "$output" == *"backup: 1M in 2 s"* ]]

  JOB_STATE='' run "$SCRIPTS/db-backup.sh" --timeout 3
  [ "$status" -eq 1 ]
  [[ "$output" == *"did not end within 3 s"* ]]
  [ -z "$(grep " delete job " "$ROOT/asked")" ]
}

@test "a job whose pod cannot start is told with the reason, and does not start later" {
  export POD_STATE='{"waiting":{"reason":"ImagePullBackOff","message":"no such image"}}'

  JOB_STATE='' STUCK_SECS=0 run "$SCRIPTS/dr-restore.sh" --yes

  [ "$status" -eq 1 ]
  [[ "$output" == *"does not start: ImagePullBackOff: no such image"* ]]
  grep -q " delete job restore-by-hand-" "$ROOT/asked"
}

@test "a pod on the claim that does not start is told with the cluster's warnings" {
  NO_COPIER=1 run "$SCRIPTS/db-backup.sh" --copy-to "$ROOT/copies"

  [ "$status" -eq 1 ]
  [[ "$output" == *"Pod/pod-1: Quota: no room"*"the pod that reads the claim did not start"* ]]
  [ -z "$(ls -A "$ROOT/copies")" ]
  grep -q "delete job backup-copy-" "$ROOT/asked"
}

@test "the name of the backup is all that is on standard output" {
  [ "$("$SCRIPTS/db-backup.sh" --copy-to "$ROOT/copies" 2>/dev/null)" = "$NAME" ]
}

@test "another cluster is asked with --context, in every call" {
  run "$SCRIPTS/db-backup.sh" --context other --copy-to "$ROOT/copies"

  [ "$status" -eq 0 ]
  [[ "$output" == *"kubectl --context other -n endpoint-stats logs -f job/"* ]]
  [ -z "$(grep -v -e "^--context other --namespace endpoint-stats " -e " --local " "$ROOT/asked")" ]
}

@test "a database outside of a cluster needs no kubectl" {
  run env KUBECTL=/nowhere "$SCRIPTS/db-backup.sh" --database-url postgres://me@here/x --folder "$ROOT" --keep 3 --dry-run

  [ "$status" -eq 0 ]
  [ "$output" = "db-backup: would run endpoint-stats-k8s/maintenance/scripts/backup.sh --database-url postgres://me@here/x --folder $ROOT --keep 3" ]
  [ ! -e "$ROOT/asked" ]

  run "$SCRIPTS/dr-restore.sh" --yes --database-url postgres://me:secret@here/x --folder "$ROOT"
  [ "$status" -eq 2 ]
  [[ "$output" == "restore: "* ]]
  [ ! -e "$ROOT/asked" ]
}

@test "a namespace without the cron job is told before anything is made" {
  NO_CRONJOB=1 run "$SCRIPTS/dr-restore.sh" --yes

  [ "$status" -eq 1 ]
  [[ "$output" == *"cronjob/restore is not in namespace endpoint-stats"* ]]
  [ ! -e "$ROOT/created" ]
}

@test "a restore hands over which backup, and whether it is only tried" {
  run "$SCRIPTS/dr-restore.sh" --backup "$NAME" --dry-run

  [ "$status" -eq 0 ]
  [ "$(jq -c '[.spec.template.spec.containers[0].env[] | {(.name): .value}] | add' "$ROOT/created")" = \
    "{\"RESTORE_BACKUP\":\"$NAME\",\"RESTORE_UNDO\":null,\"RESTORE_DRY_RUN\":\"true\"}" ]
}

@test "a restore asks first" {
  run "$SCRIPTS/dr-restore.sh" <<<no

  [ "$status" -eq 2 ]
  [[ "$output" == *"nothing was done"* ]]
  [ ! -e "$ROOT/asked" ]
}

@test "a dry run of a backup asks nothing of the cluster" {
  run "$SCRIPTS/db-backup.sh" --dry-run

  [ "$status" -eq 0 ]
  [ ! -e "$ROOT/asked" ]
}

@test "what cannot be meant is refused" {
  for arguments in "--folder x" "--namespace Not_One" "--timeout soon" "--copy-to /nowhere" "--what" "--copy-to"; do
    # shellcheck disable=SC2086
    run "$SCRIPTS/db-backup.sh" $arguments
    [ "$status" -eq 2 ]
  done

  run "$SCRIPTS/dr-restore.sh" --yes --undo ""
  [ "$status" -eq 2 ]
  [ ! -e "$ROOT/asked" ]
}
