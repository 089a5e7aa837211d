#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# exit status and signals as exit status; arguments and environment
set -u
. "$(dirname -- "$0")/../lib.sh"

# ends WHAT ARGUMENTS WANTED
ends()
{
	ARGS=$2
	export ARGS
	run_app "$mode-$(echo "$2" | tr ' ' -)" "$app"
	is "$mode: $1" "$status" "$3"
	unset ARGS
}

app=$(temporary_app probe)
for mode in linked binary stock; do
	export MODE=$mode
	image "$app"
	ends "status 7" "exit 7" 7
	ends "status 255" "exit 255" 255
	ends "SIGSEGV is 139" "crash 8" 139
	ends "SIGTERM is 143" "kill 15" 143
	ends "SIGKILL is 137" "kill 9" 137
	ends "exit of another thread than main" "thread 5" 5
	ends "an orphan is left" "orphan 6" 6

	run_app "$mode-image" "$app"
	shows "$mode: arguments of the image" "$OUT/$mode-image" 'argv\[2\]=<0>'
	shows "$mode: environment of the image" "$OUT/$mode-image" 'FROM=<image> EXTRA=<\(null\)>'
	APPEND="ukl.args=\"exit 3 'b c'\" ukl.env=FROM=line ukl.env=EXTRA=more" \
		run_app "$mode-line" "$app"
	is "$mode: kernel command line: exit status" "$status" 3
	shows "$mode: kernel command line: quoted argument" "$OUT/$mode-line" 'argv\[3\]=<b c>'
	shows "$mode: kernel command line: environment wins" "$OUT/$mode-line" 'FROM=<line> EXTRA=<more>'
done
MODE=linked

# What make hands on by mistake would take the place of what is in the image.
make -C "$ROOT" --no-print-directory run APP="$app" TIMEOUT=60 >"$OUT/make" 2>&1 </dev/null
shows "make run: arguments of the image" "$OUT/make" 'argv\[2\]=<0>'

APPEND=ukl.exec=/bin/nothing run_app absent "$app"
is "absent program: exit status" "$status" 127
shows "absent program: says so" "$OUT/absent" '^ukl: cannot execute /bin/nothing: '
ARGS="sleep 60"
TIMEOUT=5
export ARGS TIMEOUT
run_app timeout "$app"
is "TIMEOUT: exit status" "$status" 124

# It takes its guest along, at once.
TIMEOUT=120
start_app ended "$app"
until_seen 60 grep -q 'argv\[2\]' "$OUT/ended"
before=$(date +%s)
kill "$app_pid"
finish_app
is "SIGTERM for run.sh: exit status" "$status" 143
[ $(($(date +%s) - before)) -lt 30 ]
is "SIGTERM for run.sh: the guest ends" $? 0
