# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # variables of contract.sh
# Debian's CPython 3.11 and its own tests, a file of them at a time

suite_debian='python3.11 libpython3.11-testsuite'
suite_columns='stock binary'
suite_memory=1536

# Those that ask most of a kernel come first, and those that compute for minutes last:
# with FIRST=n only the first run.
cpython_first='test_signal test_threadsignals test_thread test_threading test_threading_local test_fork1 test_wait3
	test_wait4 test_os test_posix test_mmap test_select test_selectors test_epoll test_poll test_eintr test_fcntl test_ioctl
	test_pty test_openpty test_socket test_socketserver test_fileio test_file test_ctypes test_faulthandler
	test_resource test_time test_queue test_tempfile test_shutil test_popen test_pipes test_timeout test_asyncore
	test_asynchat test_sys test_subprocess test_multiprocessing_main_handling test_largefile test_stat test_glob
	test_pathlib test_script_helper test_cmd_line test_httpservers test_httplib test_ftplib test_xmlrpc test_ssl
	test_asyncio test_io test_multiprocessing_fork test_concurrent_futures test_multiprocessing_forkserver
	test_multiprocessing_spawn test_tracemalloc test_gc test_sys_settrace test_venv test_exceptions test_coroutines
	test_generators test_memoryview test_zlib test_tarfile test_float test_math test_hashlib test_regrtest
	test_weakref test_decimal'

# Files of tests that cannot be compared, each with its reason
cpython_left_out()
{
	cat <<-END
		test_bigmem needs more memory than there is
		test_bigaddrspace needs more memory than there is
		test_ensurepip needs a package that is not there
		test_smtpnet needs a network
		test_urllib2net needs a network
		test_urllibnet needs a network
		test_xmlrpc_net needs a network
	END
}

suite_build()
{
	lib=$root/usr/lib/python3.11
	mkdir -p "$root/usr/lib" "$root/usr/share" "$root/lib/x86_64-linux-gnu"
	# pthread_exit() opens it by its name.
	cp "$system/lib/x86_64-linux-gnu/libgcc_s.so.1" "$root/lib/x86_64-linux-gnu"
	cp "$system/usr/bin/python3.11" "$root/usr/bin"
	ln -s python3.11 "$root/usr/bin/python3"
	cp "$(command -v script)" "$root/usr/bin"
	cp -a "$system/usr/lib/python3.11" "$root/usr/lib"
	cp -a "$system/etc/python3.11" "$system/etc/mime.types" "$root/etc"
	[ ! -d "$system/usr/lib/locale" ] || cp -a "$system/usr/lib/locale" "$root/usr/lib"
	[ ! -d "$system/usr/share/zoneinfo" ] || cp -a "$system/usr/share/zoneinfo" "$root/usr/share"
	printf 'passwd: files\ngroup: files\nhosts: files\n' >"$root/etc/nsswitch.conf"
	# Each run of the guest begins without what the last one has compiled. -B: with what
	# this run leaves in $system the next image would be another. Some files have
	# errors for a purpose.
	"$system/lib64/ld-linux-x86-64.so.2" --inhibit-cache \
		--library-path "$system/lib/x86_64-linux-gnu:$system/usr/lib/x86_64-linux-gnu" \
		"$system/usr/bin/python3.11" -E -B -m compileall -q -j "$JOBS" --invalidation-mode unchecked-hash \
		-s "$root" "$lib" >"$LOGDIR/contract-cpython.log" 2>&1 || :

	cat >"$root/contract/list" <<-END
		#!mkdir -p /dev/pts /dev/shm /dev/mqueue; mount -t devpts -o ptmxmode=666 devpts /dev/pts
		#!mount -t tmpfs -o mode=1777 tmpfs /dev/shm; mount -t mqueue mqueue /dev/mqueue
		#!ip link set lo up
	END
	cpython_left_out >"$work/left-out"
	{
		echo "$cpython_first" | tr -s ' \t' '\n'
		find "$lib/test" -mindepth 1 -maxdepth 1 -name 'test_*' \( -name '*.py' -o -type d \) -printf '%f\n' |
			sed 's/\.py$//' | sort
	} | while read -r name; do
		[ -n "$name" ] || continue
		! grep -q "^$name " "$work/left-out" || continue
		seconds=600
		command="python3.11 -m test -v $name"
		case $name in
		test_asyncio | test_multiprocessing_spawn) seconds=1800 ;;
		# On the loopback device
		test_socketserver) command="$command -u network" ;;
		# It wants a terminal.
		test_ioctl) command="script -qec '$command' /dev/null" ;;
		esac
		echo "$name $seconds /tmp $command"
	done | awk '!seen[$1]++' >>"$root/contract/list"
}
