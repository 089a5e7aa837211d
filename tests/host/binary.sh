#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# programs of a distribution at CPL 0: jumps in place of SYSCALL
set -u
. "$(dirname -- "$0")/../lib.sh"

# Instructions a call of an ordinary program, linked with glibc: each with the
# most that it may take.
gcc -O2 -o "$OUT/syscalls" "$ROOT/tests/bench/guest/syscalls.c" || quit "compile" "see above"
CLOCKED='-icount shift=0,sleep=off'
runs calls BIN="$OUT/syscalls" FILES="" ARGS="3 getppid read1 write1" QEMU_OPTS="$CLOCKED" APPEND=ukl.stats
is "glibc: exit status" "$status" 0
for row in getppid:110 read1:315 write1:265; do
	most=${row#*:}
	n=$(tr -d '\r' <"$OUT/calls" | awk -v w="${row%:*}" '$1 == "bench" && $2 == w && $3 == "ticks" { print int($5 + .5) }')
	if [ "${n:-9999}" -le "$most" ] && [ "$n" -ge 10 ]; then
		pass "glibc: ${row%:*}: $n instructions, at most $most"
	else
		fail "glibc: ${row%:*}" "${n:-no} instructions, not 10 to $most"
	fi
done
runs unpatched BIN="$OUT/syscalls" ARGS="1 getppid" QEMU_OPTS="$CLOCKED" APPEND="ukl.stats ukl.patch=0"
shows "ukl.patch=0: no jumps" "$OUT/unpatched" '^ukl: calls: 0 by jump, '

# Debian's Redis, under the name by which it is a server.
ln -sf "$(command -v redis-check-rdb)" "$OUT/redis-server"
port=$(free_port)
make -C "$ROOT" --no-print-directory run TIMEOUT=240 BIN="$OUT/redis-server" PORTS="$port:6379" \
	ARGS="--save ''" APPEND=ukl.stats \
	>"$OUT/redis" 2>&1 </dev/null &
app_pid=$!
JOBS_STARTED="$JOBS_STARTED $app_pid"
if until_seen 120 redis-cli -p "$port" ping; then
	redis-benchmark -p "$port" -c 10 -n 20000 -t get,set --csv >"$OUT/benchmark" 2>&1
	is "redis-server: answers redis-benchmark" "$(grep -cE '^"(GET|SET)"' "$OUT/benchmark")" 2
	redis-cli -p "$port" shutdown nosave >/dev/null 2>&1
	finish_app
	is "redis-server: exit status" "$status" 0
	share=$(awk '/^ukl: calls: / { printf "%d", 100 * $3 / ($3 + $6) }' "$OUT/redis")
	if [ "${share:-0}" -ge 95 ]; then
		pass "redis-server: $share % of its calls by jump, at least 95 %"
	else
		fail "redis-server: calls by jump" "${share:-0} %, fewer than 95 %: $(grep '^ukl: calls' "$OUT/redis")"
	fi
	! complaint=$(kernel_complaints "$OUT/redis") || fail "redis-server: kernel" "$complaint"
else
	fail "redis-server: answers" "$(first_line "$OUT/redis")"
fi

make -C "$ROOT" --no-print-directory inspect BIN=/bin/bash >"$OUT/inspect" 2>&1
shows "make inspect: sites of libc.so.6" "$OUT/inspect" '/libc\.so\.6: [0-9]{3} can become jumps'

# GS belongs to the kernel: ring 3 from there on.
cat >"$OUT/gs.c" <<'END'
#include <asm/prctl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned int cpl(void)
{
	unsigned int cs;

	__asm__ volatile("mov %%cs, %0" : "=r" (cs));
	return cs & 3;
}

int main(void)
{
	static long value = 7;
	unsigned int before = cpl();
	long seen;

	if (syscall(SYS_arch_prctl, ARCH_SET_GS, &value))
		return 1;
	__asm__ volatile("mov %%gs:0, %0" : "=r" (seen));
	printf("CPL %u, then %u, GS has %ld\n", before, cpl(), seen);
	return 0;
}
END
gcc -O2 -o "$OUT/gs" "$OUT/gs.c" || quit "compile" "see above"
runs gs-log BIN="$OUT/gs"
is "a program that sets GS: exit status" "$status" 0
shows "a program that sets GS: goes on at ring 3" "$OUT/gs-log" '^CPL 0, then 3, GS has 7'
shows "a program that sets GS: one line says so" "$OUT/gs-log" '^ukl: gs\[[0-9]+\] uses GS, .* it goes on at ring 3'
