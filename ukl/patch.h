/* SPDX-License-Identifier: GPL-2.0 */
/* Jumps in place of SYSCALL: what call.c and exec.c need of patch.c. */
#ifndef _UKL_PATCH_H
#define _UKL_PATCH_H

#include <linux/types.h>
#include <ukl/table.h>

/* Slot of the jump for a number that is not known before. */
#define UKL_JUMP_ANY	UKL_TABLE_ENTRIES

struct mm_struct;
struct pt_regs;

#ifdef CONFIG_UKL_PATCH

extern const unsigned long ukl_jump_slots[UKL_TABLE_ENTRIES + 1];
extern const char ukl_jump_full[], ukl_jump_head_end[];

void ukl_count_syscall(struct pt_regs *regs);
bool ukl_step_into_trampoline(struct pt_regs *regs);
bool ukl_unpatch(struct mm_struct *mm);
void ukl_patch_exec(bool binary);
void ukl_patch_report(void);

#else /* !CONFIG_UKL_PATCH */

static __always_inline void ukl_count_syscall(struct pt_regs *regs) {}
static inline void ukl_patch_exec(bool binary) {}
static inline void ukl_patch_report(void) {}

static inline bool ukl_unpatch(struct mm_struct *mm)
{
	return true;
}

static __always_inline bool ukl_step_into_trampoline(struct pt_regs *regs)
{
	return false;
}

#endif /* CONFIG_UKL_PATCH */

#endif /* _UKL_PATCH_H */
