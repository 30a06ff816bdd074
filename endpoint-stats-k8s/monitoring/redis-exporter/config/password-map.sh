#!/bin/sh
# password-map.sh - write the file that redis_exporter reads passwords from.
#
# Usage: password-map.sh
#
# redis_exporter takes JSON, {"redis://USER@HOST:PORT": "PASSWORD"}, and no file with a password alone. Address and user
# are those of REDIS_ADDR and REDIS_USER; the password comes from monitor-password in CACHE_SECRETS (/run/secrets/cache),
# and the map goes to passwords.json in PASSWORD_MAP (/run/password-map), readable by this user alone.
set -eu
umask 077

readonly password="${CACHE_SECRETS:-/run/secrets/cache}/monitor-password" map="${PASSWORD_MAP:-/run/password-map}/passwords.json"

quoted() { sed 's/[\\"]/\\&/g' "$1"; }

if [ ! -s "$password" ]; then
  echo "password-map: there is no password in $password; secrets.sh create makes the Secret cache" >&2
  exit 1
fi
printf '{"%s://%s@%s":"%s"}\n' "${REDIS_ADDR%%://*}" "$REDIS_USER" "${REDIS_ADDR#*://}" "$(quoted "$password")" >"$map.new"
mv "$map.new" "$map"
