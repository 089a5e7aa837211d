#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# TCP from the host: 4 MiB to and fro, several connections
set -u
. "$(dirname -- "$0")/../lib.sh"

tool=$(helper)
app=$(temporary_app probe)
port=$(free_port)
for cpus in 1 2; do
	for mode in linked binary; do
		export MODE=$mode
		kernel_for $cpus
		image "$app"
		PORTS=$port:7 ARGS="echo 7"
		export PORTS ARGS
		start_app "$mode-$cpus" "$app"
		until_seen 60 grep -q 'probe: listening' "$OUT/$mode-$cpus" ||
			fail "$mode, $cpus CPUs: server starts" "$(tail -n 1 "$OUT/$mode-$cpus")"
		for size in 1 100000 4194304; do
			if "$tool" echo "$port" $size 2>"$OUT/echo.err"; then
				pass "$mode, $cpus CPUs: $size bytes come back"
			else
				fail "$mode, $cpus CPUs: $size bytes come back" "$(cat "$OUT/echo.err")"
			fi
		done
		# Connected and closed: the server ends.
		"$tool" echo "$port" 0 2>/dev/null
		finish_app
		is "$mode, $cpus CPUs: exit status" "$status" 0
	done
done
