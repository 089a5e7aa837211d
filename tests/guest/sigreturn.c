// SPDX-License-Identifier: GPL-2.0
/* Frames of signals with anything in them: never the end of the machine. */
#include "tap.h"
#include <setjmp.h>
#include <stdio.h>

enum how {
	RIP_NON_CANONICAL, RIP_NULL, RIP_KERNEL_HOLE, RIP_KERNEL_TEXT, RIP_MINUS,
	CS_0, CS_KERNEL, CS_32, CS_DATA, CS_FFFF,
	SS_0, SS_KERNEL, SS_CODE, SS_FFFF, SS_0_STRICT, SS_FFFF_STRICT,
	RSP_0, RSP_NON_CANONICAL, RSP_KERNEL_HOLE,
	FLAGS_ALL, FLAGS_0,	/* all but TF and AC */
	FP_BAD, FP_UNALIGNED, FP_KERNEL, FP_NULL, FP_MAGIC, FP_FEATURES,
	N_HOW
};

static volatile enum how how;

static void spoil(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *r = uc->uc_mcontext.gregs;
	greg_t cs = r[REG_CSGSFS] & ~0xffffL, ss = r[REG_CSGSFS] & 0xffffffffffff;
	uint32_t *fp = (uint32_t *)uc->uc_mcontext.fpregs;

	(void)sig, (void)si;
	switch (how) {
	case RIP_NON_CANONICAL: r[REG_RIP] = 0x1234567812345678; break;
	case RIP_NULL: r[REG_RIP] = 0; break;
	case RIP_KERNEL_HOLE: r[REG_RIP] = 0xffff800000001000; break;
	case RIP_KERNEL_TEXT: r[REG_RIP] = 0xffffffff81000000; break;
	case RIP_MINUS: r[REG_RIP] = -1; break;
	case CS_0: r[REG_CSGSFS] = cs; break;
	case CS_KERNEL: r[REG_CSGSFS] = cs | 0x10; break;
	case CS_32: r[REG_CSGSFS] = cs | 0x23; break;
	case CS_DATA: r[REG_CSGSFS] = cs | 0x2b; break;
	case CS_FFFF: r[REG_CSGSFS] = cs | 0xffff; break;
	case SS_0_STRICT: uc->uc_flags |= 4; /* fall through */
	case SS_0: r[REG_CSGSFS] = ss; break;
	case SS_KERNEL: r[REG_CSGSFS] = ss | 0x18L << 48; break;
	case SS_CODE: r[REG_CSGSFS] = ss | 0x33L << 48; break;
	case SS_FFFF_STRICT: uc->uc_flags |= 4; /* fall through */
	case SS_FFFF: r[REG_CSGSFS] = ss | 0xffffL << 48; break;
	case RSP_0: r[REG_RSP] = 0; break;
	case RSP_NON_CANONICAL: r[REG_RSP] = 0x5555555555555555; break;
	case RSP_KERNEL_HOLE: r[REG_RSP] = 0xffff800000002000; break;
	case FLAGS_ALL: r[REG_EFL] = ~0x40100L; break;
	case FLAGS_0: r[REG_EFL] = 0; break;
	case FP_BAD: uc->uc_mcontext.fpregs = (void *)64; break;
	case FP_UNALIGNED:
		uc->uc_mcontext.fpregs = (void *)((char *)fp + 1);
		break;
	case FP_KERNEL: uc->uc_mcontext.fpregs = (void *)0xffff800000001000; break;
	case FP_NULL: uc->uc_mcontext.fpregs = NULL; break;
	case FP_MAGIC: fp[464 / 4] ^= 1; break;
	case FP_FEATURES: fp[512 / 4] = 0xffffffff; fp[512 / 4 + 1] = 0x7fffffff;
		break;
	default: break;
	}
}

/* int3, then proof that the stack, the flags and system calls work. */
static int after_sigreturn(void)
{
	unsigned long flags;
	char text[16];

	__asm__ volatile("int3\n pushf\n pop %0\n cld" : "=r" (flags) : : "memory");
	if (!(flags & (1 << 9)) || flags & 0x3000)
		return 2;
	snprintf(text, sizeof(text), "%d", getpid());
	return atoi(text) == getpid() ? 0 : 3;
}

/*
 * 0: continues. Where the values are the processor's to judge, stock Linux
 * repairs SS unless the frame asks for the opposite.
 */
static int want(enum how h)
{
	switch (h) {
	case CS_32:
		/* 32-bit code at CPL 3; at CPL 0 there is none. */
		return cpl() ? -1 : SIGSEGV;
	case SS_0: case SS_KERNEL: case SS_CODE: case SS_FFFF:
		return -1;
	case FLAGS_ALL: case FLAGS_0: case FP_NULL:
		return 0;
	case RSP_NON_CANONICAL:
		return SIG_STACK_FAULT;
	case FP_MAGIC: case FP_FEATURES: case FP_UNALIGNED:
	case SS_0_STRICT: case SS_FFFF_STRICT:
		return -1;
	default:
		return SIGSEGV;
	}
}

