#!/bin/sh
# start.sh - give redis_exporter its password, and start it.
#
# Usage: start.sh
#
# redis_exporter takes a map in JSON, {"redis://USER@HOST:PORT": "PASSWORD"}, or in old versions without the user, and no
# file with a password alone. Address and user are those of REDIS_ADDR and REDIS_USER; the password is monitor-password in
# CACHE_SECRETS (/run/secrets/cache), and the map goes to REDIS_PASSWORD_FILE, readable by this user alone. EXPORTER names
# another program than the image's.
set -eu
umask 077

readonly password="${CACHE_SECRETS:-/run/secrets/cache}/monitor-password"

quoted() { sed 's/[\\"]/\\&/g' "$1"; }

if [ ! -s "$password" ]; then
  echo "start: there is no password in $password; secrets.sh create makes the Secret cache" >&2
  exit 1
fi
secret=$(quoted "$password")
printf '{"%s":"%s","%s":"%s"}\n' "${REDIS_ADDR%%://*}://$REDIS_USER@${REDIS_ADDR#*://}" "$secret" "$REDIS_ADDR" "$secret" \
  >"$REDIS_PASSWORD_FILE"
exec "${EXPORTER:-/redis_exporter}" "$@"
