/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events and SYSCALL of applications at CPL 0.
 *
 * The processor does not switch stacks for an event that does not change the
 * privilege level, unless the gate names an IST stack (Intel SDM vol. 3,
 * "Stack Switching in 64-Bit Mode"; AMD APM vol. 2, "Interrupt-Stack Table").
 * The stack of an application may be absent, and has a red zone, so every
 * gate names one. As an IST stack starts over with each event, the frame
 * leaves it before interrupts can come on.
 */
#include <linux/linkage.h>
#include <linux/errno.h>
#include <asm/asm-offsets.h>
#include <asm/asm.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/dwarf2.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/page_types.h>
#include <asm/percpu.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/thread_info.h>
#include <asm/unwind_hints.h>
#include <ukl/entry.h>
#include "../arch/x86/entry/calling.h"
#include "cfi.h"
#include "stack.h"

.code64
.section .entry.text, "ax"

/*
 * The words that the frame of an event takes until ukl_leave_ist() runs:
 * %rdx and %rax saved here, return address, error code, RIP, CS, RFLAGS, RSP,
 * SS.
 */
#define F_RDX	0*8
#define F_RAX	1*8
#define F_RET	2*8
#define F_ERR	3*8
#define F_RIP	4*8
#define F_CS	5*8
#define F_FLAGS	6*8
#define F_RSP	7*8
#define F_SS	8*8

/*
 * Move the frame of an event that hit kernel code to just below the
 * interrupted RSP, where the processor would have put it without an IST
 * stack, rounded down to 16 bytes as it does (Intel SDM vol. 3, "64-Bit Mode
 * Stack Frame"). All registers are preserved; interrupts are off.
 *
 * The GS base may still be the user's (a fault of iretq or of a segment load),
 * so the per-CPU base is taken from the bottom of the IST stack.
 */
SYM_CODE_START(ukl_leave_ist)
	ANNOTATE_NOENDBR
	UNWIND_HINT_FUNC
	pushq	%rax
	pushq	%rdx
	UNWIND_HINT_IRET_REGS offset=F_RIP

	movq	F_RIP(%rsp), %rax
	andq	F_RSP(%rsp), %rax
	jns	.Lstay				/* the application's */

	movq	F_RSP(%rsp), %rdx
	movq	%rdx, %rax
	subq	%rsp, %rax
	cmpq	$(F_SS + 8 + 16), %rax
	jbe	.Lstay				/* no IST: before the gates were changed */

	/* Fast checks for room: the task's stack, then the interrupt stack. */
	movq	%rsp, %rax
	andq	$~(UKL_IST_SIZE - 1), %rax
	movq	UKL_IST_PERCPU(%rax), %rax
	movq	(pcpu_hot + X86_top_of_stack)(%rax), %rax
	subq	%rdx, %rax
	cmpq	$(THREAD_SIZE - UKL_STACK_ROOM), %rax
	jbe	.Lmove
	movq	%rsp, %rax
	andq	$~(UKL_IST_SIZE - 1), %rax
	movq	UKL_IST_PERCPU(%rax), %rax
	movq	(pcpu_hot + X86_hardirq_stack_ptr)(%rax), %rax
	subq	%rdx, %rax
	cmpq	$(IRQ_STACK_SIZE - UKL_STACK_ROOM), %rax
	ja	.Lask

.Lmove:
	andq	$~0xf, %rdx
	movq	%rsp, %rax
	movq	%rdx, %rsp
	UNWIND_HINT_UNDEFINED
	pushq	F_SS(%rax)
	pushq	F_RSP(%rax)
	pushq	F_FLAGS(%rax)
	pushq	F_CS(%rax)
	pushq	F_RIP(%rax)
	UNWIND_HINT_IRET_REGS
	pushq	F_ERR(%rax)
	pushq	F_RET(%rax)
	movq	F_RDX(%rax), %rdx
	movq	F_RAX(%rax), %rax
	UNWIND_HINT_IRET_REGS offset=2*8
	RET

.Lstay:
	UNWIND_HINT_IRET_REGS offset=F_RIP
	popq	%rdx
	popq	%rax
	UNWIND_HINT_IRET_REGS offset=2*8
	RET

	/*
	 * A stack of another kind (an exception's, the entry stack), or none: no
	 * room, or RSP is an application's (jumps.S) and only looks like the kernel's.
	 */
