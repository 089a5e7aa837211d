/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include "pthread_impl.h"

/* In pthread_cancel.c; absent from programs that cancel no thread. */
extern weak hidden long __cancel(void);

_Static_assert(offsetof(struct pthread, cancel) == UKL_TP_CANCEL,
	       "UKL_TP_CANCEL does not match struct pthread");

long __ukl_cp_eintr(void)
{
	pthread_t self = __pthread_self();

	if (self->cancel && self->canceldisable != PTHREAD_CANCEL_DISABLE)
		return __cancel();
	return -EINTR;
}

/*
 * The way from a call site with a pending cancellation to C: the arguments
 * move from the registers of a system call to those of a function, on a stack
 * that is aligned for it. Result in RAX; loses what a system call loses, and
 * the SSE registers.
 */
__asm__ (
".text\n"
".global __ukl_cp_slow\n"
".hidden __ukl_cp_slow\n"
".type __ukl_cp_slow,@function\n"
"__ukl_cp_slow:\n"
"	push %rbp\n"
"	mov %rsp,%rbp\n"
"	and $-16,%rsp\n"
"	sub $8,%rsp\n"
"	push %r9\n"
"	mov %r8,%r9\n"
"	mov %r10,%r8\n"
"	mov %rdx,%rcx\n"
"	mov %rsi,%rdx\n"
"	mov %rdi,%rsi\n"
"	mov %rax,%rdi\n"
"	call __syscall_cp\n"
"	leave\n"
"	ret\n"
".size __ukl_cp_slow,.-__ukl_cp_slow\n"
);
