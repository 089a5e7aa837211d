#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Boot an application's image until it is ready, and save the machine.
# usage: snapshot.sh APP     build/snapshots/APP+snapshot/
#
# It is ready when the line READY of its recipe is on the console or, without
# that key, when the first of PORTS answers. From the environment: TIMEOUT in
# seconds (60), and what image.sh and run.sh take. "SNAPSHOT=1 run.sh APP" goes on
# there, with the same MODE, CONFIG, CPUS, MACHINE, MEMORY, ARGS and APPEND.
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1?usage: snapshot.sh APP}
export SNAPSHOT=save
"$ROOT/scripts/image.sh" "$app"
select_image "$app"

ready=$(recipe "$app" READY | tail -n 1)
port=${PORTS-$(recipe "$app" PORTS | paste -sd' ')}
port=${port%% *}
port=${port%%:*}
[ -n "$ready$port" ] ||
	die "the recipe of '$app' has neither READY nor PORTS: nothing tells when it is ready"

snapshot=$BUILD/snapshots/$(basename "$image")
new=$snapshot.new
log=$snapshot.log
locked "snapshot-$(basename "$image")"
rm -rf "$new" "$snapshot"
mkdir -p "$new"

# QEMU takes a connection before the guest does, and tells what became of it.
is_ready()
{
	if [ -n "$ready" ]; then
		grep -aqF -- "$ready" "$log"
		return
	fi
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && read -r -t 1 _ <&3' _ "$port" 2>/dev/null &
	sleep 0.3
	qmp "$new/qmp" '"return"' \
		'{"execute": "human-monitor-command", "arguments": {"command-line": "info usernet"}}' || return 1
	# Not one that the application has made
	echo "$answer" | grep -qE "TCP\[ESTABLISHED\] +[0-9]+ +127\.0\.0\.1 +$port "
}

# Ends QEMU in any case, and leaves the file "saved" if all went well.
save_when_ready()
{
	qmp "$new/qmp" '"return"' '{"execute": "qmp_capabilities"}'
	until is_ready; do
		sleep 0.1
	done
	# The connection that asked shall not be in the snapshot.
	sleep 1.5
	if qmp_migrate "$new/qmp" migrate "exec:cat >$new/state && : >$new/saved"; then
		# What reads from QEMU may be some time behind.
		for _ in $(seq 100); do
			[ ! -f "$new/saved" ] || break
			sleep 0.1
		done
	fi
	qmp "$new/qmp" '"return"' '{"execute": "quit"}'
}

: "${TIMEOUT:=60}"
export TIMEOUT
say "snapshot: waiting until $app is ready: ${ready:-port $port answers}"
mkfifo "$new/qmp.in" "$new/qmp.out"
save_when_ready 9>&- &
saving=$!
running=
trap 'kill -- $saving ${running:+-$running} 2>/dev/null || :; rm -rf "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# In a session of its own, all of which ends with this script
setsid "$ROOT/scripts/run.sh" "$app" >"$log" 2>&1 </dev/null 9>&- &
running=$!
status=0
wait $running || status=$?
running=

if [ ! -f "$new/saved" ]; then
	why=$(sed -n 's/^unilinux: //p' "$log" | tail -n 1)
	[ "$status" != 124 ] || why="not ready after $TIMEOUT s"
	[ ! -f "$new/state" ] || why="QEMU cannot save this machine"
	die "no snapshot of $app: ${why:-it ended with status $status} (output: ${log#"$ROOT"/})"
fi
rm "$new/qmp.in" "$new/qmp.out" "$new/saved"
mv "$new" "$snapshot"
say "snapshot: ${snapshot#"$ROOT"/}, $(du -h --apparent-size "$snapshot/state" | cut -f1)"