.Lask:
	UNWIND_HINT_IRET_REGS offset=F_RIP
	pushq	%rcx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	UNWIND_HINT_IRET_REGS offset=11*8
	movq	%rdx, %rdi
	leaq	(7*8 + F_RIP)(%rsp), %rsi
#ifdef CONFIG_SMP
	/*
	 * The kernel's own GS base is the user's only on the task's stack. If it is
	 * not the kernel's here, an application has changed it: what is called
	 * shall get as far as its report.
	 */
	movq	%rsp, %rax
	andq	$~(UKL_IST_SIZE - 1), %rax
	movq	UKL_IST_PERCPU(%rax), %rax
	movq	%rax, %rdx
	shrq	$32, %rdx
	movl	$MSR_GS_BASE, %ecx
	wrmsr
#endif
	movq	6*8(%rsp), %rdx			/* RCX */
	call	ukl_ask_stack
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rcx
	UNWIND_HINT_IRET_REGS offset=F_RIP
	movq	F_RSP(%rsp), %rdx
	testl	%eax, %eax
	jg	.Lmove
	js	.Lstay

	/* No room: a stack overflow. Report it with the registers of its code. */
	popq	%rdx
	popq	%rax
	addq	$8, %rsp			/* return address */
	UNWIND_HINT_IRET_REGS offset=8
	PUSH_AND_CLEAR_REGS
	movq	%rsp, %rdi
	call	ukl_stack_overflow
	ud2
SYM_CODE_END(ukl_leave_ist)

/*
 * From error_entry: the frame is an application's. Show it to the kernel as
 * user mode, on the top of the task's stack, as sync_regs() does for ring 3.
 * On the stack: return address, pt_regs.
 */
SYM_CODE_START(ukl_error_entry)
	ANNOTATE_NOENDBR
	UNWIND_HINT_REGS offset=8
	leaq	8(%rsp), %rdi
#ifdef CONFIG_SMP
	/* A load of GS or WRGSBASE, at ring 3 harmless, takes the kernel's base away. */
	ALTERNATIVE "jmp .Lgs_kept", "", X86_FEATURE_FSGSBASE
	GET_PERCPU_BASE %rax
	wrgsbase %rax
.Lgs_kept:
#endif
	cmpq	$0, RSP(%rdi)
	js	.Ljump_from_kernel
	/* As at ring 3, where POPF does not change it. */
	orl	$X86_EFLAGS_IF, EFLAGS(%rdi)
	movq	$__USER_CS, CS(%rdi)
	movq	$__USER_DS, SS(%rdi)
	jmp	sync_regs

	/*
	 * A user RIP on a kernel RSP: an application that lost its stack
	 * pointer, or a kernel function that jumped through a null pointer.
	 */
.Ljump_from_kernel:
	call	ukl_sort_out
	RET
SYM_CODE_END(ukl_error_entry)

/*
 * From error_entry: iretq to an application faulted (a non-canonical RIP in
 * the frame). Pretend that the event came from the place it would have gone
 * to. On the stack: return address, pt_regs; pt_regs->sp holds the frame.
 */
SYM_CODE_START(ukl_error_bad_iret)
	ANNOTATE_NOENDBR
	UNWIND_HINT_REGS offset=8
	leaq	8(%rsp), %rdi
	call	ukl_fixup_bad_iret
	RET
SYM_CODE_END(ukl_error_bad_iret)

/*
 * Return to an application through IRET. CS and SS in pt_regs stay the
 * user's, for whoever reads them while a lazy frame, which does not write
 * them, lies there; so the frame for iretq is built below. In 64-bit mode
 * IRETQ always pops SS:RSP, also to the same privilege level (Intel SDM
 * vol. 2, "IRET/IRETD/IRETQ").
 */
SYM_CODE_START(ukl_return_to_application)
	UNWIND_HINT_REGS
	ANNOTATE_NOENDBR
	cmpw	$__USER_CS, CS(%rsp)
	jne	.Lbad_cs
	orl	$X86_EFLAGS_IF, EFLAGS(%rsp)	/* from a call, it may be off */
	POP_REGS
	addq	$8, %rsp			/* orig_ax */
	UNWIND_HINT_IRET_REGS
	pushq	$__KERNEL_DS
	pushq	(3*8+1*8)(%rsp)			/* RSP */
	pushq	(2*8+2*8)(%rsp)			/* RFLAGS */
	pushq	$__KERNEL_CS
	pushq	(0*8+4*8)(%rsp)			/* RIP */
	UNWIND_HINT_IRET_REGS
