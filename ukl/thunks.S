/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls by call: one thunk a system call, reached through the table at
 * UKL_TABLE. Registers are those of SYSCALL: number in %rax, arguments in
 * %rdi, %rsi, %rdx, %r10, %r8, %r9, result in %rax. Caller-saved registers and
 * the arithmetic flags are lost. Interrupts stay on throughout.
 *
 * The frame is lazy. A thunk stores what the kernel may ask of a task that
 * sleeps in a call or what a restart needs: arguments, number, ip, sp. The
 * rest is filled in only when there is work on the way out. With
 * CONFIG_UKL_CALL_CHAINS RBP is there from the start, for those who walk the
 * application's stack from inside the kernel.
 *
 * Where RSP is still, or again, the application's, an event sees "application
 * at a kernel address" (<ukl/entry.h>), and the work that an interrupt finds
 * there is done by the interrupt. Each switch of RSP is one instruction. So
 * the test for work after the switch back misses nothing; the one before it
 * has the frame that a restart needs.
 *
 * The unwind information is for debuggers only: ORC hints are what the kernel
 * itself uses. To a debugger a thunk is a signal frame, the one kind that may
 * lie on another stack than its caller.
 */
#include <linux/linkage.h>
#include <linux/errno.h>
#include <asm/asm-offsets.h>
#include <asm/asm.h>
#include <asm/dwarf2.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>
#include <ukl/entry.h>
#include <ukl/table.h>
#include "../arch/x86/entry/calling.h"
#include "cfi.h"

.code64
.section .entry.text, "ax"

/* First instructions: RSP is the application's, [RSP] the return address. */
.macro UKL_THUNK_HEAD
	UNWIND_HINT_END_OF_STACK
	CFI_DEF_CFA rsp, 8
	movq	(%rsp), %rcx
	leaq	8(%rsp), %r11			/* as it is after the call */
	movq	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
	CFI_DEF_CFA r11, 0
.endm

/* SYSCALL would clear DF, which a signal frame or a debugger may have set. */
.macro UKL_THUNK_FRAME
	subq	$PTREGS_SIZE, %rsp
	UNWIND_HINT_REGS
	cld
	movq	%rcx, RIP(%rsp)
	movq	$__USER_CS, CS(%rsp)		/* an interrupt was here, maybe */
	movq	%r11, RSP(%rsp)
	UKL_CFI_FRAME
#ifdef CONFIG_UKL_CALL_CHAINS
	movq	%rbp, RBP(%rsp)
#endif
.endm

/* To just before the return. Clobbers %r11. */
.macro UKL_THUNK_SWITCH_BACK
	movq	RSP(%rsp), %r11
	leaq	-8(%r11), %rsp
	UNWIND_HINT_END_OF_STACK
	CFI_DEF_CFA rsp, 8
.endm

/*
 * The stack is the application's. A return thunk, which takes the place of RET
 * where a processor needs one, would be outside of what is known as a thunk, and may
 * call on that stack (arch/x86/lib/retpoline.S). Where this returns to has the
 * privilege of the kernel.
 */
.macro UKL_RET
	ANNOTATE_UNRET_SAFE
	ret
#ifdef CONFIG_MITIGATION_SLS
	int3
#endif
.endm

/* As instrumentation_begin(): tracers may be in what is called from here. */
.macro UKL_INSTRUMENTATION what
#ifdef CONFIG_NOINSTR_VALIDATION
.Linstr_\@:
	nop
	.pushsection .discard.instr_\what
	.long	.Linstr_\@ - .
	.popsection
#endif
.endm

/* nr, function, number of its arguments (bare constants, after cpp) */
.macro UKL_THUNK nr func nargs
	.p2align 4
SYM_CODE_START_NOALIGN(ukl_call_\nr)
	CFI_STARTPROC
	.cfi_signal_frame
	ANNOTATE_NOENDBR
	UKL_THUNK_HEAD
	UKL_THUNK_FRAME
	movq	%rax, ORIG_RAX(%rsp)
	.if \nargs > 0
	movq	%rdi, RDI(%rsp)
	.endif
	.if \nargs > 1
	movq	%rsi, RSI(%rsp)
	.endif
	.if \nargs > 2
	movq	%rdx, RDX(%rsp)
	.endif
	.if \nargs > 3
	movq	%r10, R10(%rsp)
	.endif
	.if \nargs > 4
	movq	%r8, R8(%rsp)
	.endif
	.if \nargs > 5
	movq	%r9, R9(%rsp)
	.endif
	movq	PER_CPU_VAR(pcpu_hot + X86_current_task), %r11
	cmpq	$0, UKL_TI_syscall_work(%r11)
	jne	ukl_full_frame
	movq	%rsp, %rdi
	UKL_INSTRUMENTATION begin
	call	\func
	UKL_INSTRUMENTATION end
	movq	PER_CPU_VAR(pcpu_hot + X86_current_task), %rcx
	testl	$UKL_EXIT_WORK, UKL_TI_flags(%rcx)
	jnz	ukl_lazy_work
	UKL_THUNK_SWITCH_BACK
	testl	$UKL_EXIT_WORK, UKL_TI_flags(%rcx)
	jnz	ukl_late_work
	UKL_RET
	CFI_ENDPROC