TEST(sigreturn, garbage)
{
	handle(SIGTRAP, spoil, 0);
	for (int h = 0; h < N_HOW; h++) {
		pid_t pid;
		int status;

		how = h;
		pid = xfork();
		if (!pid)
			_exit(after_sigreturn());
		EQ(waitpid(pid, &status, 0), pid);
		if (want(h) >= 0 && status != want(h))
			FAIL("case %d: status %#x, not %#x", h, status, want(h));
		if (want(h) < 0 && status &&
		    !(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV ||
					      WTERMSIG(status) == SIGBUS ||
					      WTERMSIG(status) == SIGILL)))
			FAIL("case %d: status %#x", h, status);
	}
}

/* A handler for the SIGSEGV sees the place where the frame led to. */
static sigjmp_buf out;
static volatile long seen_ip, seen_cs;

static void catch(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig, (void)si;
	seen_ip = uc->uc_mcontext.gregs[REG_RIP];
	seen_cs = uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffff;
	siglongjmp(out, 1);
}

TEST(sigreturn, caught)
{
	on_altstack();
	handle(SIGTRAP, spoil, SA_NODEFER);
	handle(SIGSEGV, catch, SA_ONSTACK);
	handle(SIGBUS, catch, SA_ONSTACK);
	for (volatile int i = 0; i < 100; i++) {
		static const enum how hows[] = {
			RIP_NON_CANONICAL, RIP_NULL, CS_0, CS_FFFF, CS_KERNEL,
			RIP_KERNEL_HOLE,
		};

		how = hows[i % 6];
		seen_ip = 1;
		if (!sigsetjmp(out, 1)) {
			__asm__ volatile("int3" : : : "memory");
			FAIL("case %d: survived", how);
		}
		if (how == RIP_NON_CANONICAL)
			EQ(seen_ip, 0x1234567812345678);
		if (how == RIP_NULL)
			EQ(seen_ip, 0);
		if (how == RIP_KERNEL_HOLE)
			EQ(seen_ip, 0xffff800000001000);
	}
}

/* rt_sigreturn without a frame: whatever lies on the stack. */
ASM_FN(sr_insn, "mov %rdi, %rsp\n mov $15, %eax\n" ASM_INSN "\n ud2");
ASM_FN(sr_call, "lea 8(%rdi), %rsp\n mov $15, %eax\n" ASM_CALL "\n ud2");
void sr_insn(void *frame);
void sr_call(void *frame);

static void fuzz(void (*fn)(void *), uint64_t state, int kind)
{
	uint64_t *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ucontext_t *uc = (ucontext_t *)(p + 4096);
	greg_t *r = uc->uc_mcontext.gregs;

	CHECK(p != MAP_FAILED);
	for (int i = 0; i < 8192; i++)
		p[i] = rnd(&state);
	switch (kind) {
	case 1:		/* nothing at all */
		memset(p, 0, 65536);
		break;
	case 2:		/* plausible but for some fields */
		memset(p, 0, 65536);
		r[REG_RIP] = (long)fuzz;
		r[REG_RSP] = rnd(&state);
		r[REG_EFL] = rnd(&state);
		r[REG_CSGSFS] = 0x33 | (rnd(&state) & 0xff) << 48;
		break;
	case 3:
		memset(p, 0, 65536);
		r[REG_RIP] = rnd(&state) & 0x7fffffffffff;
		r[REG_RSP] = (long)(p + 2048);
		r[REG_EFL] = rnd(&state);
		r[REG_CSGSFS] = rnd(&state);
		break;
	case 4:		/* random vector state */
		r[REG_RIP] = 0;
		r[REG_RSP] = (long)(p + 2048);
		r[REG_EFL] = 0;
		r[REG_CSGSFS] = 0x33;
		uc->uc_mcontext.fpregs = (void *)(p + 6144);
		((uint32_t *)(p + 6144))[464 / 4] = 0x46505853;
		((uint32_t *)(p + 6144))[464 / 4 + 1] = 2048 + 4;
	}
	fn(uc);
}

TEST(sigreturn, fuzz)
{
	for (int i = 0; i < 200; i++) {
		int status;
		pid_t pid = xfork();

		if (!pid) {
			alarm(5);
			fuzz(i % 2 && !cpl() ? sr_call : sr_insn,
			     0x1234567 + i * 77777, i / 2 % 5);
		}
		EQ(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status))
			FAIL("round %d: status %#x", i, status);
	}
}

/* No frame because there is no memory there. */
TEST(sigreturn, no_stack)
{
	static const unsigned long sp[] = {
		0, 8, 4096, 0x800000000000, 0x5555555555555555, -4096UL, -8UL,
		0xffff800000001000,
	};

	for (size_t i = 0; i < sizeof(sp) / sizeof(*sp) * 2; i++) {
		int status;
		pid_t pid = xfork();

		if (!pid)
			(i % 2 && !cpl() ? sr_call : sr_insn)((void *)sp[i / 2]);
		EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status));
		CHECK(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
	}
}