SYM_INNER_LABEL(ukl_iret, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	iretq

	/* Only 64-bit code runs at CPL 0: a frame with another CS is an error. */
.Lbad_cs:
	UNWIND_HINT_REGS
	movq	%rsp, %rdi
	call	ukl_bad_cs
	jmp	ukl_return_to_application
SYM_CODE_END(ukl_return_to_application)

/*
 * INT n of an application, to a gate that at ring 3 would not let it pass, and
 * that the kernel has no handler for, or one that takes an error code, which INT
 * does not push (Intel SDM vol. 3, "Interrupt 13"): a #GP at the INT. On the stack:
 * the hardware's frame without an error code.
 */
SYM_CODE_START(ukl_refuse_int)
	UNWIND_HINT_IRET_ENTRY
	ENDBR
	subq	$2, (%rsp)			/* CD n */
	pushq	$UKL_GP_IDT
	jmp	asm_exc_general_protection
SYM_CODE_END(ukl_refuse_int)

/*
 * SYSCALL from CPL 0: as entry_SYSCALL_64, less swapgs. SYSCALL loads CS and
 * SS from IA32_STAR and RFLAGS through IA32_FMASK whatever the CPL was, and
 * leaves RSP alone (Intel SDM vol. 2, "SYSCALL"). MSR_LSTAR follows the task.
 */
SYM_CODE_START(ukl_entry_SYSCALL_64)
	CFI_STARTPROC
	.cfi_signal_frame			/* see thunks.S */
	CFI_DEF_CFA rsp, 0
	CFI_REGISTER rip, rcx
	UNWIND_HINT_ENTRY
	ENDBR
	movq	%rsp, PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	movq	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
SYM_INNER_LABEL(ukl_entry_SYSCALL_64_safe_stack, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	pushq	$__USER_DS
	pushq	PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	pushq	%r11
	pushq	$__USER_CS
	pushq	%rcx
	pushq	%rax
	PUSH_AND_CLEAR_REGS rax=$-ENOSYS
	UKL_CFI_FRAME
	UKL_CFI_SAVED 16 RIP
	UKL_CFI_SAVED 3 RBX
	UKL_CFI_SAVED 6 RBP
	UKL_CFI_SAVED 12 R12
	UKL_CFI_SAVED 13 R13
	UKL_CFI_SAVED 14 R14
	UKL_CFI_SAVED 15 R15
	movq	%rsp, %rdi
	movslq	%eax, %rsi
	call	ukl_do_syscall			/* returns with interrupts off */
	jmp	ukl_return_from_call
	CFI_ENDPROC
SYM_CODE_END(ukl_entry_SYSCALL_64)

/*
 * Return from a system call with a full frame. %al: nothing but RAX changed,
 * RCX holds RIP and R11 the flags, so that a jump will do. If not, the task
 * may have become a program at ring 3, by exec.
 *
 * The flags are restored with IF clear and STI comes last: interrupts stay
 * inhibited until the instruction after STI is done (Intel SDM vol. 2, "STI"),
 * so no work can be missed between its test and the application. An NMI may
 * end that shadow: ukl_fixup_regs() knows the jump.
 */
SYM_CODE_START(ukl_return_from_call)
	UNWIND_HINT_REGS
	ANNOTATE_NOENDBR
	testb	%al, %al
	jz	swapgs_restore_regs_and_return_to_usermode
	POP_REGS
SYM_INNER_LABEL(ukl_return_flags, SYM_L_GLOBAL)
	UNWIND_HINT_IRET_REGS offset=8
	ANNOTATE_NOENDBR
	pushq	%r11
	andq	$~X86_EFLAGS_IF, (%rsp)
	popfq
	movq	4*8(%rsp), %rsp
	UNWIND_HINT_END_OF_STACK
	sti
SYM_INNER_LABEL(ukl_return_jump, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	ANNOTATE_RETPOLINE_SAFE
	jmp	*%rcx
SYM_CODE_END(ukl_return_from_call)
