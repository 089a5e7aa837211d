# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2016,SC2034,SC2154 # variables of contract.sh
# BusyBox' own tests: Debian's static BusyBox, and one built for each of the other
# columns, which is also the guest's shell there

suite_memory=512
# The kernel of an ordinary image
suite_fragments=
# They wait for times: those of instructions do not depend on the host's load.
suite_icount=1

# Those of the source itself, and of minutes of arithmetic
busybox_left_out='all_sourcecode|bc|dc|ash-z_slow'

suite_build()
{
	"$ROOT/scripts/fetch.sh" debian busybox
	src=$(readlink -f "$BUILD/src/busybox")
	tree=$BUILD/contract/busybox-$build
	id="$src $CC $libc_stamp"
	if [ "$build" = glibc ]; then
		mkdir -p "$tree"
		cp "$src/debian/config/pkg/static" "$tree/.config"
		cp "$(command -v busybox)" "$tree/busybox"
	elif [ "$(cat "$tree/.id" 2>/dev/null)" != "$id" ]; then
		rm -rf "$tree"
		mkdir -p "$tree"
		# As Debian's, without what needs functions of glibc
		sed 's/^\(CONFIG_EXTRA_COMPAT\|CONFIG_FEATURE_VI_REGEX_SEARCH\)=y/# \1 is not set/' \
			"$src/debian/config/pkg/static" >"$tree/.config"
		logged "contract-busybox-$build" sh -eux -c '
			src=$1 tree=$2 CC=$3
			yes "" | make -C "$tree" -f "$src/Makefile" KBUILD_SRC="$src" oldconfig
			make -C "$tree" -j"$4" SKIP_STRIP=y CC="$CC" HOSTCC=gcc busybox_unstripped
			strip -o "$tree/busybox" "$tree/busybox_unstripped"' sh "$src" "$tree" "$CC" "$JOBS"
		echo "$id" >"$tree/.id"
	fi
	top=$root/contract/busybox
	mkdir -p "$top/shell"
	cp "$tree/busybox" "$root/bin"
	cp "$tree/busybox" "$tree/.config" "$top"
	cp -a "$src/testsuite" "$top"
	cp -a "$src/shell/ash_test" "$top/shell"
	for program in recho zecho printenv; do
		logged "contract-busybox-$program" "$CC" -O2 -static -o "$top/shell/ash_test/$program" \
			"$src/shell/ash_test/$program.c"
	done
	cat >"$root/contract/list" <<-'END'
		#!mkdir -p /dev/shm; mount -t tmpfs tmpfs /dev/shm; ip link set lo up
		level 60 /tmp /contract/level /contract/busybox/busybox sleep 20
	END
	{
		find "$src/testsuite" -mindepth 1 -maxdepth 1 \( -name '*.tests' -o -type d \) -printf '%f\n' |
			sed 's/\.tests$//' | sort -u | while read -r applet; do
			echo "$applet 120 /contract/busybox/testsuite SKIP_INTERNET_TESTS=y LANG=C.UTF-8 LC_ALL=C.UTF-8 ./runtest $applet"
		done
		find "$src/shell/ash_test" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort | while read -r dir; do
			echo "$dir 120 /contract/busybox/shell/ash_test ./run-all $dir"
		done
	} | grep -vE "^($busybox_left_out) " >>"$root/contract/list"
}
