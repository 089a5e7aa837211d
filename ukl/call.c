// SPDX-License-Identifier: GPL-2.0
/*
 * System calls of applications at CPL 0: full path, work on the way out,
 * restart, single step, and the registers of an interrupted call.
 */
#include <linux/entry-common.h>
#include <linux/init.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>
#include <asm/debugreg.h>
#include <asm/fixmap.h>
#include <asm/hwcap2.h>
#include <asm/msr.h>
#include <asm/proto.h>
#include <asm/syscall.h>
#include <asm/unistd.h>
#include <ukl/table.h>
#include <ukl/ukl.h>
#include "patch.h"
#include "site.h"

extern const unsigned long ukl_call_table[UKL_TABLE_ENTRIES];
extern const char ukl_call_full[], ukl_call_full_head_end[];
extern const char ukl_return_jump[];
extern const char ukl_entry_SYSCALL_64[], ukl_entry_SYSCALL_64_safe_stack[];

bool ukl_do_call(struct pt_regs *regs);
bool ukl_do_syscall(struct pt_regs *regs, int nr);
bool ukl_do_exit_work(struct pt_regs *regs);
bool ukl_do_jump(struct pt_regs *regs);
bool ukl_do_jump_work(struct pt_regs *regs);
void ukl_bad_cs(struct pt_regs *regs);

DEFINE_PER_CPU(bool, ukl_lstar);

/**
 * ukl_write_lstar() - make SYSCALL on this CPU enter as the task needs it
 * @ukl: the task runs at CPL 0; preemption is off
 *
 * SYSCALL leaves no trace of the CPL that it came from.
 */
noinstr void ukl_write_lstar(bool ukl)
{
	native_wrmsrl(MSR_LSTAR, ukl ? (unsigned long)ukl_entry_SYSCALL_64 :
				       (unsigned long)entry_SYSCALL_64);
	this_cpu_write(ukl_lstar, ukl);
}

static int __init map_table(void)
{
	BUILD_BUG_ON(__fix_to_virt(FIX_UKL_TABLE) != UKL_TABLE);
	BUILD_BUG_ON(NR_syscalls > UKL_TABLE_ENTRIES);

	__set_fixmap(FIX_UKL_TABLE, __pa_symbol(ukl_call_table),
		     PAGE_KERNEL_RO);
	return 0;
}
early_initcall(map_table);

/*
 * SYSCALL from CPL 0. Returns true when a jump will do to return. Not to a program
 * that has left CPL 0 in this call.
 */
noinstr bool ukl_do_syscall(struct pt_regs *regs, int nr)
{
	bool jump;

	current_thread_info()->status &= ~TS_UKL_CALL;
	ukl_count_syscall(regs);
	jump = do_syscall_64(regs, nr);
	return jump && ukl_task(current);
}

#ifdef CONFIG_UKL_PATCH
/* The same by a jump, which is no SYSCALL that could be replaced. */
noinstr bool ukl_do_jump(struct pt_regs *regs)
{
	bool jump;

	current_thread_info()->status &= ~TS_UKL_CALL;
	jump = do_syscall_64(regs, regs->orig_ax);
	return jump && ukl_task(current);
}
#endif

/*
 * A call, full frame. Interrupts are off, as do_syscall_64() wants it.
 * Returns true when a jump will do to return: not to a program that has left CPL 0
 * in this call.
 */
noinstr bool ukl_do_call(struct pt_regs *regs)
{
	struct thread_info *ti = current_thread_info();
	bool jump;

	ti->status |= TS_UKL_CALL;
	if (arch_test_bit(UKL_WORK_BIT_STEP, &ti->syscall_work)) {
		arch_clear_bit(UKL_WORK_BIT_STEP, &ti->syscall_work);
		regs->flags |= X86_EFLAGS_TF;
	}
	if (regs->orig_ax == __NR_restart_syscall)
		arch_clear_bit(UKL_WORK_BIT_RESTART, &ti->syscall_work);

	jump = do_syscall_64(regs, regs->orig_ax);
	return jump && ukl_task(current);
}

/*
 * Work was found at the end of a call with a lazy frame, now full. The tests
 * at the end are those of do_syscall_64() for SYSRET, for the same reasons.
 */
static __always_inline bool exit_work(struct pt_regs *regs)
{
	ukl_clear_nt();
	syscall_exit_to_user_mode(regs);

	return regs->cx == regs->ip && regs->r11 == regs->flags &&
	       regs->cs == __USER_CS && regs->ss == __USER_DS &&
	       regs->ip < TASK_SIZE_MAX &&
	       !(regs->flags & (X86_EFLAGS_RF | X86_EFLAGS_TF));
}

