/* SPDX-License-Identifier: GPL-2.0 */
/*
 * musl declares the functions of contexts, and does not have them. Here is what
 * sigaltstack/sas uses: a context that is made, and two that take turns.
 */
#ifndef CONTRACT_UCONTEXT_H
#define CONTRACT_UCONTEXT_H

#include_next <ucontext.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

/* Keeps the registers that a call preserves, and goes on with the others. */
static __attribute__((naked, noinline, unused))
void switch_context(greg_t *save, const greg_t *load)
{
	__asm__("pop	%%rax\n"
		"mov	%%rax, 8*%c0(%%rdi)\n"
		"mov	%%rsp, 8*%c1(%%rdi)\n"
		"mov	%%rbx, 8*%c2(%%rdi)\n"
		"mov	%%rbp, 8*%c3(%%rdi)\n"
		"mov	%%r12, 8*%c4(%%rdi)\n"
		"mov	%%r13, 8*%c5(%%rdi)\n"
		"mov	%%r14, 8*%c6(%%rdi)\n"
		"mov	%%r15, 8*%c7(%%rdi)\n"
		"mov	8*%c1(%%rsi), %%rsp\n"
		"mov	8*%c2(%%rsi), %%rbx\n"
		"mov	8*%c3(%%rsi), %%rbp\n"
		"mov	8*%c4(%%rsi), %%r12\n"
		"mov	8*%c5(%%rsi), %%r13\n"
		"mov	8*%c6(%%rsi), %%r14\n"
		"mov	8*%c7(%%rsi), %%r15\n"
		"jmp	*8*%c0(%%rsi)\n"
		:: "i"(REG_RIP), "i"(REG_RSP), "i"(REG_RBX), "i"(REG_RBP),
		   "i"(REG_R12), "i"(REG_R13), "i"(REG_R14), "i"(REG_R15));
}

static inline int contract_getcontext(ucontext_t *uc)
{
	memset(uc, 0, sizeof(*uc));
	return sigprocmask(SIG_SETMASK, NULL, &uc->uc_sigmask);
}

static inline void contract_makecontext(ucontext_t *uc, void (*fn)(void))
{
	uintptr_t top = (uintptr_t)uc->uc_stack.ss_sp + uc->uc_stack.ss_size;

	/* As behind a call; there is nowhere to return to. */
	uc->uc_mcontext.gregs[REG_RSP] = (top & -16UL) - 8;
	*(uintptr_t *)uc->uc_mcontext.gregs[REG_RSP] = 0;
	uc->uc_mcontext.gregs[REG_RIP] = (uintptr_t)fn;
}

static inline int contract_swapcontext(ucontext_t *save, const ucontext_t *load)
{
	if (sigprocmask(SIG_SETMASK, &load->uc_sigmask, &save->uc_sigmask))
		return -1;
	switch_context(save->uc_mcontext.gregs, load->uc_mcontext.gregs);
	return 0;
}

static inline int contract_setcontext(const ucontext_t *load)
{
	ucontext_t left;

	return contract_swapcontext(&left, load);
}

#define getcontext(uc)			contract_getcontext(uc)
#define makecontext(uc, fn, argc)	contract_makecontext(uc, fn)
#define swapcontext(save, load)		contract_swapcontext(save, load)
#define setcontext(uc)			contract_setcontext(uc)

#endif
