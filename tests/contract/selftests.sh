# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2086,SC2154 # variables of contract.sh, lists
# the kernel's own selftests, from its source package

suite_packages='cpio e2fsprogs ethtool libcap-dev libcap-ng-dev libfuse-dev libnuma-dev libmnl-dev libpopt-dev'
suite_memory=1536
suite_columns='stock binary musl linked user'
# They wait for times: those of instructions do not depend on the host's load.
suite_icount=3

selftests_dirs='acct breakpoints cachestat capabilities clone3 core exec fchmodat2 filelock
	filesystems filesystems/epoll filesystems/eventfd filesystems/overlayfs filesystems/statmount
	futex/functional ipc kcmp landlock membarrier memfd mincore mm mount mount_setattr
	move_mount_set_group mqueue net net/af_unix nsfs openat2 perf_events pid_namespace pidfd prctl
	proc ptrace rlimits rseq sched seccomp sigaltstack size splice sync syscall_user_dispatch timens
	timers tmpfs tty uevent vDSO x86'

# All of net would need a compiler for BPF.
selftests_net='socket psock_fanout psock_tpacket msg_zerocopy reuseport_addr_any psock_snd txring_overwrite
	udpgso so_netns_cookie reuseaddr_ports_exhausted reuseport_bpf reuseport_bpf_cpu
	reuseport_bpf_numa reuseport_dualstack reuseaddr_conflict tls tun tap epoll_busy_poll bind_bhash
	netlink-dumps sk_bind_sendto_listen sk_connect_zero_addr sk_so_peek_off so_incoming_cpu
	ip_local_port_range bind_wildcard bind_timewait tcp_inq tcp_fastopen_backup_key'

# What is no test here: a pattern for DIR/PROGRAM, with which libraries ("*" is
# all, "musl" is linked as well), and why. A program that is not named here has to
# be built. docs/contract.md has the same by reason.
selftests_left_out()
{
	cat <<-END
		breakpoints/step_after_suspend_test * suspends the machine
		exec/binfmt_script.py * needs Python
		filesystems/binderfs/* * CONFIG_ANDROID_BINDERFS is not set
		filesystems/dnotify_test * shows how to use dnotify, and checks nothing
		filesystems/fat/* * CONFIG_VFAT_FS is not set
		futex/functional/run.sh * calls what is called here one by one
		memfd/run_*.sh * calls what is called here one by one
		mm/hmm-tests * CONFIG_TEST_HMM is not set
		mm/hugetlb-read-hwpoison * CONFIG_MEMORY_FAILURE is not set
		mm/hugetlb-soft-offline * CONFIG_MEMORY_FAILURE is not set
		mm/hugetlb_fault_after_madv * races for more than 120 seconds on one processor
		mm/write_to_hugetlbfs * CONFIG_CGROUP_HUGETLB is not set
		mqueue/mq_perf_tests * measures
		net/tcp_ao/* * CONFIG_TCP_AO is not set
		net/tcp_mmap * measures
		net/run_* * calls what is called here one by one
		net/*.sh * tests the network by ip, tc, ping and the like
		net/*.py * needs Python
		rseq/basic_percpu_ops_* * spins on one processor for more than 300 seconds
		rseq/param_test*_benchmark * measures
		rseq/run_param_test.sh * calls what is called here one by one
		seccomp/seccomp_benchmark * measures
		size/get_size * runs as process 1 only
		timers/mqueue-lat * measures
		timers/nsleep-lat * measures
		timers/raw_skew * looks for minutes at the skew of a clock that the emulator makes up
		timers/rtcpie * needs the CMOS clock
		timers/set-timer-lat * measures
		uevent/uevent_filtering * forks for minutes
		x86/ldt_gdt_64 * CONFIG_MODIFY_LDT_SYSCALL is not set
		x86/ptrace_syscall_64 * CONFIG_IA32_EMULATION is not set
		x86/sysret_ss_attrs_64 * returns far at ring 3, for which QEMU 7.2 reads the stack as the kernel, and SMAP stops it
		x86/*_32 * CONFIG_IA32_EMULATION is not set
		capabilities/* musl needs libcap-ng
		memfd/fuse_mnt musl needs libfuse
		x86/amx_64 musl needs glibc's struct _fpx_sw_bytes
		nolibc/nolibc-test musl has no C library
		rseq/librseq.so musl is a part of each program
		vDSO/vdso_standalone_test_x86 musl has no C library
	END
}

# What does not work as it is: a file, with which libraries, what sed does to the
# copy of it. BusyBox' shell takes its own ip for that of iproute2. What a program
# has said before it died is in its buffer.
selftests_mends()
{
	cat <<-'END'
		net/in_netns.sh * 1s/sh$/bash/
		net/udpgso.sh * 1s/sh$/bash/
		net/tls.c * s/^\t.*struct tls_crypto_info_keys \*tls12)$/\tstruct tls_crypto_info_keys *tls12, ...)/
		mm/khugepaged.c * s/^#include "vm_util.h"/#include "..\/kselftest.h"\n&/
		x86/sigreturn.c * s/int total_nerrs = 0;/int total_nerrs = setvbuf(stdout, NULL, _IONBF, 0);/
		net/reuseport_bpf_numa.c * s/^#include <error.h>/&\n#include <stdbool.h>/
		net/psock_snd.c musl /linux.virtio_net.h/d; s/^#include <net.ethernet.h>/&\n#include <linux\/virtio_net.h>/
		timers/posix_timers.c musl s/sev\._sigev_un\._tid/sev.sigev_notify_thread_id/
		vDSO/vdso_test_getrandom.c musl s/sysconf(_SC_LEVEL1_DCACHE_LINESIZE)/64/
		openat2/Makefile musl /-fsanitize\|-static-lib/s/-fsanitize[^ ]*\|-static-lib[^ ]*//g
		fchmodat2/Makefile musl /-fsanitize\|-static-lib/s/-fsanitize[^ ]*\|-static-lib[^ ]*//g
	END
}

