# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # variables of contract.sh
# the kernel's own selftests, from its source package

suite_packages='cpio libcap-dev libcap-ng-dev libnuma-dev libmnl-dev libpopt-dev'
suite_memory=1536
# They wait for times: those of instructions do not depend on the host's load.
suite_icount=3

selftests_dirs='acct breakpoints cachestat capabilities clone3 core exec fchmodat2 filelock
	filesystems filesystems/epoll filesystems/eventfd filesystems/statmount futex/functional ipc
	kcmp landlock membarrier memfd mincore mm mount mount_setattr move_mount_set_group mqueue net
	nsfs openat2 perf_events pid_namespace pidfd prctl proc ptrace rlimits rseq sched seccomp
	sigaltstack size splice sync syscall_user_dispatch timens timers tmpfs tty uevent vDSO x86'

selftests_net='socket psock_fanout psock_tpacket msg_zerocopy reuseport_addr_any psock_snd txring_overwrite
	udpgso ip_defrag so_netns_cookie reuseaddr_ports_exhausted reuseport_bpf reuseport_bpf_cpu
	reuseport_bpf_numa reuseport_dualstack reuseaddr_conflict tls tun tap epoll_busy_poll bind_bhash
	netlink-dumps sk_bind_sendto_listen sk_connect_zero_addr sk_so_peek_off so_incoming_cpu
	ip_local_port_range bind_wildcard bind_timewait'

# Programs that are no tests here: measurements that take minutes, what needs a
# device or another system. DIR/PROGRAM, each with its reason.
selftests_left_out()
{
	cat <<-END
		breakpoints/step_after_suspend_test suspends the machine
		exec/binfmt_script.py needs Python
		rseq/param_test_benchmark measures
		rseq/param_test_mm_cid_benchmark measures
		seccomp/seccomp_benchmark measures
		size/get_size process 1 only
		timers/nsleep-lat measures
		timers/raw_skew two minutes of the clock's skew, which an emulator makes up
		timers/set-timer-lat measures
		timers/mqueue-lat measures
		timers/rtcpie needs the CMOS clock
		mqueue/mq_perf_tests measures
		uevent/uevent_filtering forks for minutes
	END
}

# Invocations that are in scripts there: NAME SECONDS COMMAND. Programs of these
# directories are not listed otherwise.
selftests_commands()
{
	cat <<-END
		mm/hugepage-mmap 120 ./hugepage-mmap
		mm/hugepage-shm 120 ./hugepage-shm
		mm/map_hugetlb 120 ./map_hugetlb
		mm/hugepage-mremap 120 ./hugepage-mremap
		mm/hugetlb-madvise 120 ./hugetlb-madvise
		mm/hugetlb_dio 120 ./hugetlb_dio
		mm/hugetlb_fault_after_madv 120 ./hugetlb_fault_after_madv
		mm/hugetlb_madv_vs_map 120 ./hugetlb_madv_vs_map
		mm/map_fixed_noreplace 120 ./map_fixed_noreplace
		mm/gup_test 120 ./gup_test -ct -F 0x1 0 19 0x1000
		mm/gup_longterm 120 ./gup_longterm
		mm/uffd-unit-tests 240 ./uffd-unit-tests
		mm/uffd-stress-anon 120 ./uffd-stress anon 20 4
		mm/uffd-stress-hugetlb 120 ./uffd-stress hugetlb 64 4
		mm/uffd-stress-shmem 120 ./uffd-stress shmem 20 4
		mm/compaction_test 120 ./compaction_test
		mm/on-fault-limit 120 ./on-fault-limit
		mm/map_populate 120 ./map_populate
		mm/mlock-random-test 120 ./mlock-random-test
		mm/mlock2-tests 120 ./mlock2-tests
		mm/mrelease_test 120 ./mrelease_test
		mm/mremap_test 120 ./mremap_test
		mm/mremap_dontunmap 120 ./mremap_dontunmap
		mm/thuge-gen 120 ./thuge-gen
		mm/va_high_addr_switch 120 ./va_high_addr_switch
		mm/madv_populate 120 ./madv_populate
		mm/memfd_secret 120 ./memfd_secret
		mm/ksm-merge 120 ./ksm_tests -M -p 10
		mm/ksm-unmerge 120 ./ksm_tests -U
		mm/ksm-zero 120 ./ksm_tests -Z -p 10 -z 0
		mm/ksm_functional_tests 120 ./ksm_functional_tests
		mm/protection_keys 240 ./protection_keys_64
		mm/pkey_sighandler_tests 120 ./pkey_sighandler_tests_64
		mm/soft-dirty 120 ./soft-dirty
		mm/pagemap_ioctl 240 ./pagemap_ioctl
		mm/cow 300 ./cow
		mm/khugepaged 300 ./khugepaged
		mm/split_huge_page_test 120 ./split_huge_page_test
		mm/migration 120 ./migration
		mm/mkdirty 120 ./mkdirty
		mm/mdwe_test 120 ./mdwe_test
		mm/mseal_test 120 ./mseal_test
		mm/seal_elf 120 ./seal_elf
		mm/droppable 120 ./droppable
		mm/transhuge-stress 120 ./transhuge-stress -d 10
		net/socket 120 ./socket
		net/psock_fanout 120 ./psock_fanout
		net/psock_tpacket 120 ./psock_tpacket
		net/txring_overwrite 120 ./txring_overwrite
		net/reuseport_addr_any 120 ./reuseport_addr_any
		net/reuseaddr_ports_exhausted 120 ./reuseaddr_ports_exhausted.sh
		net/ip_local_port_range 120 ./ip_local_port_range.sh
		net/so_netns_cookie 120 ./so_netns_cookie
		net/bind_bhash 120 ./bind_bhash 6000 ipv4 127.0.0.1
		net/udpgso 120 ./udpgso.sh
		net/ip_defrag 120 ./ip_defrag.sh
		net/msg_zerocopy-tcp 120 bash ./msg_zerocopy.sh
		splice/default_file_splice_read 120 ./default_file_splice_read.sh
		splice/short_splice_read 120 ./short_splice_read.sh
		sync/sync_test 120 ./sync_test
		rseq/param_test 200 ./param_test -T s -r 200 -t 4; ./param_test -T l -r 200 -t 4; ./param_test -T b -r 200 -t 4; ./param_test -T i -r 200 -t 4
		futex/requeue_pi 120 ./futex_requeue_pi -b -l -o
		nolibc/nolibc-test 120 ./nolibc-test
	END
}

