# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # variables of contract.sh
# Redis' own tests in Tcl: Debian's Redis, and one built for each of the other columns

suite_debian='tcl8.6 redis-server redis-tools procps libc-bin'
# The kernel of an ordinary image
suite_fragments=
# They wait for times: those of instructions do not depend on the host's load.
suite_icount=1

# Those that ask most of a kernel come first: with FIRST=n only they run.
redis_first='unit/protocol unit/auth unit/other unit/networking unit/oom-score-adj unit/querybuf unit/quit unit/shutdown
	integration/shutdown integration/rdb integration/aof integration/aof-multi-part unit/aofrw integration/redis-cli
	integration/redis-benchmark integration/logging integration/dismiss-mem unit/multi unit/type/list unit/pubsub
	unit/pause unit/limits unit/obuf-limits unit/wait unit/client-eviction unit/introspection unit/latency-monitor
	unit/lazyfree unit/expire unit/cluster/links integration/convert-zipmap-hash-on-load unit/keyspace
	integration/replication-2 integration/replication-buffer integration/block-repl integration/failover'

# Units that cannot be compared, each with its reason
redis_left_out()
{
	cat <<-END
		unit/printver prints the version only
		unit/tls needs certificates and Tcl with TLS
		integration/corrupt-dump-fuzzer is of random data
	END
}

suite_build()
{
	"$ROOT/scripts/fetch.sh" debian redis
	mkdir -p "$root/contract/redis/src" "$root/usr/share"
	programs=$system/usr/bin
	if [ "$build" != glibc ]; then
		programs=$BUILD/contract/redis-$build
		id="$(readlink "$BUILD/src/redis") $CC $libc_stamp"
		if [ "$(cat "$programs/.id" 2>/dev/null)" != "$id" ]; then
			tree=$programs.tree
			rm -rf "$programs" "$tree"
			cp -a "$BUILD/src/redis/." "$tree"
			# As apps/redis is built
			logged "contract-redis-$build" make -C "$tree/src" -j"$JOBS" V=1 CC="$CC" MALLOC=jemalloc \
				JEMALLOC_CONFIGURE_OPTS=--with-jemalloc-prefix= BUILD_TLS=no USE_SYSTEMD=no \
				redis-server redis-cli redis-benchmark
			mkdir "$programs"
			for program in redis-server redis-cli redis-benchmark; do
				strip -g -o "$programs/$program" "$tree/src/$program"
			done
			rm -rf "$tree"
			echo "$id" >"$programs/.id"
		fi
	fi
	for program in redis-server redis-cli redis-benchmark; do
		cp "$programs/$program" "$root/contract/redis/src"
	done
	for name in redis-sentinel redis-check-rdb redis-check-aof; do
		ln -s redis-server "$root/contract/redis/src/$name"
	done
	tree=$BUILD/src/redis
	cp -a "$tree/tests" "$tree/runtest" "$tree/redis.conf" "$root/contract/redis"
	# BusyBox' ps knows no --ppid.
	cp "$system/bin/ps" "$system/usr/bin/getconf" "$root/usr/bin"
	# pthread_exit() of Tcl opens it by its name.
	mkdir -p "$root/lib/x86_64-linux-gnu"
	cp "$system/lib/x86_64-linux-gnu/libgcc_s.so.1" "$root/lib/x86_64-linux-gnu"
	cp "$system/usr/bin/tclsh8.6" "$root/usr/bin"
	cp -a "$system/usr/share/tcltk" "$root/usr/share"

	cat >"$root/contract/list" <<-END
		#!ip link set lo up; echo 1 >/proc/sys/vm/overcommit_memory
		level 60 /contract/redis ../level src/redis-server --port 7000
	END
	redis_left_out >"$work/left-out"
	{
		echo "$redis_first" | tr -s ' \t' '\n'
		awk '/^set ::all_tests/ { on = 1; next } /^}/ { on = 0 } on { print $1 }' "$tree/tests/test_helper.tcl"
	} | while read -r unit; do
		! grep -q "^$unit " "$work/left-out" || continue
		case $unit in
		# Never done in 300 either, of which they compute the rest
		unit/maxmemory | unit/memefficiency | unit/hyperloglog) limit=100 ;;
		*) limit=300 ;;
		esac
		echo "$unit $limit /contract/redis ./runtest --single $unit --clients 1 --durable --tags -slow"
	done | awk '!seen[$1]++' >>"$root/contract/list"
}
