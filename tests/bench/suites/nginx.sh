# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
# nginx: a small page, with the client in the guest and on the host (wrk)
MAIN=instructions

# wrk says latencies in us, ms or s.
nginx_client()
{
	wrk -t 1 -c 10 -d 2s --latency "http://127.0.0.1:$1/" | awk '
		function us(t)
		{
			return t ~ /us$/ ? t + 0 : t ~ /ms$/ ? 1000 * t : 1000000 * t
		}
		$1 == "50%" { print "page_host p50 us " us($2) }
		$1 == "99%" { print "page_host p99 us " us($2) }
		$1 == "Requests/sec:" { print "page_host throughput requests/s " $2 }'
}

measure()
{
	"$ROOT/scripts/setup.sh" wrk
	images bench-nginx
	clocked bench-nginx
	timed bench-nginx
	images nginx
	from_host nginx 80 answers nginx_client
}
