# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # variables of contract.sh
# Redis' own tests in Tcl, against Redis built for each column

suite_debian=tcl8.6
suite_columns='stock binary musl linked'

# Units that cannot be compared, each with its reason
redis_left_out()
{
	cat <<-END
		unit/printver prints the version only
		unit/tls needs Redis with TLS
		integration/corrupt-dump-fuzzer is of random data
	END
}

suite_build()
{
	"$ROOT/scripts/fetch.sh" debian redis
	tree=$BUILD/contract/redis-$build
	id="$(readlink "$BUILD/src/redis") $CC"
	case $build in
	musl) id="$id $(cat "$BUILD/sysroot-stock/.stamp")" ;;
	linked) id="$id $(cat "$BUILD/sysroot/.stamp")" ;;
	esac
	if [ "$(cat "$tree/.id" 2>/dev/null)" != "$id" ]; then
		rm -rf "$tree"
		cp -a "$BUILD/src/redis/." "$tree"
		# As apps/redis is built
		logged "contract-redis-$build" make -C "$tree/src" -j"$JOBS" V=1 CC="$CC" MALLOC=jemalloc \
			JEMALLOC_CONFIGURE_OPTS=--with-jemalloc-prefix= BUILD_TLS=no USE_SYSTEMD=no \
			redis-server redis-cli redis-benchmark
		echo "$id" >"$tree/.id"
	fi
	mkdir -p "$root/contract/redis/src" "$root/usr/share"
	cp -a "$tree/tests" "$tree/runtest" "$tree/redis.conf" "$root/contract/redis"
	for program in redis-server redis-cli redis-benchmark; do
		strip -g -o "$root/contract/redis/src/$program" "$tree/src/$program"
	done
	for name in redis-sentinel redis-check-rdb redis-check-aof; do
		ln -s redis-server "$root/contract/redis/src/$name"
	done
	cp "$system/usr/bin/tclsh8.6" "$root/usr/bin"
	cp -a "$system/usr/share/tcltk" "$root/usr/share"

	cat >"$root/contract/list" <<-END
		#!ip link set lo up; echo 1 >/proc/sys/vm/overcommit_memory
	END
	redis_left_out >"$work/left-out"
	awk '/^set ::all_tests/ { on = 1; next } /^}/ { on = 0 } on { print $1 }' "$tree/tests/test_helper.tcl" |
		while read -r unit; do
			! grep -q "^$unit " "$work/left-out" || continue
			echo "$unit 600 /contract/redis ./runtest --single $unit --clients 1 --tags -slow"
		done >>"$root/contract/list"
}
