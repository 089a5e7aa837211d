// SPDX-License-Identifier: GPL-2.0
/*
 * UniLinux: the answer to a system call that was left out of the image.
 */
#include <linux/bitmap.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/syscalls.h>
#include <asm/ptrace.h>

#define MAX_CALLS	512

static const char names[] =
#include "missing.list"
;

static const char *name_of(unsigned long nr)
{
	const char *name = names;

	while (nr-- && name < names + sizeof(names))
		name += strlen(name) + 1;
	return name < names + sizeof(names) ? name : "";
}

/**
 * __x64_ukl_missing - entry of each call that CONFIG_UKL_SYSCALLS does not name
 * @regs: the caller's registers
 *
 * Says which call it was and who made it, once a call, so that whoever built
 * the image can name it.
 *
 * Return: -ENOSYS, as for a number that no kernel knows.
 */
long __x64_ukl_missing(const struct pt_regs *regs)
{
	static DECLARE_BITMAP(told, MAX_CALLS);
	unsigned long nr = regs->orig_ax;

	if (nr < MAX_CALLS && !test_and_set_bit(nr, told))
		pr_warn("ukl: %s[%d] calls %s (%lu) at %#lx, which was left out of this image: name it in SYSCALLS of the recipe\n",
			current->comm, current->pid, name_of(nr), nr,
			regs->ip);
	return __x64_sys_ni_syscall(regs);
}
