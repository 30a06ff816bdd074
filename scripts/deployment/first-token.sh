#!/usr/bin/env bash
# first-token.sh - make a token that allows everything, and the tokens.json that lets it in, with bash and openssl alone.
#
# Usage: scripts/deployment/first-token.sh
#
# Prints the token on the first line, and on the others the file, as `endpoint-stats-server token create --name admin
# --scope admin` makes it. That program is what to use where it is there; this is for whoever has only kubectl. secrets.sh
# calls it. A token's secret is hashed with BLAKE3, here for inputs of 64 bytes, which is what a secret has.
#
# Exit codes: 0 done; 1 no random bytes, or this machine adds up wrong; 2 wrong usage.
set -euo pipefail

# The first words of SHA-256, which BLAKE3 shares, and the order in which a round takes the words of the message.
readonly IV=(0x6a09e667 0xbb67ae85 0x3c6ef372 0xa54ff53a 0x510e527f 0x9b05688c 0x1f83d9ab 0x5be0cd19)
readonly ORDER=(2 6 3 10 7 0 4 13 1 11 12 5 9 14 15 8)
# The first, the last and the only block: CHUNK_START, CHUNK_END and ROOT.
readonly FLAGS=11
readonly KNOWN_SECRET=c4311e05b212c92fefffbde60b69080781df3725a85e87bebf9850a9ae5bd265
readonly KNOWN_HASH=fa48de7ba20b7932ea036daa07e86f2ec549e381cf228d0cb9c322a2b8014348

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }

fail() {
  printf 'first-token: %s\n' "$*" >&2
  exit 1
}

rotated() { # word, bits: sets $word
  word=$((($1 >> $2 | $1 << (32 - $2)) & 0xffffffff))
}

mix() { # four places of the state, two words of the message
  local a=$1 b=$2 c=$3 d=$4 word
  state[a]=$(((state[a] + state[b] + $5) & 0xffffffff))
  rotated $((state[d] ^ state[a])) 16 && state[d]=$word
  state[c]=$(((state[c] + state[d]) & 0xffffffff))
  rotated $((state[b] ^ state[c])) 12 && state[b]=$word
  state[a]=$(((state[a] + state[b] + $6) & 0xffffffff))
  rotated $((state[d] ^ state[a])) 8 && state[d]=$word
  state[c]=$(((state[c] + state[d]) & 0xffffffff))
  rotated $((state[b] ^ state[c])) 7 && state[b]=$word
}

mix_all() {
  mix 0 4 8 12 "${message[0]}" "${message[1]}"
  mix 1 5 9 13 "${message[2]}" "${message[3]}"
  mix 2 6 10 14 "${message[4]}" "${message[5]}"
  mix 3 7 11 15 "${message[6]}" "${message[7]}"
  mix 0 5 10 15 "${message[8]}" "${message[9]}"
  mix 1 6 11 12 "${message[10]}" "${message[11]}"
  mix 2 7 8 13 "${message[12]}" "${message[13]}"
  mix 3 4 9 14 "${message[14]}" "${message[15]}"
}

reorder() {
  local place reordered=()
  for place in "${ORDER[@]}"; do
    reordered+=("${message[place]}")
  done
  message=("${reordered[@]}")
}

read_message() { # 64 characters of ASCII: sixteen words, the low byte first
  local at byte
  message=()
  for ((at = 63; at >= 0; at--)); do
    printf -v byte '%d' "'${1:at:1}"
    message[at / 4]=$(((${message[at / 4]:-0} << 8) | byte))
  done
}

in_bytes() { # word: its hexadecimal digits, the low byte first
  printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255))
}

blake3() { # 64 characters of ASCII
  local message state=("${IV[@]}" "${IV[@]:0:4}" 0 0 64 "$FLAGS") round at
  read_message "$1"
  for round in 1 2 3 4 5 6 7; do
    ((round == 1)) || reorder
    mix_all
  done
  for at in 0 1 2 3 4 5 6 7; do
    in_bytes $((state[at] ^ state[at + 8]))
  done
}

random_hex() { # bytes
  local digits
  digits=$(openssl rand -hex "$1") || fail "openssl gave no random bytes"
  ((${#digits} == 2 * $1)) || fail "openssl gave ${#digits} digits instead of $((2 * $1))"
  printf '%s' "$digits"
}

tokens_file() { # id, hash
  cat <<END
{
  "version": 1,
  "tokens": [
    {
      "id": "$1",
      "name": "admin",
      "hash": "$2",
      "scopes": [
        "admin"
      ],
      "created": "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    }
  ]
}
END
}

main() {
  local id secret
  case "${1:-}" in
    "") ;;
    --help | -h) usage && exit ;;
    *) usage >&2 && exit 2 ;;
  esac
  [[ $(blake3 "$KNOWN_SECRET") == "$KNOWN_HASH" ]] || fail "the hash of a known text is wrong on this machine"
  id=$(random_hex 6)
  secret=$(random_hex 32)
  printf 'es_%s_%s\n' "$id" "$secret"
  tokens_file "$id" "$(blake3 "$secret")"
}

main "$@"
