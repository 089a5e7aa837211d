/* SPDX-License-Identifier: GPL-2.0 */
/* Start-up of the application by the kernel, and its crash report: the hooks. */
#ifndef _UKL_INCLUDE_START_H
#define _UKL_INCLUDE_START_H

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/types.h>

struct kernel_siginfo;
struct pt_regs;

#ifdef CONFIG_UKL_START

bool __init ukl_have_manifest(void);
int ukl_start(void);
void ukl_crash_report(const struct kernel_siginfo *info, struct pt_regs *regs);

#else /* !CONFIG_UKL_START */

static inline bool ukl_have_manifest(void)
{
	return false;
}

static inline int ukl_start(void)
{
	return -ENOENT;
}

static inline void ukl_crash_report(const struct kernel_siginfo *info,
				    struct pt_regs *regs)
{
}

#endif /* CONFIG_UKL_START */

#endif /* _UKL_INCLUDE_START_H */