noinstr bool ukl_do_exit_work(struct pt_regs *regs)
{
	current_thread_info()->status |= TS_UKL_CALL;
	return exit_work(regs);
}

#ifdef CONFIG_UKL_PATCH
noinstr bool ukl_do_jump_work(struct pt_regs *regs)
{
	current_thread_info()->status &= ~TS_UKL_CALL;
	return exit_work(regs) && ukl_task(current);
}
#endif

/* Return to a CS that does not exist at CPL 0: on ring 3, IRET would fault. */
noinstr void ukl_bad_cs(struct pt_regs *regs)
{
	irqentry_enter_from_user_mode(regs);
	instrumentation_begin();
	regs->csx = __USER_CS;
	regs->ssx = __USER_DS;
	local_irq_enable();
	force_sig(SIGSEGV);
	local_irq_disable();
	instrumentation_end();
	irqentry_exit_to_user_mode(regs);
}

static __always_inline bool in_thunk(unsigned long ip)
{
	return ip >= (unsigned long)__ukl_thunks_start &&
	       ip < (unsigned long)__ukl_thunks_end;
}

/*
 * Is the thunk still before its switch of RSP? RAX does not tell which thunk
 * it is: in a restart it is the number of restart_syscall.
 */
static __always_inline bool in_thunk_head(unsigned long ip)
{
	unsigned long len = ukl_call_full_head_end - ukl_call_full;
	unsigned int nr;

	for (nr = 0; nr < UKL_TABLE_ENTRIES; nr++)
		if (ip - ukl_call_table[nr] < len)
			return true;
	return false;
}

static __always_inline bool in_syscall_head(unsigned long ip)
{
	return ip >= (unsigned long)ukl_entry_SYSCALL_64 &&
	       ip < (unsigned long)ukl_entry_SYSCALL_64_safe_stack;
}

/* The same for the kernel's end of a jump. */
static __always_inline bool in_jump_head(unsigned long ip)
{
#ifdef CONFIG_UKL_PATCH
	unsigned long len = ukl_jump_head_end - ukl_jump_full;
	unsigned int nr;

	for (nr = 0; nr <= UKL_JUMP_ANY; nr++)
		if (ip - ukl_jump_slots[nr] < len)
			return true;
#endif
	return false;
}

/**
 * ukl_leave_jump() - take an application out of SYSCALL, or a jump in its place
 * @ip: where it was interrupted; set to a place in its own code
 * @cx: its RCX
 *
 * Before the switch of RSP the call has not been made, and the SYSCALL is still
 * there: its entry has had a page fault, as the GS base was not the kernel's.
 * Behind the switch back only the return is left.
 *
 * Returns false when it was elsewhere.
 */
noinstr bool ukl_leave_jump(unsigned long *ip, unsigned long cx)
{
	if (*ip == (unsigned long)ukl_return_jump)
		*ip = cx;
	else if (in_jump_head(*ip) || in_syscall_head(*ip))
		*ip = cx - UKL_SYSCALL_LEN;
	else
		return false;
	return true;
}

/**
 * __ukl_fixup_regs() - take an application out of a thunk
 * @regs: the application's registers; ip is a kernel address
 *
 * Signals and tracers shall see either a call that has not been made or one
 * that is done.
 */
void __ukl_fixup_regs(struct pt_regs *regs)
{
	unsigned long ret;

	if (ukl_leave_jump(&regs->ip, regs->cx))
		return;
	if (!in_thunk(regs->ip) || get_user(ret, (unsigned long __user *)regs->sp))
		return;

	if (in_thunk_head(regs->ip)) {
		regs->ip = ret - UKL_CALL_LEN;
		/* A step over the call has not begun, either. */
		if (test_and_clear_bit(UKL_WORK_BIT_STEP,
				       &current_thread_info()->syscall_work))
			regs->flags |= X86_EFLAGS_TF;
	} else {
		regs->ip = ret;
	}
	regs->sp += sizeof(long);
}

/**
 * ukl_syscall_len() - how far back a system call's instruction begins
 * @regs: full frame of an interrupted system call, ax set for the restart
 *
 * A direct thunk does not look at the number, so restart_syscall is reached
 * only through the full path.
 */
unsigned long ukl_syscall_len(struct pt_regs *regs)
{
	if (!(current_thread_info()->status & TS_UKL_CALL))
		return 2;

	if (regs->ax == __NR_restart_syscall)
		set_bit(UKL_WORK_BIT_RESTART,
			&current_thread_info()->syscall_work);
	return UKL_CALL_LEN;
}