# Invocations with arguments, as scripts there have them, and of programs that are
# not called tests there: NAME SECONDS COMMAND. mremap_test wants 40 MiB at an address
# where its heap is once in 20 times, unless that is not random.
selftests_commands()
{
	cat <<-'END'
		mm/hugepage-mmap 120 ./hugepage-mmap
		mm/hugepage-shm 120 ./hugepage-shm
		mm/map_hugetlb 120 ./map_hugetlb
		mm/hugepage-mremap 120 ./hugepage-mremap
		mm/hugepage-vmemmap 120 ./hugepage-vmemmap
		mm/hugetlb-madvise 120 ./hugetlb-madvise
		mm/hugetlb_dio 120 ./hugetlb_dio
		mm/hugetlb_madv_vs_map 120 echo 1 >/proc/sys/vm/nr_hugepages; ./hugetlb_madv_vs_map; s=$?; echo 160 >/proc/sys/vm/nr_hugepages; exit $s
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
		mm/mremap_test 120 setarch -R ./mremap_test
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
		mm/cow 300 swapon /dev/loop0; ./cow; s=$?; swapoff /dev/loop0; exit $s
		mm/khugepaged 300 swapon /dev/loop0; ./khugepaged; s=$?; swapoff /dev/loop0; exit $s
		mm/split_huge_page_test 120 ./split_huge_page_test
		mm/migration 120 ./migration
		mm/mkdirty 120 ./mkdirty
		mm/mdwe_test 120 ./mdwe_test
		mm/mseal_test 120 ./mseal_test
		mm/seal_elf 120 ./seal_elf
		mm/droppable 120 ./droppable
		mm/virtual_address_range 300 ./virtual_address_range
		mm/transhuge-stress 120 ./transhuge-stress -d 10
		net/socket 120 ./socket
		net/psock_fanout 120 ./psock_fanout
		net/psock_tpacket 120 ./psock_tpacket
		net/txring_overwrite 120 ./txring_overwrite
		net/reuseport_addr_any 120 ./reuseport_addr_any
		net/reuseaddr_ports_exhausted 120 ./reuseaddr_ports_exhausted.sh
		net/ip_local_port_range 120 ./ip_local_port_range.sh
		net/so_netns_cookie 120 ./so_netns_cookie
		net/bind_bhash 120 ulimit -n 32768; ./bind_bhash 6000 ipv4 127.0.0.1
		net/udpgso 120 ./udpgso.sh
		net/msg_zerocopy-tcp 120 bash ./msg_zerocopy.sh
		net/tls 120 ./tls -T nonblocking -T rekey -T rekey_fail -T splice_rekey -T mutliproc_even -T mutliproc_readers -T mutliproc_writers -T mutliproc_sendpage_even -T mutliproc_sendpage_readers -T mutliproc_sendpage_writers
		net/psock_snd 120 ./psock_snd.sh
		net/tcp_inq-4 60 ./tcp_inq -4
		net/tcp_inq-6 60 ./tcp_inq -6
		net/tcp_fastopen_backup_key 240 ./tcp_fastopen_backup_key.sh
		splice/default_file_splice_read 120 ./default_file_splice_read.sh
		splice/short_splice_read 120 ./short_splice_read.sh
		sync/sync_test 120 ./sync_test
		memfd/memfd_test 60 ./memfd_test
		memfd/memfd_test-hugetlbfs 60 ./memfd_test hugetlbfs
		memfd/fuse_test 60 mkdir -p mnt; ./fuse_mnt mnt && ./fuse_test mnt/memfd; s=$?; umount mnt; exit $s
		memfd/fuse_test-hugetlbfs 60 mkdir -p mnt; ./fuse_mnt mnt && ./fuse_test mnt/memfd hugetlbfs; s=$?; umount mnt; exit $s
		mount/unprivileged-remount-test 60 ./run_unprivileged_remount.sh
		mount/nosymfollow-test 60 ./run_nosymfollow.sh
		move_mount_set_group/move_mount_set_group_test 60 ./move_mount_set_group_test
		filesystems/devpts_pts 60 script -qec ./devpts_pts /dev/null
		nolibc/nolibc-test 120 ./nolibc-test
	END
	for prog in param_test param_test_compare_twice param_test_mm_cid param_test_mm_cid_compare_twice; do
		for kind in s l b 'b -M' m 'm -M' i r; do
			echo "rseq/$prog-$kind" 60 "./$prog -T $kind -r 200 -t 4"
		done
	done | sed 's/ -M/-M/'
	for args in '' -b '-b -l' '-b -o' -l -o '-b -l -t 5000' '-l -t 5000' '-b -l -t 500000' '-l -t 500000' \
		'-b -t 5000' '-t 5000' '-b -t 500000' '-t 500000' '-b -o -t 5000' '-b -o -t 500000' \
		'-b -l -t 2000000000' '-l -t 2000000000'; do
		echo "futex/functional/futex_requeue_pi$(echo "$args" | tr -d ' ') 60 ./futex_requeue_pi $args"
	done
}

