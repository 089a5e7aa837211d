/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls by jump, included by thunks.S: what the trampolines of patched
 * programs lead to (site.c). Registers are those that SYSCALL leaves, but for
 * R11: RCX is the address after it, RAX the number. All registers are preserved
 * that SYSCALL preserves, the flags as well, and RCX and R11 are at the end what
 * SYSRET makes of them (Intel SDM vol. 2, "SYSCALL", "SYSRET"). The
 * application's stack is not touched, so its red zone may be in use.
 *
 * The frame is as lazy as that of a call, in which the callee-saved registers are
 * missing. To the rest of the kernel it came from SYSCALL: its ip follows one,
 * and a call that is restarted goes back to that. The way out is that of SYSCALL,
 * too: with interrupts off from the test for work on, and RSP is switched in its
 * code, as an #MC would take this for a call's thunk.
 */

.macro UKL_JUMP_HEAD
	UNWIND_HINT_END_OF_STACK
	CFI_DEF_CFA rsp, 0
	CFI_REGISTER rip, rcx
	movq	%rsp, %r11
	movq	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
	CFI_DEF_CFA r11, 0
.endm

.macro UKL_JUMP_FRAME
	pushq	$__USER_DS
	pushq	%r11
	pushfq
	pushq	$__USER_CS			/* an interrupt was here, maybe */
	subq	$CS, %rsp
	UNWIND_HINT_REGS
	cld
	movq	%rcx, RIP(%rsp)
	UKL_CFI_FRAME
	UKL_CFI_SAVED 16 RIP
#ifdef CONFIG_UKL_CALL_CHAINS
	movq	%rbp, RBP(%rsp)
#endif
	movq	%rax, ORIG_RAX(%rsp)
	movq	%rdi, RDI(%rsp)
	movq	%rsi, RSI(%rsp)
	movq	%rdx, RDX(%rsp)
	movq	%r10, R10(%rsp)
	movq	%r8, R8(%rsp)
	movq	%r9, R9(%rsp)
	movq	PER_CPU_VAR(pcpu_hot + X86_current_task), %r11
	incq	UKL_TASK_jumps(%r11)
	cmpq	$0, UKL_TI_syscall_work(%r11)
	jne	ukl_jump_full_frame
.endm

/* nr, function (bare words, after cpp) */
.macro UKL_JUMP nr func
	.p2align 4
SYM_CODE_START_NOALIGN(ukl_jump_\nr)
	CFI_STARTPROC
	.cfi_signal_frame
	ANNOTATE_NOENDBR
	UKL_JUMP_HEAD
	UKL_JUMP_FRAME
	movq	%rsp, %rdi
	UKL_INSTRUMENTATION begin
	call	\func
	UKL_INSTRUMENTATION end
	jmp	ukl_jump_exit
	CFI_ENDPROC
SYM_CODE_END(ukl_jump_\nr)
.endm

/* The number is not in the program's code: any value may come. */
	.p2align 4
SYM_CODE_START_NOALIGN(ukl_jump_any)
	CFI_STARTPROC
	.cfi_signal_frame
	ANNOTATE_NOENDBR
	UKL_JUMP_HEAD
	UKL_JUMP_FRAME
	cmpq	$(UKL_TABLE_ENTRIES - 1), %rax
	ja	ukl_jump_full_frame
	movq	ukl_jump_functions(, %rax, 8), %rax
	testq	%rax, %rax
	jz	ukl_jump_full_frame
	movq	%rsp, %rdi
	UKL_INSTRUMENTATION begin
	ANNOTATE_RETPOLINE_SAFE
	call	*%rax
	UKL_INSTRUMENTATION end
	jmp	ukl_jump_exit
	CFI_ENDPROC
SYM_CODE_END(ukl_jump_any)

/* Calls that need all registers, and numbers that do not exist. */
	.p2align 4
SYM_CODE_START_NOALIGN(ukl_jump_full)
	CFI_STARTPROC
	.cfi_signal_frame
	ANNOTATE_NOENDBR
	UKL_JUMP_HEAD
SYM_INNER_LABEL(ukl_jump_head_end, SYM_L_GLOBAL)
	UKL_JUMP_FRAME

/* The full path, as for SYSCALL. */
SYM_INNER_LABEL(ukl_jump_full_frame, SYM_L_LOCAL)
	ANNOTATE_NOENDBR
	UNWIND_HINT_REGS
	pushq	$X86_EFLAGS_FIXED		/* IF, NT, AC off, as by SYSCALL */
	UKL_CFI_FRAME 8
	popfq
	UKL_CFI_FRAME
	movq	EFLAGS(%rsp), %r11
	movq	$-ENOSYS, RAX(%rsp)
	call	ukl_fill_frame
	movq	%rsp, %rdi
	call	ukl_do_jump			/* returns with interrupts off */
	jmp	ukl_return_from_call

/* The way out with a lazy frame, result in %rax. */
SYM_INNER_LABEL(ukl_jump_exit, SYM_L_LOCAL)
	ANNOTATE_NOENDBR
	UNWIND_HINT_REGS
	movq	PER_CPU_VAR(pcpu_hot + X86_current_task), %rcx
	cli
	testl	$UKL_EXIT_WORK, UKL_TI_flags(%rcx)
	jnz	.Ljump_work
	movq	RDI(%rsp), %rdi
	movq	RSI(%rsp), %rsi
	movq	RDX(%rsp), %rdx
	movq	R10(%rsp), %r10
	movq	R8(%rsp), %r8
	movq	R9(%rsp), %r9
	movq	RIP(%rsp), %rcx
	movq	EFLAGS(%rsp), %r11
	addq	$ORIG_RAX, %rsp
	UNWIND_HINT_IRET_REGS offset=8
	jmp	ukl_return_flags

.Ljump_work:
	UNWIND_HINT_REGS
	movq	%rax, RAX(%rsp)
	movq	EFLAGS(%rsp), %r11
	call	ukl_fill_frame
	sti
	movq	%rsp, %rdi
	call	ukl_do_jump_work		/* returns with interrupts off */
	jmp	ukl_return_from_call
	CFI_ENDPROC
SYM_CODE_END(ukl_jump_full)

#include "jumps.list"
