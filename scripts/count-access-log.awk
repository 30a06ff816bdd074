# count-access-log.awk - count an access log in Apache's combined or common format, one fact a line.
#
# Usage: awk -f scripts/count-access-log.awk FILE
#
# Prints hits, bytes and callers; the first and the last second and the days, as numbers since 1970 (UTC); the hits by
# status, method and day; and the most requested path without a digit. Lines that are not in the format do not count.

# Of 17/May/2015:10:05:03 +0000; the algorithm is known as days_from_civil.
function seconds_since_1970(t,  year, month, days, clock, zone) {
  month = month_from_march[substr(t, 4, 3)]
  year = substr(t, 8, 4) - (month >= 10)
  days = 365 * year + int(year / 4) - int(year / 100) + int(year / 400) + int((153 * month + 2) / 5) + substr(t, 1, 2)
  clock = substr(t, 13, 2) * 3600 + substr(t, 16, 2) * 60 + substr(t, 19, 2)
  zone = substr(t, 23, 2) * 3600 + substr(t, 25, 2) * 60
  return (days - 719469) * 86400 + clock - (substr(t, 22, 1) == "-" ? -zone : zone)
}

function without_query(target) {
  sub(/\?.*/, "", target)
  return target
}

function print_counts(name, counts,  key) {
  for (key in counts) print name, key, counts[key]
}

function print_top_path(  path, top, most) {
  for (path in paths) {
    if (paths[path] > most || (paths[path] == most && path < top)) {
      top = path
      most = paths[path]
    }
  }
  if (most) print "path", top, most
}

BEGIN {
  # A year that starts in March ends with its leap day.
  split("Mar Apr May Jun Jul Aug Sep Oct Nov Dec Jan Feb", names)
  for (i in names) month_from_march[names[i]] = i - 1
  split("GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH", names)
  for (i in names) known[names[i]]
}

/^[^ ]+ [^ ]+ [^[]*\[[^]]+\] "[^ "]+ [^ ]+ HTTP\/[0-9.]+" [0-9][0-9][0-9] ([0-9]+|-)([ \r]|$)/ {
  # METHOD TARGET HTTP/1.1" STATUS BYTES
  split(substr($0, index($0, "] \"") + 3), field, " ")
  at = seconds_since_1970(substr($0, index($0, "[") + 1, 26))
  path = without_query(field[2])

  hits++
  bytes += field[5]
  callers += !seen[$1]++
  status[field[4]]++
  method[field[1] in known ? field[1] : "_OTHER"]++
  day[int(at / 86400)]++
  if (hits == 1 || at < first) first = at
  if (hits == 1 || at > last) last = at
  if (path ~ /^\/[^0-9]*$/) paths[path]++
}

END {
  printf "hits %.0f\nendpoint_hits %.0f\nresponse_bytes %.0f\ncallers %.0f\n", hits, hits, bytes, callers
  printf "first_second %.0f\nlast_second %.0f\n", first, last
  print_counts("status", status)
  print_counts("method", method)
  print_counts("day", day)
  print_top_path()
}