# What takes too long for a suite that is a part of this one, like selftests_left_out
selftests_slow()
{
	:
}

# Commands before the first test: what the scripts of the kernel find in any machine
selftests_setup()
{
	cat <<-END
		#!mkdir -p /dev/pts /dev/shm /dev/mqueue /run /mnt /contract/selftests/exec/subdir; ln -s /proc/self/fd /dev/fd
		#!mount -t devpts devpts /dev/pts; mount -t tmpfs -o mode=1777 tmpfs /dev/shm; mount -t mqueue mqueue /dev/mqueue
		#!mount -t cgroup2 cgroup2 /sys/fs/cgroup; mount -t debugfs debugfs /sys/kernel/debug
		#!ip link set lo up; echo 160 >/proc/sys/vm/nr_hugepages
		#!mkdir /swap; mount -t ramfs ramfs /swap; truncate -s 64M /swap/file; losetup /dev/loop0 /swap/file; mkswap /dev/loop0
	END
}

# selftests_make DIR WORD...: make there
selftests_make()
{
	where=$tree/tools/testing/selftests/$1
	shift
	make -C "$where" CC="$CC" OUTPUT="$where" KHDR_INCLUDES="-isystem $headers" "$@"
}

# selftests_names DIR VARIABLE...: of its Makefile
selftests_names()
{
	where=$1
	shift
	# shellcheck disable=SC2016 # for make
	selftests_make "$where" -s --no-print-directory --eval="names: ; @echo $(printf '$(%s) ' "$@")" names
}

