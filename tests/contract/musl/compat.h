/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Before each program of the selftests that is built with musl: what glibc's
 * headers give them without being asked, or this musl does not know yet.
 */
#ifndef __ASSEMBLER__
#include <asm/unistd.h>
#include <linux/types.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>

/* Only whether glibc is too old is asked. */
#define __GLIBC_PREREQ(major, minor)	1

#define MSG_COPY	040000
#define RENAME_EXCHANGE	(1 << 1)
#define renameat2(...)	syscall(__NR_renameat2, __VA_ARGS__)
#define SO_PASSPIDFD	76
#define SO_PEERPIDFD	77

typedef unsigned long __fsword_t;
#endif