/**
 * ukl_step_into_call() - a single step went into a thunk
 * @regs: the application's registers
 * @dr6: debug status, positive polarity
 *
 * SYSCALL clears TF and brings it back on return, so that the kernel is
 * never stepped through. Do the same for a call: run it on the full path
 * with TF put into its frame.
 *
 * Returns true when the trap was such a one and is done with.
 */
noinstr bool ukl_step_into_call(struct pt_regs *regs, unsigned long dr6)
{
	if (!ukl_task(current) || !(dr6 & DR_STEP) || (dr6 & DR_TRAP_BITS))
		return false;
	if (ukl_step_into_trampoline(regs) ||
	    ukl_leave_jump(&regs->ip, regs->cx))
		return true;
	if (!in_thunk(regs->ip) || !in_thunk_head(regs->ip))
		return false;

	regs->flags &= ~X86_EFLAGS_TF;
	arch_set_bit(UKL_WORK_BIT_STEP, &current_thread_info()->syscall_work);
	/* The processor cleared BTF with the trap: see exc_debug_user(). */
	arch_clear_bit(TIF_BLOCKSTEP, &current_thread_info()->flags);
	return true;
}

/**
 * ukl_syscall_entry_step() - did a single step hit a SYSCALL entry?
 * @regs: registers of a #DB in kernel mode
 *
 * Some processors trap after a SYSCALL that was executed with TF set, before
 * the stack is switched. Not ip_within_syscall_gap(), which covers the way out as
 * well: a step there would be an error of the kernel's.
 */
bool ukl_syscall_entry_step(struct pt_regs *regs)
{
	return in_syscall_head(regs->ip) ||
	       (regs->ip >= (unsigned long)entry_SYSCALL_64 &&
		regs->ip < (unsigned long)entry_SYSCALL_64_safe_stack);
}

/**
 * ukl_emulate_call() - call a thunk, without executing the instruction
 * @insn: bytes of an instruction; current has a uprobe on it
 * @regs: the application's registers, ip at the probe
 *
 * Returns false when it is another instruction, or has to fault.
 */
bool ukl_emulate_call(const u8 *insn, struct pt_regs *regs)
{
	unsigned long sp = regs->sp - sizeof(long);
	unsigned long slot;

	/* call *disp32, call *disp32(,%rax,8) */
	if (!ukl_task(current) || insn[0] != 0xff || insn[1] != 0x14 ||
	    (insn[2] != 0x25 && insn[2] != 0xc5))
		return false;

	slot = (long)(s32)get_unaligned_le32(insn + 3);
	if (insn[2] == 0xc5)
		slot += regs->ax * sizeof(long);
	slot -= UKL_TABLE;
	if (slot >= sizeof(ukl_call_table) || slot % sizeof(long) ||
	    put_user(regs->ip + UKL_CALL_LEN, (unsigned long __user *)sp))
		return false;

	regs->sp = sp;
	regs->ip = ukl_call_table[slot / sizeof(long)];
	return true;
}

/**
 * ukl_refuse() - an application asks for what there is at ring 3 only
 * @task: who is to have it
 * @what: for the kernel's log
 *
 * A program that enters the kernel by SYSCALL goes on at ring 3; one that was
 * linked for CPL 0 cannot, and true is returned.
 */
bool ukl_refuse(struct task_struct *task, const char *what)
{
	struct thread_info *ti = task_thread_info(task);

	if (!ukl_task(task))
		return false;
	if (task != current || !(ti->status & TS_UKL_BINARY) ||
	    !ukl_unpatch(task->mm)) {
		pr_notice_ratelimited("ukl: %s uses %s: it cannot have it\n",
				      task->comm, what);
		return true;
	}

	preempt_disable();
	ti->status &= ~(TS_UKL | TS_UKL_BINARY);
	ukl_write_lstar(false);
	preempt_enable();
	pr_warn("ukl: %s[%d] uses %s: it goes on at ring 3\n", task->comm,
		task->pid, what);
	return false;
}

/**
 * ukl_hwcap2() - AT_HWCAP2 of a new program
 * @hwcap2: what the processor has
 *
 * Without the instructions that change the GS base: it would be the kernel's.
 */
u32 ukl_hwcap2(u32 hwcap2)
{
	return ukl_task(current) ? hwcap2 & ~HWCAP2_FSGSBASE : hwcap2;
}
