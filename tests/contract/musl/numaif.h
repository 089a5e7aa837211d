/* SPDX-License-Identifier: GPL-2.0 */
/* libnuma's call of the kernel that mm/migration makes */
#ifndef CONTRACT_NUMAIF_H
#define CONTRACT_NUMAIF_H

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline long move_pages(int pid, unsigned long count, void **pages,
			      const int *nodes, int *status, int flags)
{
	return syscall(SYS_move_pages, pid, count, pages, nodes, status, flags);
}

#endif
