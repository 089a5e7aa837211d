#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# nginx, memcached and SQLite answer as they should
set -u
. "$(dirname -- "$0")/../lib.sh"

# The client of the benchmarks, which checks every answer, for this host.
load=$OUT/load
gcc -O2 -Wall -Wextra -Wno-unused-parameter -o "$load" "$ROOT/tests/bench/guest/load.c" ||
	quit "client" "it does not compile"
port=$(free_port)

# talk TEXT FILE: send it to the port, and write what comes until the end to a file
talk()
{
	# shellcheck disable=SC2016 # for the inner shell
	timeout 30 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && printf "$1" >&3 && cat <&3' \
		"$port" "$1" 2>"$2.err" | tr -d '\r' >"$2"
	[ -s "$2" ]
}

get()
{
	talk "GET $1 HTTP/1.0\r\n\r\n" "$OUT/answer$2"
}

# serve APP PORT COMMAND...: start it, and wait until the command succeeds
serve()
{
	app=$1
	image "$app"
	PORTS=$port:$2 QEMU_OPTS="-pidfile $OUT/$app.pid" start_app "$app" "$app"
	shift 2
	until_seen 90 "$@" && return
	fail "$app: answers" "$(tail -n 3 "$OUT/$app")"
	return 1
}

# stop: a server that does not end by itself
stop()
{
	kill "$(cat "$OUT/$app.pid" 2>/dev/null)" 2>/dev/null
	finish_app
}

# busy PROTOCOL: many requests by ten connections
busy()
{
	if timeout 120 "$load" -n 200 "$1" "$port" >"$OUT/load-$app" 2>&1; then
		pass "$app: ten connections at once"
	else
		fail "$app: ten connections at once" "$(tail -n 1 "$OUT/load-$app")"
	fi
}

healthy()
{
	! complaint=$(kernel_complaints "$OUT/$app") || fail "$app: kernel" "$complaint"
}

if serve nginx 80 get / 1; then
	get / 1
	is "nginx: status" "$(head -n 1 "$OUT/answer1")" "HTTP/1.1 200 OK"
	sed '1,/^$/d' "$OUT/answer1" >"$OUT/body"
	if cmp "$ROOT/apps/nginx/index.html" "$OUT/body" >"$OUT/cmp" 2>&1; then
		pass "nginx: page"
	else
		fail "nginx: page" "$(cat "$OUT/cmp")"
	fi
	get /none 2
	is "nginx: status without a page" "$(head -n 1 "$OUT/answer2")" "HTTP/1.1 404 Not Found"
	busy http
fi
stop
healthy

# -A: the protocol can end it. Four threads, where the recipe has one.
ARGS='-u nobody -l 0.0.0.0 -U 0 -m 64 -t 4 -A'
export ARGS
if serve memcached 11211 talk 'version\r\nquit\r\n' "$OUT/version"; then
	talk 'set key 7 0 5\r\nhello\r\nget key\r\nincr key 1\r\ndelete key\r\nget key\r\nquit\r\n' "$OUT/session"
	is "memcached: set, get, delete" "$(tr '\n' ' ' <"$OUT/session")" \
		"STORED VALUE key 7 5 hello END CLIENT_ERROR cannot increment or decrement non-numeric value DELETED END "
	busy memcached
	talk 'shutdown\r\n' "$OUT/shutdown"
	finish_app
	is "memcached: exit status after shutdown" "$status" 0
else
	stop
fi
healthy

# sql WHAT STATUS WANTED ARGS: the shell ends with the status, and says so
sql()
{
	ARGS=$4
	run_app "sqlite-$2" sqlite
	is "sqlite: $1: status" "$status" "$2"
	shows "sqlite: $1" "$OUT/sqlite-$2" "$3"
}

app=sqlite
image sqlite
sql "10000 rows and an index" 0 '^10000\|49995000\|959.?$' \
	"/tmp/db 'create table t (a, b); create index i on t (b);' \
	'with recursive n (x) as (select 0 union all select x + 1 from n where x < 9999) insert into t select x, x * 7919 % 10000 from n' \
	'select count(*), sum(b), (select a from t where b = 4321) from t'"
sql "an error of syntax" 1 'no such column: nonsense' "/tmp/db 'select nonsense'"
unset ARGS
run_app sqlite sqlite
is "sqlite: script in the image: status" "$status" 0
shows "sqlite: script in the image" "$OUT/sqlite" '│ [0-9.]+ +│ 4 +│ 110 +│'
healthy
