/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs at CPL 0 in which jumps replace SYSCALL: what Linux calls for an
 * address space and for a thread. See ukl/patch.c.
 */
#ifndef _UKL_MM_H
#define _UKL_MM_H

struct mm_struct;
struct pid;
struct pid_namespace;
struct pt_regs;
struct seq_file;
struct task_struct;

#ifdef CONFIG_UKL_PATCH

int ukl_dup_mm(struct mm_struct *oldmm, struct mm_struct *mm);
void ukl_free_mm(struct mm_struct *mm);
void ukl_deactivate_mm(struct task_struct *task, struct mm_struct *mm);
void ukl_leave_trampoline(struct pt_regs *regs);
bool ukl_show_code(struct pt_regs *regs, bool write, unsigned long addr);
int ukl_show_range(struct mm_struct *mm, unsigned long start, unsigned long len);
int ukl_unmap_range(struct mm_struct *mm, unsigned long start, unsigned long len);
void ukl_traced(struct task_struct *task);
int proc_pid_ukl(struct seq_file *m, struct pid_namespace *ns, struct pid *pid,
		 struct task_struct *task);

/* A macro, as <linux/sched.h> and <linux/mm_types.h> come later. */
#define ukl_init_mm(mm)		((mm)->context.ukl = NULL)
#define ukl_copy_thread(task)						\
	((task)->thread.ukl_syscalls = (task)->thread.ukl_jumps = 0)

#else /* !CONFIG_UKL_PATCH */

static inline int ukl_dup_mm(struct mm_struct *oldmm, struct mm_struct *mm)
{
	return 0;
}

static inline void ukl_init_mm(struct mm_struct *mm) {}
static inline void ukl_free_mm(struct mm_struct *mm) {}
static inline void ukl_copy_thread(struct task_struct *task) {}
static inline void ukl_deactivate_mm(struct task_struct *task,
				     struct mm_struct *mm) {}
static inline void ukl_leave_trampoline(struct pt_regs *regs) {}
static inline bool ukl_show_code(struct pt_regs *regs, bool write,
				 unsigned long addr)
{
	return false;
}

static inline int ukl_show_range(struct mm_struct *mm, unsigned long start,
				 unsigned long len)
{
	return 0;
}

static inline int ukl_unmap_range(struct mm_struct *mm, unsigned long start,
				  unsigned long len)
{
	return 0;
}

static inline void ukl_traced(struct task_struct *task) {}

#endif /* CONFIG_UKL_PATCH */

#endif /* _UKL_MM_H */
