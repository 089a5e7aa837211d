#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# memory that the application has freed goes back to the host, and a balloon takes more
set -u
. "$(dirname -- "$0")/../lib.sh"

# The kernel of the test "snapshot" serves here, too.
export CONFIG="balloon snapshot" ARGS="serve 7"

# ask PORT COMMAND
ask()
{
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && echo "$2" >&3 && timeout 60 cat <&3' _ "$@" 2>/dev/null
}

# resident NAME: MiB of QEMU's memory
resident()
{
	awk '/^VmRSS:/ { print int($2 / 1024) }' "/proc/$(cat "$OUT/$1.pid")/status"
}

# start NAME MEMORY: sets $port, and the variable NAME to it
start()
{
	port=$(free_port)
	mkfifo "$OUT/$1.in" "$OUT/$1.out"
	PORTS=$port:7 MEMORY=$2 QEMU_OPTS="-pidfile $OUT/$1.pid -chardev pipe,id=mon,path=$OUT/$1 -mon chardev=mon" \
		start_app "$1" "$app"
	until_seen 60 sh -c "grep -q 'probe: uptime' '$OUT/$1'" ||
		quit "$1: starts" "$(tail -n 1 "$OUT/$1")"
}

at_most()
{
	[ "$(resident "$1")" -le "$2" ]
}

# monitor NAME COMMAND REGEX: does QEMU answer with that?
monitor()
{
	echo "$2" >"$OUT/$1.in"
	timeout 5 grep -am 1 -E "$3" <"$OUT/$1.out" >/dev/null
}

app=$(temporary_app probe)
image "$app"
for MACHINE in microvm q35; do
	export MACHINE
	start "$MACHINE" 320
	before=$(resident "$MACHINE")
	is "$MACHINE: takes 200 MiB" "$(ask "$port" "take 200")" 200
	peak=$(resident "$MACHINE")
	ask "$port" give >/dev/null
	what="$MACHINE: resident $before MiB, with 200 MiB taken $peak"
	if [ "$peak" -ge $((before + 190)) ] && until_seen 60 at_most "$MACHINE" $((peak - 140)); then
		pass "$what, given back $(resident "$MACHINE")"
	else
		fail "$what, given back" "$(resident "$MACHINE") MiB, wanted at most $((peak - 140))"
	fi

	monitor "$MACHINE" "balloon 128" '^\(qemu\)'
	if until_seen 60 monitor "$MACHINE" "info balloon" 'actual=128'; then
		pass "$MACHINE: the balloon takes 192 of 320 MiB"
	else
		fail "$MACHINE: the balloon takes 192 of 320 MiB" "not in 60 s"
	fi
	monitor "$MACHINE" "balloon 320" '^\(qemu\)'
	until_seen 60 monitor "$MACHINE" "info balloon" 'actual=320'
	is "$MACHINE: takes 200 MiB when the balloon has given them back" "$(ask "$port" "take 200")" 200
	ask "$port" "exit 0"
	finish_app
	is "$MACHINE: exit status" "$status" 0
	! complaint=$(kernel_complaints "$OUT/$MACHINE") || fail "$MACHINE: kernel" "$complaint"
done

# Two of 512 MiB, which use 300 each in turn, on a budget that could not hold both peaks.
BUDGET=600
MACHINE=microvm
start one 512
one=$port
start two 512
two=$port
idle=$(($(resident one) + $(resident two)))
while kill -0 "$app_pid" 2>/dev/null && sleep 0.1; do
	echo $(($(resident one) + $(resident two)))
done 2>/dev/null >"$OUT/sums" &
sampler=$!
JOBS_STARTED="$JOBS_STARTED $sampler"
is "two images: the first takes 300 MiB" "$(ask "$one" "take 300")" 300
ask "$one" give >/dev/null
until_seen 60 at_most one 200 || fail "two images: the first gives back" "$(resident one) MiB"
is "two images: the second takes 300 MiB" "$(ask "$two" "take 300")" 300
ask "$two" give >/dev/null
until_seen 60 at_most two 200 || fail "two images: the second gives back" "$(resident two) MiB"
kill "$sampler"
most=$(sort -n "$OUT/sums" | tail -n 1)
if [ "${most:-0}" -ge 300 ] && [ "$most" -le $BUDGET ]; then
	pass "two images of 512 MiB, each using 300: idle $idle MiB, never above $most"
else
	fail "two images of 512 MiB, each using 300" "idle $idle MiB, at most '$most', wanted at most $BUDGET"
fi
ask "$one" "exit 0"
ask "$two" "exit 0"
finish_app
