#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# programs of every language, as Debian ships or its compilers make them, do their work
#
# ROWS="lang-go ..." are the applications to run, "all" for those that have a file
# "check": shell, of the functions below. Without it, those that need little. A word
# "lang-go:user" is for another MODE than the recipe's.
set -u
. "$(dirname -- "$0")/../lib.sh"

QUICK='lang-perl lang-lua lang-cpp lang-python deb-busybox packets packets:binary'

rows=${ROWS:-$QUICK}
# shellcheck disable=SC2012 # our own names
[ "$rows" != all ] || rows="$(cd "$ROOT/apps" && ls -d -- */check | sed 's,/check,,' | paste -sd' ') packets:binary"
port=$(free_port)
patience=60

# ask REQUEST: send it to the forwarded port, and have what comes until the end in
# $OUT/answer. "/PATH" is GET of HTTP, anything else is sent as printf writes it.
ask()
{
	text=$1
	case $1 in
	/*) text="GET $1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" ;;
	esac
	# shellcheck disable=SC2016 # for the inner shell
	timeout "$patience" bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && printf "$1" >&3 && cat <&3' \
		"$port" "$text" 2>/dev/null | tr -d '\r' >"$OUT/answer"
	case $1 in
	/*) grep -q '^HTTP/1.[01] 200 ' "$OUT/answer" ;;
	*) [ -s "$OUT/answer" ] ;;
	esac
}

# serves REQUEST REGEX...: start the application unless it runs, and ask; each
# expression is in a line of the answer
serves()
{
	request=$1
	shift
	[ -n "$started" ] || {
		started=yes
		PORTS=$port:$("$ROOT/scripts/recipe.sh" "$ROOT/apps/$app/recipe" PORTS | cut -d: -f2) \
			QEMU_OPTS="-pidfile $OUT/pid" start_app "$app" "$app"
		# QEMU may take a connection before the guest has a network.
		patience=2
		until_seen 240 ask "$request"
		patience=60
	}
	asked=
	case $request in
	/*) asked="$request: " ;;
	esac
	if ! ask "$request"; then
		fail "$row: ${asked}answers" "$(clean_console "$OUT/$app" | tail -n 2)"
		return
	fi
	for regex; do
		shows "$row: $asked$regex" "$OUT/answer" "$regex"
	done
}

# stops: end a server that does not end by itself
stops()
{
	kill "$(cat "$OUT/pid" 2>/dev/null)" 2>/dev/null
	finish_app
}

# ends STATUS [REQUEST]: a server does when it is asked to; other programs when
# their work is done
ends()
{
	if [ -n "$started" ]; then
		ask "$2"
		# Or it has not heeded that.
		until_seen 30 false
		stops
	else
		TIMEOUT=300 run_app "$app" "$app"
	fi
	is "$row: exit status" "$status" "$1"
}

# prints REGEX...: each is in a line of the console
prints()
{
	clean_console "$OUT/$app" >"$OUT/$app.console"
	for regex; do
		shows "$row: prints $regex" "$OUT/$app.console" "$regex"
	done
}

for row in $rows; do
	app=${row%:*}
	[ -f "$ROOT/apps/$app/check" ] || quit "$row" "there is no apps/$app/check"
	unset MODE
	[ "$app" = "$row" ] || export MODE="${row#*:}"
	started=
	image "$app"
	# shellcheck disable=SC1090 # one for each application
	. "$ROOT/apps/$app/check"
	! complaint=$(kernel_complaints "$OUT/$app") || fail "$row: kernel" "$complaint"
done