# One of the directories, in $tree, once
selftests_make()
{
	stamp=$tree/.done-$(echo "$1" | tr / -)
	[ ! -f "$stamp" ] || return 0
	touch "$stamp"
	goals=all
	# All would need a compiler for BPF.
	[ "$1" != net ] || goals=$(for prog in $selftests_net; do echo "$tree/tools/testing/selftests/net/$prog"; done)
	# shellcheck disable=SC2086 # a list
	make -C "$tree/tools/testing/selftests/$1" -k -j"$JOBS" CC="$CC" OUTPUT="$tree/tools/testing/selftests/$1" \
		KHDR_INCLUDES="-isystem $BUILD/contract/headers/usr/include" $goals
}

suite_build()
{
	stock=$BUILD/src/linux-stock
	tree=$BUILD/contract/src-$build
	"$ROOT/scripts/fetch.sh" linux
	[ -d "$BUILD/contract/headers/usr/include/linux" ] || {
		mkdir -p "$BUILD/contract/headers"
		logged contract-headers make -C "$stock" O="$BUILD/contract/headers" ARCH=x86_64 headers
	}
	id="$(cat "$BUILD/src/.linux") $($CC --version | head -n 1) $libc_stamp"
	if [ "$(cat "$tree/.id" 2>/dev/null)" != "$id" ]; then
		rm -rf "$tree"
		mkdir -p "$tree"
		# Hard links: what is built are new files.
		(cd "$stock" && cp -al --parents tools scripts include/uapi include/linux mm/gup_test.h \
			arch/x86/include arch/x86/entry "$tree")
		$CC -Os -static -nostdlib -include "$tree/tools/include/nolibc/nolibc.h" \
			-o "$tree/tools/testing/selftests/nolibc/nolibc-test" \
			"$tree/tools/testing/selftests/nolibc"/nolibc-test*.c -lgcc \
			>"$LOGDIR/contract-nolibc-$build.log" 2>&1 || :
		echo "$id" >"$tree/.id"
	fi
	for dir in $selftests_dirs; do
		selftests_make "$dir" || :
	done >>"$LOGDIR/contract-$build.log" 2>&1

	cat >"$root/contract/list" <<-END
		#!mkdir -p /dev/pts /dev/shm /dev/mqueue; mount -t devpts devpts /dev/pts
		#!mount -t tmpfs -o mode=1777 tmpfs /dev/shm; mount -t mqueue mqueue /dev/mqueue
		#!mount -t cgroup2 cgroup2 /sys/fs/cgroup; mount -t debugfs debugfs /sys/kernel/debug
		#!ip link set lo up; echo 96 >/proc/sys/vm/nr_hugepages
	END
	selftests_left_out >"$work/left-out"
	{
		for dir in $selftests_dirs; do
			case $dir in
			mm) continue ;;
			esac
			make -s -C "$tree/tools/testing/selftests/$dir" CC="$CC" COLLECTION="$dir" emit_tests 2>/dev/null |
				sed -n "s,^$dir:,,p" | while read -r prog; do
				seconds=60
				case $dir in
				timers | seccomp | landlock) seconds=300 ;;
				esac
				echo "$dir/$prog $seconds ./$prog"
			done
		done
		selftests_commands
	} | while read -r name seconds command; do
		dir=${name%/*}
		[ "$name" != futex/requeue_pi ] || dir=futex/functional
		echo "$selftests_dirs nolibc" | grep -qw "$dir" || continue
		# Only what was built: programs, and scripts that are named above.
		prog=${command#bash }
		prog=$(readlink -f "$tree/tools/testing/selftests/$dir/${prog%%[ ;]*}")
		[ -f "$prog" ] || continue
		if [ "$(head -c 4 "$prog" | tail -c 3)" != ELF ]; then
			selftests_commands | grep -q "^$name " || continue
		fi
		! grep -qw "^$name" "$work/left-out" || continue
		echo "$name $seconds /contract/selftests/$dir $command"
	done | awk '!seen[$1]++' >>"$root/contract/list"

	# The directories as they are, with scripts and links, but the sources.
	mkdir -p "$root/contract/selftests"
	(cd "$tree/tools/testing/selftests" && for dir in $selftests_dirs nolibc kselftest net/lib; do
		find "$dir" -maxdepth 1 \( -type f -o -type l \) ! -name '*.[cohS]' ! -name '*.o.d' -size -20000k
	done | cpio -pdm --quiet "$root/contract/selftests")
	find "$root/contract/selftests" -type f -perm /111 -exec sh -c '
		for f; do
			[ "$(head -c 4 "$f" | tail -c 3)" != ELF ] || strip -g "$f"
		done' sh {} +
}