# selftests_tree: the sources in $tree, and what $CC needs to build them with musl.
# Links to files, until something changes them.
selftests_tree()
{
	id="$(cat "$BUILD/src/.linux") $($CC --version | head -n 1) $libc_stamp $(
		{ selftests_mends; find "$ROOT/tests/contract/musl" -type f -exec cat {} +; } | cksum)"
	if [ "$(cat "$tree/.id" 2>/dev/null)" != "$id" ]; then
		rm -rf "$tree" "$LOGDIR/contract-$build.log"
		mkdir -p "$tree/lib"
		(cd "$stock" && cp -al --parents tools scripts include/uapi include/linux include/vdso mm/gup_test.h \
			arch/x86/include arch/x86/entry "$tree")
		selftests_mends | while read -r file who script; do
			[ "$who" = '*' ] || [ "$who" = "$library" ] || continue
			file=tools/testing/selftests/$file
			sed -i "$script" "$tree/$file"
			! cmp -s "$stock/$file" "$tree/$file" || die "contract: there is nothing to mend in $file: see selftests_mends"
		done
		logged "contract-nolibc-$build" $CC -Os -static -nostdlib -include "$tree/tools/include/nolibc/nolibc.h" \
			-o "$tree/tools/testing/selftests/nolibc/nolibc-test" \
			"$tree/tools/testing/selftests/nolibc"/nolibc-test*.c -lgcc
	fi
	if [ "$library" = musl ]; then
		CC="$CC -D_GNU_SOURCE= -include $ROOT/tests/contract/musl/compat.h -isystem $ROOT/tests/contract/musl"
		CC="$CC -isystem $headers -L$tree/lib"
		# Our headers have what is needed of libcap and libnuma; librseq is a shared
		# object there; and the tests that need libpopt are left out, not the others.
		rseq=$tree/tools/testing/selftests/rseq
		logged "contract-rseq-$build" $CC -O2 -I"$rseq" -I"$tree/tools/include" -c -o "$tree/lib/rseq.o" "$rseq/rseq.c"
		ar rcs "$tree/lib/librseq.a" "$tree/lib/rseq.o"
		for lib in cap numa popt; do
			ar rcs "$tree/lib/lib$lib.a"
		done
	fi
	echo "$id" >"$tree/.id"
}

# selftests_missing DIR NAME: whether it is left out; else it has to be there
selftests_missing()
{
	while read -r pattern who _; do
		# shellcheck disable=SC2254 # a pattern
		case $who:$1/${2##*/} in
		\*:$pattern | "$library":$pattern) return 0 ;;
		esac
	done <"$work/left-out"
	[ ! -e "$tree/tools/testing/selftests/$1/${2##*/}" ] || return 1
	reason=$(selftests_make "$1" "$2" 2>&1) && return 1
	reason=$(echo "$reason" | grep -m 1 -E 'error|undefined|cannot find|unilinux:|No rule') || :
	die "contract: $1/${2##*/} does not compile ($build): $reason"
}

