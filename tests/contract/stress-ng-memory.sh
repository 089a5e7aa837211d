# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # variables of contract.sh
# stressors of the memory, in a machine that has too little of it

. "$ROOT/tests/contract/stress-ng.sh"
suite_memory=192
stress_unprivileged=

stress_list()
{
	cat <<-END
		bigheap
		brk
		fork
		madvise
		malloc
		mlock
		mlockmany
		mmap --mmap-bytes 150M
		mmapfork
		mmaphuge
		mmapmany
		mremap --mremap-bytes 100M
		msync
		oom-pipe
		pagemove
		pageswap
		physpage
		pthread
		resources
		rmap
		shm
		shm-sysv
		stack
		stackmmap
		swap
		userfaultfd --userfaultfd-bytes 100M
		vfork
		vforkmany
		vm --vm-bytes 90%
		vm-addr
		vm-rw --vm-rw-bytes 150M
		vm-segv
		vm-splice
	END
}
