/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What Linux calls. Each function is the whole of a hook; without CONFIG_UKL
 * it is nothing, or the value that Linux had there.
 */
#ifndef _UKL_UKL_H
#define _UKL_UKL_H

#include <linux/sched.h>
#include <linux/thread_info.h>
#include <asm/irqflags.h>
#include <asm/processor-flags.h>
#include <asm/trap_pf.h>
#include <ukl/nt.h>
#include <ukl/entry.h>
#include <ukl/mm.h>

struct linux_binprm;
struct pt_regs;
struct x86_hw_tss;
struct gate_struct;

#ifdef CONFIG_UKL

DECLARE_PER_CPU(bool, ukl_lstar);
extern const char __ukl_thunks_start[], __ukl_thunks_end[];

void ukl_write_lstar(bool ukl);
void ukl_early_cpu_init(void);
void ukl_setup_ist(struct x86_hw_tss *tss);
void ukl_setup_gates(struct gate_struct *idt);
void ukl_setup_new_exec(struct linux_binprm *bprm);
void __ukl_fixup_regs(struct pt_regs *regs);
bool ukl_leave_jump(unsigned long *ip, unsigned long cx);
bool ukl_step_into_call(struct pt_regs *regs, unsigned long dr6);
bool ukl_syscall_entry_step(struct pt_regs *regs);
unsigned long ukl_syscall_len(struct pt_regs *regs);
bool ukl_refuse(struct task_struct *task, const char *what);
bool ukl_emulate_call(const u8 *insn, struct pt_regs *regs);
u32 ukl_hwcap2(u32 hwcap2);
bool ukl_patch_int3(struct pt_regs *regs);

/**
 * ukl_task() - does the task run at CPL 0?
 * @task: current, or a task that does not run
 */
static __always_inline bool ukl_task(struct task_struct *task)
{
	return task_thread_info(task)->status & TS_UKL;
}

/* A #BP of user mode: is it in a jump of ours? */
static inline bool ukl_int3(struct pt_regs *regs)
{
	return IS_ENABLED(CONFIG_UKL_PATCH) && ukl_task(current) &&
	       ukl_patch_int3(regs);
}

/* At CPL 0 the active GS base is the kernel's per-CPU base. */
static inline bool ukl_refuse_gs(struct task_struct *task)
{
	return ukl_refuse(task, "GS, which is the kernel's at CPL 0");
}

/*
 * CR4.TSD stops RDTSC at CPL 1 to 3 only (Intel SDM vol. 2, "RDTSC"), and CPUID
 * faulting is for CPL above 0 (vol. 3, "CPUID Faulting").
 */
static inline bool ukl_refuse_trap(void)
{
	return ukl_refuse(current, "a trap of RDTSC or CPUID, which CPL 0 has not got");
}

/* A write that changes nothing would be an exit of a virtual machine on Intel. */
static __always_inline void ukl_follow_lstar(bool ukl)
{
	if (ukl != this_cpu_read(ukl_lstar))
		ukl_write_lstar(ukl);
}

/* At each context switch, on the CPU that switches: SYSCALL's target. */
static __always_inline void ukl_switch_to(struct task_struct *next)
{
	/* The flags are not switched. */
	ukl_clear_nt();

	/* A kernel thread executes no SYSCALL. */
	if (!(next->flags & PF_KTHREAD))
		ukl_follow_lstar(ukl_task(next));
}

/* When a CPU (re)programs the SYSCALL MSRs, with Linux's entry in MSR_LSTAR. */
static inline void ukl_syscall_init(void)
{
	ukl_write_lstar(ukl_task(current));
}

/*
 * The U/S bit of a page-fault error code tells the CPL of the access (Intel
 * SDM vol. 3, "Page-Fault Exceptions"): 0 for an application, too.
 */
static __always_inline unsigned long
ukl_pf_error_code(struct pt_regs *regs, unsigned long error_code)
{
	if (user_mode(regs) && ukl_task(current))
		error_code |= X86_PF_USER;
	return error_code;
}

/* A page fault that ends with a look at the page: see ukl_show_code(). */
static __always_inline bool
ukl_pf_shows_code(struct pt_regs *regs, unsigned long error_code,
		  unsigned long addr)
{
	return (error_code & X86_PF_PK) &&
	       ukl_show_code(regs, error_code & X86_PF_WRITE, addr);
}

/* Before anybody but an interrupt looks at the registers of an application. */
static inline void ukl_fixup_regs(struct pt_regs *regs)
{
	if (!ukl_task(current))
		return;
	if ((long)regs->ip < 0)
		__ukl_fixup_regs(regs);
	ukl_leave_trampoline(regs);
}

#else /* !CONFIG_UKL */

#define ukl_hwcap2(hwcap2)	(hwcap2)

static __always_inline void ukl_switch_to(struct task_struct *next) {}
static inline void ukl_syscall_init(void) {}
static inline void ukl_early_cpu_init(void) {}
static inline void ukl_setup_ist(struct x86_hw_tss *tss) {}
static inline void ukl_setup_gates(struct gate_struct *idt) {}
static inline void ukl_setup_new_exec(struct linux_binprm *bprm) {}
static inline void ukl_fixup_regs(struct pt_regs *regs) {}

static __always_inline unsigned long
ukl_pf_error_code(struct pt_regs *regs, unsigned long error_code)
{
	return error_code;
}

static __always_inline bool
ukl_pf_shows_code(struct pt_regs *regs, unsigned long error_code,
		  unsigned long addr)
{
	return false;
}

static __always_inline bool
ukl_step_into_call(struct pt_regs *regs, unsigned long dr6)
{
	return false;
}

static __always_inline bool ukl_syscall_entry_step(struct pt_regs *regs)
{
	return false;
}

static inline bool ukl_int3(struct pt_regs *regs)
{
	return false;
}

/* Length of the SYSCALL instruction. */
static __always_inline unsigned long ukl_syscall_len(struct pt_regs *regs)
{
	return 2;
}

static __always_inline bool ukl_refuse_gs(struct task_struct *task)
{
	return false;
}

static __always_inline bool ukl_refuse_trap(void)
{
	return false;
}

static __always_inline bool
ukl_emulate_call(const u8 *insn, struct pt_regs *regs)
{
	return false;
}

#endif /* CONFIG_UKL */

#endif /* _UKL_UKL_H */
