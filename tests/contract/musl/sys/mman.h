/* SPDX-License-Identifier: GPL-2.0 */
/* musl's, with the calls of protection keys, which it does not have */
#ifndef CONTRACT_MMAN_H
#define CONTRACT_MMAN_H

#include_next <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int pkey_alloc(unsigned int flags, unsigned int access)
{
	return syscall(SYS_pkey_alloc, flags, access);
}

static inline int pkey_free(int pkey)
{
	return syscall(SYS_pkey_free, pkey);
}

static inline int pkey_mprotect(void *addr, size_t len, int prot, int pkey)
{
	return syscall(SYS_pkey_mprotect, addr, len, prot, pkey);
}

#endif
