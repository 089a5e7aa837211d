# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
# memcached: get and set, with the client in the guest and on the host (memcaslap)
MAIN=instructions

# Its own mix: nine gets to a set, values of 1 KiB.
memcached_client()
{
	memcaslap -s "127.0.0.1:$1" -T 1 -c 10 -x 4000 | awk '
		/^Run time:/ {
			for (i = 1; i < NF; i++)
				if ($i == "TPS:")
					print "mix_host throughput requests/s " $(i + 1)
		}'
}

measure()
{
	"$ROOT/scripts/setup.sh" libmemcached-tools
	images bench-memcached
	clocked bench-memcached
	timed bench-memcached
	images memcached
	from_host memcached 11211 answers memcached_client
}
