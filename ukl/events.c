// SPDX-License-Identifier: GPL-2.0
/*
 * Events at CPL 0: the IST stack of the ordinary gates, and what the assembly
 * in entry.S leaves to C.
 */
#include <linux/init.h>
#include <linux/percpu.h>
#include <linux/sched/debug.h>
#include <linux/sched/task_stack.h>
#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/idtentry.h>
#include <asm/irq_stack.h>
#include <asm/processor.h>
#include <asm/stacktrace.h>
#include <asm/traps.h>
#include <ukl/ukl.h>
#include "stack.h"

void ukl_refuse_int(void);
int ukl_ask_stack(unsigned long sp, unsigned long *ip, unsigned long cx);
void ukl_stack_overflow(struct pt_regs *regs);
struct pt_regs *ukl_sort_out(struct pt_regs *regs);
struct pt_regs *ukl_fixup_bad_iret(struct pt_regs *regs);
void ukl_exc_nmi(struct pt_regs *regs);
void ukl_exc_debug(struct pt_regs *regs);
void ukl_exc_machine_check(struct pt_regs *regs);

static DEFINE_PER_CPU_PAGE_ALIGNED(char[UKL_IST_SIZE], ukl_ist);

/**
 * ukl_setup_ist() - give this CPU the stack of the ordinary gates
 * @tss: the CPU's task state segment, writable alias
 */
void ukl_setup_ist(struct x86_hw_tss *tss)
{
	char *stack = *this_cpu_ptr(&ukl_ist);

	/* The per-CPU base: what has to be added to a per-CPU symbol. */
	*(unsigned long *)(stack + UKL_IST_PERCPU) =
		(unsigned long)stack - (unsigned long)&ukl_ist;
	tss->ist[UKL_IST_INDEX] = (unsigned long)stack + UKL_IST_SIZE;
}

/* A gate from before the traps were set up, whose code will be freed. */
static bool __init is_early(const gate_desc *gate)
{
	return gate->bits.p && gate_offset(gate) - (unsigned long)early_idt_handler_array <
			       sizeof(early_idt_handler_array);
}

/**
 * ukl_setup_gates() - let every gate without an IST stack use ours
 * @idt: the complete table, still writable
 *
 * INT $0x80 is not to look like a device.
 */
void __init ukl_setup_gates(struct gate_struct *idt)
{
	unsigned int i;

	if (IS_ENABLED(CONFIG_UKL_NO_IST))
		return;

	set_bit(IA32_SYSCALL_VECTOR, system_vectors);
	for (i = 0; i < IDT_ENTRIES; i++) {
		if (i == IA32_SYSCALL_VECTOR || is_early(&idt[i]))
			pack_gate(&idt[i], GATE_INTERRUPT,
				  (unsigned long)ukl_refuse_int, 0, 0, 0);
		if (idt[i].bits.p && !idt[i].bits.ist)
			idt[i].bits.ist = UKL_IST_INDEX + 1;
	}
}

/* Does the kernel stack that @sp lies on have room for a frame below it? */
static noinstr bool stack_has_room(unsigned long sp)
{
	struct stack_info info;

	/* An empty stack: sp is just beyond its end. */
	sp -= sizeof(long);
	return get_stack_info_noinstr((void *)sp, current, &info) &&
	       sp - (unsigned long)info.begin >= UKL_STACK_ROOM;
}

/*
 * An event hit kernel code with RSP at @sp, on neither the task's stack nor that
 * of interrupts. 1: there is room for a frame. -1: the event is the application's,
 * which had lost its stack pointer before a system call; @ip is in its code now.
 */
noinstr int ukl_ask_stack(unsigned long sp, unsigned long *ip, unsigned long cx)
{
	if (stack_has_room(sp))
		return 1;
	return ukl_leave_jump(ip, cx) ? -1 : 0;
}

/*
 * The event found no room on the task's stack. Report it on the stack of
 * double faults, as page_fault_oops() does.
 */
