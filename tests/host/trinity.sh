#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# random system calls of trinity, by an unprivileged user at CPL 0 [CALLS=n SEED=n]
set -u
. "$(dirname -- "$0")/../lib.sh"

CALLS=${CALLS:-20000}
app=$(temporary_app trinity)
image "$app"
# Its own set-up of sockets dereferences NULL.
ARGS="-q -l off -C 1 -N $CALLS -s ${SEED:-1} --disable-fds=sockets"
TIMEOUT=$((300 + CALLS / 20))
export ARGS TIMEOUT
export APPEND=ukl.stats
run_app log "$app"
is "exit status" "$status" 0
! complaint=$(kernel_complaints "$OUT/log") || fail "kernel" "$complaint"
shows "it is at CPL 0" "$OUT/log" '^ukl: calls: [1-9][0-9]{3,} by jump'
ran=$(tr -d '\r' <"$OUT/log" | sed -n 's/^\[main\] Ran \([0-9]*\) syscalls.*/\1/p')
if [ "${ran:-0}" -ge "$CALLS" ]; then
	pass "$ran calls, $(grep -c '^ukl: crash' "$OUT/log") of its processes died"
else
	fail "calls" "'$ran', fewer than $CALLS"
fi
