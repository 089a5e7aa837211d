# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034 # variables of contract.sh
# the part of the selftests that make test runs, on kernels that other tests build

. "$ROOT/tests/contract/selftests.sh"
suite_memory=512
suite_fragments=
suite_columns='stock binary'
selftests_dirs='clone3 core exec fchmodat2 futex/functional membarrier mincore openat2 pidfd proc ptrace
	sigaltstack splice syscall_user_dispatch timers vDSO x86'
selftests_net=

selftests_setup()
{
	echo '#!mkdir -p /run /mnt /contract/selftests/exec/subdir; ln -s /proc/self/fd /dev/fd; ip link set lo up'
}

selftests_slow()
{
	cat <<-END
		exec/load_address*.0x1000000 * is 50 MB of alignment
		openat2/rename_attack_test * is slow
		pidfd/pidfd_poll_test * is slow
		ptrace/vmaccess * is slow
		timers/inconsistency-check * is slow
		syscall_user_dispatch/sud_benchmark * is slow
		timers/posix_timers * is slow
		timers/threadtest * is slow
		vDSO/vdso_test_chacha * is slow
		x86/syscall_numbering_64 * is slow
	END
}
