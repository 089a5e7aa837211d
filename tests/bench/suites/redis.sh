# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
# Redis: GET and SET, with the client in the guest and on the host
MAIN=instructions

redis_ready()
{
	[ "$(redis-cli -p "$1" ping)" = PONG ]
}

redis_client()
{
	redis-benchmark -p "$1" -t set,get -n 4000 -c 10 --csv | awk -F '","|"' '
		$2 == "SET" || $2 == "GET" {
			print $2 "_host throughput requests/s " $3
			print $2 "_host p50 us " $6 * 1000
			print $2 "_host p99 us " $8 * 1000
		}'
}

measure()
{
	"$ROOT/scripts/setup.sh" redis-tools
	images bench-redis
	clocked bench-redis
	timed bench-redis
	images redis
	from_host redis 6379 redis_ready redis_client
}
