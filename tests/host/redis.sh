#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Redis: ping, redis-benchmark and BGSAVE from the host
set -u
. "$(dirname -- "$0")/../lib.sh"

port=$(free_port)
cli()
{
	timeout 20 redis-cli -p "$port" "$@"
}

saved()
{
	cli info persistence | tr -d '\r' >"$OUT/persistence"
	grep -q '^rdb_bgsave_in_progress:0' "$OUT/persistence"
}

try()
{
	what="$mode, $cpus CPUs"
	PORTS=$port:6379
	export PORTS
	start_app "$mode-$cpus" redis
	until_seen 60 cli ping || {
		fail "$what: answers" "$(tail -n 1 "$OUT/$mode-$cpus")"
		kill "$app_pid"
		finish_app
		return
	}
	is "$what: ping" "$(cli ping)" PONG
	cli set key before-the-save >/dev/null
	if timeout 300 redis-benchmark -p "$port" -q -n 2000 -c 20 -r 1000 -d 100 \
			-t ping_inline,ping_mbulk,set,get,incr,lpush,lpop,sadd,hset,zadd,mset >"$OUT/benchmark-$mode-$cpus" 2>&1 &&
			! grep -qi error "$OUT/benchmark-$mode-$cpus"; then
		pass "$what: redis-benchmark, $(tr '\r' '\n' <"$OUT/benchmark-$mode-$cpus" | sed -n 's/^GET: \(.* second\).*/GET \1/p' | tail -n 1)"
	else
		fail "$what: redis-benchmark" "$(tail -n 1 "$OUT/benchmark-$mode-$cpus")"
	fi
	if timeout 300 redis-benchmark -p "$port" -q -n 20000 -c 50 -P 16 -t set,get >"$OUT/pipeline-$mode-$cpus" 2>&1; then
		pass "$what: 50 clients, 16 requests in flight each"
	else
		fail "$what: 50 clients, 16 requests in flight each" "$(tail -n 1 "$OUT/pipeline-$mode-$cpus")"
	fi
	# The child's copy is saved while the parent goes on writing.
	cli bgsave >/dev/null
	cli set key after-the-fork >/dev/null
	until_seen 60 saved
	is "$what: BGSAVE" "$(sed -n 's/^rdb_last_bgsave_status://p' "$OUT/persistence")" ok
	is "$what: writes during BGSAVE" "$(cli get key)" after-the-fork
	[ "$(sed -n 's/^rdb_saves://p' "$OUT/persistence")" != 0 ] ||
		fail "$what: a file was saved" "rdb_saves is 0"
	cli shutdown nosave >/dev/null 2>&1
	finish_app
	is "$what: exit status after SHUTDOWN" "$status" 0
	! complaint=$(kernel_complaints "$OUT/$mode-$cpus") || fail "$what: kernel" "$complaint"
}

for cpus in 1 2; do
	kernel_for $cpus
	for mode in linked binary; do
		export MODE=$mode
		image redis
		try
	done
done
