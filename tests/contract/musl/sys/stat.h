/* SPDX-License-Identifier: GPL-2.0 */
/* musl's, and what it does not have */
#ifndef CONTRACT_STAT_H
#define CONTRACT_STAT_H

#include_next <sys/stat.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEFFILEMODE	0666

static inline int statx(int fd, const char *path, int flags, unsigned int mask,
			struct statx *st)
{
	return syscall(SYS_statx, fd, path, flags, mask, st);
}

#endif
