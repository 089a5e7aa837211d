#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Redis, nginx and memcached under load on 2 CPUs: make soak MINUTES=30
set -u
. "$(dirname -- "$0")/../lib.sh"

MINUTES=${MINUTES:-30}
case $MINUTES in
*[!0-9]* | '' | 0* | ?????*) quit "MINUTES" "must be a number above 0, not '$MINUTES'" ;;
esac
gcc -O2 -Wall -Wextra -o "$OUT/load" "$ROOT/tests/host/load.c" || quit "compile" "see above"
kernel_for 2
app=$(temporary_app soak)
image "$app"
redis=$(free_port)
nginx=$((redis + 1))
memcached=$((redis + 2))
PORTS="$redis:6379 $nginx:80 $memcached:11211"
# The guest goes on for longer than the load, which starts after it.
ARGS=$((MINUTES * 60 + 30))
TIMEOUT=$((MINUTES * 60 + 300))
export PORTS ARGS TIMEOUT
export APPEND=ukl.stats
start_app guest "$app"
until_seen 120 grep -q '^soak: ' "$OUT/guest" || quit "the servers start" "$(tail -n 1 "$OUT/guest")"
status=0
"$OUT/load" $((MINUTES * 60)) "$redis" "$nginx" "$memcached" >"$OUT/load.log" 2>&1 || status=$?
summary=$(grep lost "$OUT/load.log" | paste -sd';')
if [ "$status" = 0 ]; then
	pass "$MINUTES minutes: $summary"
else
	fail "no request is lost" "$summary $(grep -m 1 '^load: ' "$OUT/load.log")"
fi
finish_app
is "exit status" "$status" 0
shows "the servers are at CPL 0" "$OUT/guest" '^ukl: calls: [1-9][0-9]{3,} by jump'
! complaint=$(kernel_complaints "$OUT/guest") || fail "kernel" "$complaint"

# flat WHAT FIELD SIGN KIB: does the mean of the last quarter exceed that of the second,
# of what is to be less, by more than a fiftieth and so many KiB?
clean_console "$OUT/guest" | grep '^soak: [0-9]' >"$OUT/samples"
flat()
{
	if result=$(awk -v f="$2" -v sign="$3" -v more="$4" '
		{ v[NR] = $f }
		END {
			q = int(NR / 4)
			for (i = q + 1; i <= 2 * q; i++)
				a += v[i] / q
			for (i = NR - q; i < NR; i++)
				b += v[i] / q
			printf "%d KiB in the second quarter, %d in the last", a, b
			exit !q || sign * (b - a) > a / 50 + more
		}' "$OUT/samples"); then
		pass "$1 is flat: $result"
	else
		fail "$1 is flat" "$result"
	fi
}
flat "available memory" 4 -1 1024
flat "slab" 6 1 192
flat "Redis" 7 1 1024
flat "nginx" 8 1 1024
flat "memcached" 9 1 1024
