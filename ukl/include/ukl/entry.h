/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the hooks in arch/x86/entry/entry_64.S expand to.
 *
 * An application runs at CPL 0, with the kernel's CS, SS and GS base, on its
 * own stack. The frame that the processor pushes for an event at CPL 0
 * belongs to the application when RIP or RSP is a user address, that is, when
 * the sign bit of (RIP & RSP) is clear, but for what docs/design.md tells.
 */
#ifndef _UKL_ENTRY_H
#define _UKL_ENTRY_H

#ifdef CONFIG_UKL

/* Bits of thread_info.status; the kernel uses 0x2 and 0x4. */
#define TS_UKL			0x0100	/* the task runs at CPL 0 */
#define TS_UKL_CALL		0x0200	/* its last full frame came from a call */
#define TS_UKL_BINARY		0x0400	/* at CPL 0, but not linked for it */

/*
 * Bits of thread_info.syscall_work. Any of them sends the next call down the
 * full path; the generic entry code looks only at the bits that it knows.
 */
#define UKL_WORK_BIT_STEP	62	/* a call is being single-stepped over */
#define UKL_WORK_BIT_RESTART	63	/* restart_syscall may come from a call */

#ifdef __ASSEMBLY__

#include <asm/asm-offsets.h>
#include <asm/page_types.h>
#include <asm/percpu.h>
#include <asm/ptrace-abi.h>

/* The bits of #GP's error code that name the IDT (Intel SDM vol. 3, "Error Code"). */
#define UKL_GP_IDT		2

/*
 * Ordinary gates use an IST stack. Leave it at once when the event hit kernel
 * code; error_entry() deals with applications, as it does with ring 3. No
 * RET may be executed for ring 3 before UNTRAIN_RET, hence the test here.
 * On the stack: error code (or -1), then the hardware's frame, which begins on a
 * multiple of 16 bytes; one that does not hold the error code came from INT.
 */
.macro UKL_LEAVE_IST has_error_code:req
	.if \has_error_code
	testb	$8, %spl
	jnz	ukl_refuse_int
	.endif
	testb	$3, 2*8(%rsp)
	jnz	.Lukl_ring3_\@
	call	ukl_leave_ist
.Lukl_ring3_\@:
.endm

/*
 * In error_entry, registers pushed, return address on top, CS is the
 * kernel's. Clobbers %rax.
 */
.macro UKL_ERROR_ENTRY
	movq	RIP+8(%rsp), %rax
	andq	RSP+8(%rsp), %rax
	jns	ukl_error_entry
	cmpq	$ukl_iret, RIP+8(%rsp)
	je	ukl_error_bad_iret
.endm

/*
 * #DB and #MC, whose stack cannot be left to the kernel's own ends: jump to
 * \target when the application was interrupted. The test of RSP alone would
 * be wrong: between SYSCALL and the switch of the stack the kernel runs on
 * an RSP of the user, and that is kernel context. Only the call thunks are
 * the application's. On the stack: -1, then the hardware's frame.
 */
.macro UKL_IF_APPLICATION target:req
	btq	$63, 1*8(%rsp)			/* RIP */
	jnc	\target
	btq	$63, 4*8(%rsp)			/* RSP */
	jc	.Lukl_kernel_\@
	cmpq	$__ukl_thunks_start, 1*8(%rsp)
	jb	.Lukl_kernel_\@
	cmpq	$__ukl_thunks_end, 1*8(%rsp)
	jb	\target
.Lukl_kernel_\@:
.endm

/* Call the handler of an event that can arrive on top of any other. */
.macro UKL_CALL_NESTING cfunc:req
	call	ukl_\cfunc
.endm

/*
 * In __switch_to_asm, before RSP is switched to the stack of the task in %rsi:
 * ukl_leave_ist looks for room on the stack that ends there, and __switch_to()
 * may take an exception before it gets to write this. Clobbers %rax.
 */
.macro UKL_SWITCH_STACK
	movq	UKL_TASK_stack(%rsi), %rax
	addq	$THREAD_SIZE, %rax
	movq	%rax, PER_CPU_VAR(pcpu_hot + X86_top_of_stack)
.endm

/* Return to user mode, full pt_regs on the stack: divert applications. */
.macro UKL_RETURN
	movq	PER_CPU_VAR(pcpu_hot + X86_current_task), %rax
	testl	$TS_UKL, UKL_TI_status(%rax)
	jnz	ukl_return_to_application
.endm

#endif /* __ASSEMBLY__ */

#else /* !CONFIG_UKL */

#ifdef __ASSEMBLY__
.macro UKL_LEAVE_IST has_error_code:req
.endm
.macro UKL_ERROR_ENTRY
.endm
.macro UKL_IF_APPLICATION target:req
.endm
.macro UKL_CALL_NESTING cfunc:req
	call	\cfunc
.endm
.macro UKL_SWITCH_STACK
.endm
.macro UKL_RETURN
.endm
#endif /* __ASSEMBLY__ */

#endif /* CONFIG_UKL */

#endif /* _UKL_ENTRY_H */