SYM_CODE_END(ukl_call_\nr)
.endm

SYM_CODE_START(__ukl_thunks_start)
	CFI_STARTPROC
	.cfi_signal_frame
	ANNOTATE_NOENDBR

/* Calls that need all registers, and numbers that do not exist. */
SYM_INNER_LABEL(ukl_call_full, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	UKL_THUNK_HEAD
SYM_INNER_LABEL(ukl_call_full_head_end, SYM_L_GLOBAL)
	UKL_THUNK_FRAME
	movq	%rax, ORIG_RAX(%rsp)

/*
 * The full path, as for SYSCALL. From here on the frame holds all registers
 * as they are after the call, RCX and R11 as SYSCALL would leave them.
 */
SYM_INNER_LABEL(ukl_full_frame, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	UNWIND_HINT_REGS
	pushfq
	UKL_CFI_FRAME 8
	popq	%r11
	UKL_CFI_FRAME
	pushq	$X86_EFLAGS_FIXED		/* IF, NT, AC off, as by SYSCALL */
	UKL_CFI_FRAME 8
	popfq
	UKL_CFI_FRAME
	movq	$-ENOSYS, RAX(%rsp)
	call	ukl_fill_frame
	movq	%rdi, RDI(%rsp)
	movq	%rsi, RSI(%rsp)
	movq	%rdx, RDX(%rsp)
	movq	%r10, R10(%rsp)
	movq	%r8, R8(%rsp)
	movq	%r9, R9(%rsp)
	movq	%rsp, %rdi
	call	ukl_do_call			/* returns with interrupts off */
	jmp	ukl_return_from_call

/* Work was found before RSP was switched back: the frame is intact. */
SYM_INNER_LABEL(ukl_lazy_work, SYM_L_LOCAL)
	ANNOTATE_NOENDBR
	UNWIND_HINT_REGS
	movq	%rax, RAX(%rsp)
.Lwork:
	movl	$(X86_EFLAGS_IF | X86_EFLAGS_FIXED), %r11d
	call	ukl_fill_frame
	movq	%rsp, %rdi
	call	ukl_do_exit_work		/* returns with interrupts off */
	jmp	ukl_return_from_call

/*
 * Work was found after RSP was switched back: an interrupt may have used the
 * place of the frame since, so make another. The result is not one that asks
 * for a restart: it would have come with a signal, seen by the first test.
 */
SYM_INNER_LABEL(ukl_late_work, SYM_L_LOCAL)
	ANNOTATE_NOENDBR
	UKL_THUNK_HEAD
	UKL_THUNK_FRAME
	movq	$-1, ORIG_RAX(%rsp)
	movq	%rax, RAX(%rsp)
	jmp	.Lwork
	CFI_ENDPROC
SYM_CODE_END(__ukl_thunks_start)

/* Registers that the C ABI preserves, flags (in %r11), SS. */
SYM_CODE_START_LOCAL_NOALIGN(ukl_fill_frame)
	CFI_STARTPROC
	UNWIND_HINT_REGS offset=8
	movq	%rbx, 8+RBX(%rsp)
	movq	%rbp, 8+RBP(%rsp)
	movq	%r12, 8+R12(%rsp)
	movq	%r13, 8+R13(%rsp)
	movq	%r14, 8+R14(%rsp)
	movq	%r15, 8+R15(%rsp)
	movq	8+RIP(%rsp), %rcx
	movq	%rcx, 8+RCX(%rsp)
	movq	%r11, 8+R11(%rsp)
	movq	%r11, 8+EFLAGS(%rsp)
	movq	$__USER_DS, 8+SS(%rsp)
	RET
	CFI_ENDPROC
SYM_CODE_END(ukl_fill_frame)

#include "thunks.list"

#ifdef CONFIG_UKL_PATCH
#include "jumps.S"
#endif

SYM_CODE_START_LOCAL_NOALIGN(__ukl_thunks_last)
	ANNOTATE_NOENDBR
	int3
SYM_INNER_LABEL(__ukl_thunks_end, SYM_L_GLOBAL)
SYM_CODE_END(__ukl_thunks_last)

/* Mapped read-only at UKL_TABLE. */
.section .rodata, "a"
	.p2align 12
SYM_DATA_START(ukl_call_table)
#include "table.list"
SYM_DATA_END(ukl_call_table)

#ifdef CONFIG_UKL_PATCH
SYM_DATA_START(ukl_jump_slots)
#include "slots.list"
	.quad ukl_jump_any
SYM_DATA_END(ukl_jump_slots)

SYM_DATA_START_LOCAL(ukl_jump_functions)
#include "functions.list"
SYM_DATA_END(ukl_jump_functions)
#endif
