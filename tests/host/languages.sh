#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# programs of every language, as Debian ships or its compilers make them, do their work
#
# ROWS="lang-go ..." are the applications to run, "all" for those that have a file
# "check": shell, of the functions below. Without it, those that need little.
set -u
. "$(dirname -- "$0")/../lib.sh"

QUICK='lang-python'

rows=${ROWS:-$QUICK}
# shellcheck disable=SC2012 # our own names
[ "$rows" != all ] || rows=$(cd "$ROOT/apps" && ls -d -- */check | sed 's,/check,,' | paste -sd' ')
port=$(free_port)

# get PATH: one HTTP request to the forwarded port, to $OUT/answer
get()
{
	# shellcheck disable=SC2016 # for the inner shell
	timeout 60 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" &&
		printf "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" "$1" >&3 && cat <&3' \
		"$port" "$1" 2>/dev/null | tr -d '\r' >"$OUT/answer"
	grep -q '^HTTP/1.1 200 ' "$OUT/answer"
}

# serves PATH REGEX...: start the application unless it runs, and get PATH; each
# expression is in a line of the answer
serves()
{
	path=$1
	shift
	[ -n "$started" ] || {
		started=yes
		PORTS=$port:$(sed -n 's/^ports=[0-9]*://p' "$image/info") \
			QEMU_OPTS="-pidfile $OUT/$app.pid" start_app "$app" "$app"
		until_seen 240 get "$path"
	}
	if ! get "$path"; then
		fail "$app: answers GET $path" "$(clean_console "$OUT/$app" | tail -n 2)"
		return
	fi
	for regex; do
		shows "$app: GET $path: $regex" "$OUT/answer" "$regex"
	done
}

# ends STATUS [PATH]: with GET PATH a server ends; other programs have done their
# work then
ends()
{
	if [ -n "$started" ]; then
		get "$2"
		# One that does not heed it
		until_seen 30 false
		kill "$(cat "$OUT/$app.pid" 2>/dev/null)" 2>/dev/null
		finish_app
	else
		TIMEOUT=300 run_app "$app" "$app"
	fi
	is "$app: exit status" "$status" "$1"
}

# prints REGEX...: each is in a line of the console
prints()
{
	clean_console "$OUT/$app" >"$OUT/$app.console"
	for regex; do
		shows "$app: prints $regex" "$OUT/$app.console" "$regex"
	done
}

for app in $rows; do
	[ -f "$ROOT/apps/$app/check" ] || quit "$app" "there is no apps/$app/check"
	started=
	image "$app"
	image=$BUILD/images/$app+$("$ROOT/scripts/recipe.sh" "$ROOT/apps/$app/recipe" MODE)
	# shellcheck disable=SC1090 # one for each application
	. "$ROOT/apps/$app/check"
	! complaint=$(kernel_complaints "$OUT/$app") || fail "$app: kernel" "$complaint"
done
