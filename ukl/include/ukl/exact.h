/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _UKL_EXACT_H
#define _UKL_EXACT_H

/*
 * For <asm/syscall_wrapper.h>. With CONFIG_UKL_EXACT, the entry function of a
 * call that the image does not make is static and not used, so that the
 * compiler drops it, and with it what only this call needs.
 */

#include <linux/kconfig.h>
#ifdef CONFIG_UKL_EXACT
#include <ukl_syscalls.h>
#endif

/* The type of an entry that is defined, and of one in case it is not. */
#define SYS_STUB_TYPE(name)	__UKL_TYPE(STUB, __is_defined(UKL_DROP_##name))
#define SYS_COND_TYPE(name)	__UKL_TYPE(COND, __is_defined(UKL_DROP_##name))
#define __UKL_TYPE(kind, drop)	___UKL_TYPE(kind, drop)
#define ___UKL_TYPE(kind, drop)	UKL_##kind##_##drop
#define UKL_STUB_0		long
#define UKL_STUB_1		static __maybe_unused long
#define UKL_COND_0		__weak long
#define UKL_COND_1		static __maybe_unused long

long __x64_ukl_missing(const struct pt_regs *regs);

#endif /* _UKL_EXACT_H */
