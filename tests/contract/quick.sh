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

# What takes long
selftests_left_out()
{
	cat <<-END
		openat2/rename_attack_test
		pidfd/pidfd_poll_test
		ptrace/vmaccess
		timers/inconsistency-check
		syscall_user_dispatch/sud_benchmark
		timers/posix_timers
		timers/threadtest
		vDSO/vdso_test_chacha
		x86/syscall_numbering_64
		x86/sysret_ss_attrs_64
		timers/nsleep-lat
		timers/raw_skew
		timers/set-timer-lat
		timers/mqueue-lat
		timers/rtcpie
		exec/binfmt_script.py
	END
}
