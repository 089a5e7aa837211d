/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _UKL_NT_H
#define _UKL_NT_H

#include <asm/irqflags.h>
#include <asm/processor-flags.h>

/**
 * ukl_clear_nt() - before an IRET in a system call, or in another task
 *
 * SYSCALL and events clear NT, a call and a jump do not, and in 64-bit mode IRET
 * faults when it is set (Intel SDM vol. 2, "IRET/IRETD/IRETQ").
 */
static __always_inline void ukl_clear_nt(void)
{
#ifdef CONFIG_UKL
	if (unlikely(native_save_fl() & X86_EFLAGS_NT))
		asm volatile("pushf; andl %0, (%%rsp); popf"
			     : : "i" (~X86_EFLAGS_NT) : "memory", "cc");
#endif
}

#endif /* _UKL_NT_H */
