#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# strace, gdb, perf, bpftrace, core files at CPL 0; gdb on the whole machine
set -u
. "$(dirname -- "$0")/../lib.sh"

app=$(temporary_app debuggee)

# One boot with all the tools. (By hand the same script runs with MODE=user and
# MODE=stock.)
status=0
APPEND=printk.time=1 RUN=$ROOT/tests/apps/debuggee/checks.sh TIMEOUT=1500 \
	"$ROOT/scripts/debug.sh" "$app" >"$OUT/linked" 2>&1 </dev/null || status=$?
grep -qa '^1\.\.' "$OUT/linked" || quit "make debug" "$(first_line "$OUT/linked")"
tap linked "linked"
shows "linked: runs at CPL 0" "$OUT/linked.tap" '^# CPL 0'
is "linked: exit status" "$status" 0
! complaint=$(kernel_complaints "$OUT/linked") || fail "linked: kernel" "$complaint"

# The other side: QEMU's stub, which sees kernel and application at once. The
# host sends a line when the debugger lets the machine run.
port=$(free_port)
PORTS=$port:7 ARGS='answer 7'
export PORTS ARGS
cat >"$OUT/gdb.commands" <<-END
	hbreak tcp_sendmsg
	continue
	backtrace
	finish
	info registers rip
END
# Not that of an earlier run.
rm -f "$BUILD/log/gdb-console.log"
RUN=$OUT/gdb.commands TIMEOUT=400 "$ROOT/scripts/gdb.sh" "$app" >"$OUT/gdb" 2>&1 </dev/null &
app_pid=$!
JOBS_STARTED="$JOBS_STARTED $app_pid"
until_seen 900 grep -qa 'debuggee: listening' "$BUILD/log/gdb-console.log" ||
	fail "gdb: the machine runs" "$(first_line "$OUT/gdb")"
timeout 200 "$(helper)" echo "$port" 100 2>/dev/null
finish_app
shows "gdb: stops in the kernel" "$OUT/gdb" '^#0 +tcp_sendmsg'
previous=
for f in tcp_sendmsg vfs_write ukl_call_1 write answer main; do
	at=$(grep -nE "^#[0-9]+ .*\<$f( |\$)" "$OUT/gdb" | head -n 1 | cut -d: -f1)
	if [ -n "$at" ] && [ "$at" -gt "${previous:-0}" ]; then
		pass "gdb: one backtrace: $f"
	else
		fail "gdb: one backtrace: $f" "$(grep -E '^#|Backtrace stopped' "$OUT/gdb" | tail -n 3)"
	fi
	previous=$at
done