# selftests_rows: the tests, a line for each
selftests_rows()
{
	for dir in $selftests_dirs; do
		case $dir in
		mm) tests=TEST_GEN_FILES helpers= ;;
		net) tests='TEST_GEN_PROGS TEST_PROGS' helpers=$selftests_net ;;
		*) tests='TEST_GEN_PROGS TEST_CUSTOM_PROGS TEST_PROGS' helpers=$(selftests_names "$dir" TEST_GEN_FILES TEST_GEN_PROGS_EXTENDED) ;;
		esac
		for prog in $helpers; do
			selftests_missing "$dir" "$prog" || :
		done
		tests=$(selftests_names "$dir" $tests)
		for prog in $tests; do
			! grep -q "^$dir/[^/ ]* .*\./${prog##*/}\([ ;]\|\$\)" "$work/commands" || continue
			! selftests_missing "$dir" "$prog" || continue
			prog=${prog##*/}
			if [ "$dir" = mm ] || ! is_elf "$tree/tools/testing/selftests/$dir/$prog"; then
				die "contract: $dir/$prog needs a line in selftests_commands or selftests_left_out"
			fi
			case $dir/$prog in
			timers/* | seccomp/* | landlock/* | */pidfd_test | */epoll_wakeup_test | */rename_attack_test | \
				*/vdso_test_chacha) seconds=300 ;;
			*) seconds=60 ;;
			esac
			echo "$dir/$prog $seconds /contract/selftests/$dir ./$prog"
		done
	done
	while read -r name seconds command; do
		dir=${name%/*}
		echo "$selftests_dirs nolibc" | grep -qw "$dir" || continue
		for word in $command; do
			case $word in
			./*.sh) ;;
			./*) ! selftests_missing "$dir" "${word%;}" || continue 2 ;;
			esac
		done
		echo "$name $seconds /contract/selftests/$dir $command"
	done <"$work/commands"
}

suite_build()
{
	stock=$BUILD/src/linux-stock
	tree=$BUILD/contract/src-$build
	headers=$BUILD/contract/headers/usr/include
	library=musl
	[ "$build" != glibc ] || library=glibc
	"$ROOT/scripts/fetch.sh" linux
	[ -d "$headers/linux" ] || {
		mkdir -p "$BUILD/contract/headers"
		logged contract-headers make -C "$stock" O="$BUILD/contract/headers" ARCH=x86_64 headers
	}
	selftests_tree
	for dir in $selftests_dirs; do
		stamp=$tree/.done-$(echo "$dir" | tr / -)
		[ ! -f "$stamp" ] || continue
		touch "$stamp"
		goals=all
		[ "$dir" != net ] || goals=$(printf "$tree/tools/testing/selftests/net/%s " $selftests_net)
		[ "$dir$library" != rseqmusl ] || goals='all TEST_GEN_PROGS_EXTENDED='
		# What is missing is told below.
		selftests_make "$dir" -k -j"$JOBS" $goals || :
	done >>"$LOGDIR/contract-$build.log" 2>&1

	selftests_setup >"$root/contract/list"
	{ selftests_left_out; selftests_slow; } >"$work/left-out"
	selftests_commands >"$work/commands"
	selftests_rows >>"$root/contract/list"

	# The directories as they are, with scripts and links, but the sources.
	cp /sbin/mkfs.ext4 "$root/sbin"
	cp /usr/sbin/ethtool "$(command -v nstat)" "$(command -v script)" "$(command -v setarch)" "$root/usr/bin"
	# glibc looks for it when a thread ends.
	[ "$library" = musl ] || {
		mkdir -p "$root/lib/x86_64-linux-gnu"
		cp "$(gcc -print-file-name=libgcc_s.so.1)" "$root/lib/x86_64-linux-gnu"
	}
	mkdir -p "$root/contract/selftests"
	(cd "$tree/tools/testing/selftests" && for dir in $selftests_dirs nolibc kselftest net/lib; do
		find "$dir" -maxdepth 1 \( -type f -o -type l \) ! -name '*.[cohS]' ! -name '*.o.d'
	done | cpio -pdm --quiet "$root/contract/selftests")
	find "$root/contract/selftests" -type f -perm /111 -exec sh -c '
		for f; do
			[ "$(head -c 4 "$f" | tail -c 3)" != ELF ] || strip -g "$f"
		done' sh {} +
}