noinstr void ukl_stack_overflow(struct pt_regs *regs)
{
#ifdef CONFIG_VMAP_STACK
	struct stack_info info = {
		.type	= STACK_TYPE_TASK,
		.begin	= task_stack_page(current),
		.end	= task_stack_page(current) + THREAD_SIZE,
	};

	instrumentation_begin();
	call_on_stack(__this_cpu_ist_top_va(DF) - sizeof(void *),
		      handle_stack_overflow, ASM_CALL_ARG3,
		      , [arg1] "r" (regs), [arg2] "r" (regs->sp),
			[arg3] "r" (&info));
#else
	instrumentation_begin();
	call_on_stack(__this_cpu_ist_top_va(DF) - sizeof(void *), panic,
		      ASM_CALL_ARG1,
		      , [arg1] "r" ("kernel stack overflow"));
#endif
	BUG();
}

static __always_inline void show_as_user(struct pt_regs *regs)
{
	regs->csx = __USER_CS;
	regs->ssx = __USER_DS;
}

/*
 * An event with a user RIP and a kernel RSP. If that is a stack of the
 * kernel's in use here, the kernel jumped to a bad address: let it oops, on
 * that stack.
 */
noinstr struct pt_regs *ukl_sort_out(struct pt_regs *regs)
{
	struct pt_regs *below;

	if (!stack_has_room(regs->sp)) {
		show_as_user(regs);
		regs->flags |= X86_EFLAGS_IF;
		return sync_regs(regs);
	}

	below = (struct pt_regs *)(regs->sp & ~0xful) - 1;
	*below = *regs;
	return below;
}

/* The event of a failed iretq to an application: make it the application's. */
noinstr struct pt_regs *ukl_fixup_bad_iret(struct pt_regs *regs)
{
	struct pt_regs tmp = *regs;

	__memcpy(&tmp.ip, (void *)regs->sp, 5 * sizeof(long));
	show_as_user(&tmp);

	regs = (struct pt_regs *)current_top_of_stack() - 1;
	*regs = tmp;
	return regs;
}

/*
 * While the handler of an event that can interrupt anything runs, a frame may
 * lie on the IST stack of the ordinary gates: keep what it faults on off it.
 */
static __always_inline void ist_shift_down(void)
{
	this_cpu_sub(cpu_tss_rw.x86_tss.ist[UKL_IST_INDEX], UKL_IST_LEVEL);
}

static __always_inline void ist_shift_up(void)
{
	this_cpu_add(cpu_tss_rw.x86_tss.ist[UKL_IST_INDEX], UKL_IST_LEVEL);
}

static __always_inline bool interrupted_application(struct pt_regs *regs)
{
	if (user_mode(regs))
		return false;
	if ((long)regs->ip >= 0)
		return true;
	return (long)regs->sp >= 0 &&
	       regs->ip >= (unsigned long)__ukl_thunks_start &&
	       regs->ip < (unsigned long)__ukl_thunks_end;
}

/*
 * An NMI that hits an application stays on the NMI stack, which is made for
 * nesting, but its handlers (perf) shall see user mode. A nested NMI copies
 * this frame for the return (asm_exc_nmi(), "repeat_nmi"), so it is put back.
 */
noinstr void ukl_exc_nmi(struct pt_regs *regs)
{
	unsigned long csx = regs->csx, ssx = regs->ssx;
	bool application = interrupted_application(regs);

	ist_shift_down();
	if (application)
		show_as_user(regs);
	exc_nmi(regs);
	if (application) {
		regs->csx = csx;
		regs->ssx = ssx;
	}
	ist_shift_up();
}

/* #DB in kernel code; one in an application takes the ordinary way. */
noinstr void ukl_exc_debug(struct pt_regs *regs)
{
	ist_shift_down();
	exc_debug(regs);
	ist_shift_up();
}

#ifdef CONFIG_X86_MCE
noinstr void ukl_exc_machine_check(struct pt_regs *regs)
{
	ist_shift_down();
	exc_machine_check(regs);
	ist_shift_up();
}
#endif
