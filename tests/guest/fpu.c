// SPDX-License-Identifier: GPL-2.0
/* SSE, AVX and x87 state of the application stays its own. */
#include "tap.h"
#include <cpuid.h>
#include <sched.h>
#include <stdio.h>

#define SSE_LOAD ASM_EACH(16, "movdqu 16*\\r(%rdi), %xmm\\r")
#define SSE_STORE ASM_EACH(16, "movdqu %xmm\\r, 16*\\r(%rdx)")
#define AVX_LOAD ASM_EACH(16, "vmovdqu 32*\\r(%rdi), %ymm\\r")
#define AVX_STORE ASM_EACH(16, "vmovdqu %ymm\\r, 32*\\r(%rdx)")	\
	"vzeroupper\n"
#define ZMM_LOAD ASM_EACH(32, "vmovdqu64 64*\\r(%rdi), %zmm\\r")
#define ZMM_STORE ASM_EACH(32, "vmovdqu64 %zmm\\r, 64*\\r(%rdx)")	\
	"vzeroupper\n"
#define K_LOAD ASM_EACH(8, "kmovq 64*32+8*\\r(%rdi), %k\\r")
#define K_STORE ASM_EACH(8, "kmovq %k\\r, 64*32+8*\\r(%rdx)")
#define SPIN "1: dec %rsi\n jnz 1b\n"
#define CALLS(nr, insn) "mov %rdx, %rbx\n 1: mov $" #nr ", %eax\n" insn \
	"\n dec %r12\n jnz 1b\n mov %rbx, %rdx\n"
#define SAVE "push %rbx\n push %r12\n push %r12\n mov %rsi, %r12\n"
#define RESTORE "pop %r12\n pop %r12\n pop %rbx\n ret"

/* sched_setaffinity(0, 8, one of two masks in turn) */
#define MIGRATES(insn) "mov %rdx, %rbx\n"				\
	"1: mov %r12d, %ecx\n and $1, %ecx\n"				\
	"lea fpu_cpus(%rip), %rax\n lea (%rax,%rcx,8), %rdx\n"		\
	"xor %edi, %edi\n mov $8, %esi\n mov $203, %eax\n" insn	\
	"\n test %rax, %rax\n jz 2f\n ud2\n"				\
	"2: dec %r12\n jnz 1b\n mov %rbx, %rdx\n"

typedef void fpu_fn(const void *in, long n, void *out);
uint64_t fpu_cpus[] = { 1, 2 };

struct state {
	const char *name;
	size_t width, size;	/* of one register, of all, in bytes */
	fpu_fn *spin;
	/* Each by SYSCALL and by call */
	fpu_fn *getppid[2], *fork[2], *migrate[2];
};

#define STATE(kind, load, store, ...)					\
	ASM_FN(kind##_spin, load SPIN store "ret");			\
	ASM_FN(kind##_insn, SAVE load CALLS(110, ASM_INSN) store RESTORE); \
	ASM_FN(kind##_call, SAVE load CALLS(110, ASM_CALL) store RESTORE); \
	ASM_FN(kind##_fork_insn,					\
	       SAVE load CALLS(57, ASM_INSN) store RESTORE);		\
	ASM_FN(kind##_fork_call,					\
	       SAVE load CALLS(57, ASM_CALL) store RESTORE);		\
	ASM_FN(kind##_migrate_insn,					\
	       SAVE load MIGRATES(ASM_INSN) store RESTORE);		\
	ASM_FN(kind##_migrate_call,					\
	       SAVE load MIGRATES(ASM_CALL) store RESTORE);		\
	fpu_fn kind##_spin, kind##_insn, kind##_call, kind##_fork_insn,	\
		kind##_fork_call, kind##_migrate_insn, kind##_migrate_call; \
	static const struct state kind = {				\
		__VA_ARGS__, kind##_spin, { kind##_insn, kind##_call },	\
		{ kind##_fork_insn, kind##_fork_call },			\
		{ kind##_migrate_insn, kind##_migrate_call }		\
	}

#define K_AT (32 * 64)
#define ZMM_SIZE (K_AT + 8 * 8)

STATE(sse, SSE_LOAD, SSE_STORE, "xmm", 16, 16 * 16);
STATE(avx, AVX_LOAD, AVX_STORE, "ymm", 32, 16 * 32);
STATE(zmm, ZMM_LOAD K_LOAD, K_STORE ZMM_STORE, "zmm", 64, ZMM_SIZE);

/* Those that the checks look at, where the processor has them */
static const struct state *const states[] = {
	[SSE] = &sse, [AVX] = &avx, [AVX512] = &zmm
};
static int first = SSE, last = AVX;

static void only_zmm(void)
{
	if (vectors() < AVX512)
		tap_skip("no AVX-512");
	first = last = AVX512;
}

/* A test, and its like for zmm0 to zmm31 and k0 to k7. */
#define TEST_ZMM_TOO(id)						\
	static void with_##id(void);					\
	TEST(fpu, id)							\
	{								\
		with_##id();						\
	}								\
	TEST(fpu, zmm_##id)						\
	{								\
		only_zmm();						\
		with_##id();						\
	}								\
	static void with_##id(void)

static uint64_t seed;

static void fill(uint64_t *words, size_t n)
{
	if (!seed)
		seed = 0x2545f4914f6cdd1d + getpid();
	for (size_t i = 0; i < n; i++)
		words[i] = rnd(&seed);
}

static void compare(const struct state *s, const char *how, const uint64_t *in,
		    const uint64_t *out)
{
	for (size_t at = 0; at < s->size; at += 8) {
		if (in[at / 8] == out[at / 8])
			continue;
		if (at < K_AT)
			FAIL("%s: %s%zu changed", how, s->name, at / s->width);
		FAIL("%s: k%zu changed", how, (at - K_AT) / 8);
	}
}

static void check(const struct state *s, fpu_fn *fn, const char *how, long n)
{
	uint64_t in[s->size / 8], out[s->size / 8];

	fill(in, s->size / 8);
	memset(out, 0, sizeof(out));
	fn(in, n, out);
	compare(s, how, in, out);
}

static void check_ways(const struct state *s, fpu_fn *const fn[2], long n)
{
	check(s, fn[0], "SYSCALL", n);
	if (!cpl())
		check(s, fn[1], "call", n);
}

static void each(void (*step)(const struct state *s, long n), long n)
{
	for (int v = first; v <= last && v <= vectors(); v++)
		step(states[v], n);
}

static void spin(const struct state *s, long n)
{
	check(s, s->spin, "loop", n);
}

static void calls(const struct state *s, long n)
{
	check_ways(s, s->getppid, n);
}

void fpu_check(long spins)
{
	each(spin, spins);
}

void fpu_check_calls(long n)
{
	each(calls, n);
}

TEST_ZMM_TOO(timer)
{
	tick_start(50, NULL, 0);
	UNTIL_TICKS(1000, fpu_check(2000));
	tick_stop();
}

TEST_ZMM_TOO(calls)
{
	fpu_check_calls(1000);
	tick_start(50, NULL, 0);
	UNTIL_TICKS(1000, fpu_check_calls(100));
	tick_stop();
}

TEST_ZMM_TOO(switches)
{
	double end = now() + 0.6;
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = xfork();
		if (pid[i])
			continue;
		seed = i + 1;
		tick_start(300, NULL, 0);
		for (;;) {
			fpu_check(10000);
			fpu_check_calls(10);
			sched_yield();
		}
	}
	while (now() < end) {
		fpu_check(10000);
		fpu_check_calls(10);
		sched_yield();
	}
	for (int i = 0; i < 3; i++) {
		kill(pid[i], SIGKILL);
		EXPECT_SIGNAL(pid[i], SIGKILL);
	}
}

/* To the other CPU and back within each call, against another that does so, too. */
static void migrate(const struct state *s, long n)
{
	check_ways(s, s->migrate, n);
}

TEST_ZMM_TOO(migrate)
{
	pid_t pid;

	if (cpu_count() < 2)
		tap_skip("one CPU only");
	pid = xfork();
	seed = pid + 1;
	for (int i = 0; i < 10; i++)
		each(migrate, 20);
	tick_start(200, NULL, 0);
	for (int i = 0; i < 10; i++)
		each(migrate, 20);
	tick_stop();
	if (!pid)
		_exit(7);
	EXPECT_EXIT(pid, 7);
}

/* A child starts with its parent's registers. */
static void forks(const struct state *s, long n)
{
	pid_t parent = getpid();

	for (int by_call = 0; by_call <= !cpl(); by_call++) {
		check(s, s->fork[by_call],
		      by_call ? "fork, call" : "fork, SYSCALL", n);
		if (getpid() != parent)
			_exit(7);
		EXPECT_EXIT(-1, 7);
	}
}

TEST_ZMM_TOO(fork)
{
	for (int i = 0; i < 10; i++)
		each(forks, 1);
}

/* What a handler writes into the frame is there when it returns. */
static void edit(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig, (void)si;
	CHECK(uc->uc_mcontext.fpregs);
	uc->uc_mcontext.fpregs->_xmm[3].element[0] = 0x12345678;
	uc->uc_mcontext.fpregs->_xmm[3].element[3] = 0x9abcdef0;
	dirty();
}

TEST(fpu, frame)
{
	uint32_t out[4], in[4] = { 1, 2, 3, 4 };

	handle(SIGTRAP, edit, 0);
	__asm__ volatile("movdqu %[in], %%xmm3\n int3\n movdqu %%xmm3, %[out]"
			 : [out] "=m" (out) : [in] "m" (in) : "xmm3");
	EQ(out[0], 0x12345678);
	EQ(out[1], 2);
	EQ(out[2], 3);
	EQ(out[3], 0x9abcdef0);
}

/* The same of AVX-512: each of its components, and the upper half of ymm. */
ASM_FN(zmm_trap, ZMM_LOAD K_LOAD "int3\n" K_STORE ZMM_STORE "ret");
fpu_fn zmm_trap;

static uint64_t frame_in[ZMM_SIZE / 8], frame_out[ZMM_SIZE / 8];

static void edit_zmm(int sig, siginfo_t *si, void *ctx)
{
	static const struct {
		unsigned int component;
		size_t at;	/* in bytes, in the component */
		size_t word;	/* in frame_in */
	} edits[] = {
		{ 2, 16 * 3, 8 * 3 + 2 },		/* ymm3 */
		{ 5, 8 * 3, 8 * 32 + 3 },		/* k3 */
		{ 6, 32 * 3, 8 * 3 + 4 },		/* zmm3 */
		{ 7, 64 * 4 + 56, 8 * 20 + 7 },		/* zmm20 */
	};
	ucontext_t *uc = ctx;
	char *area = (char *)uc->uc_mcontext.fpregs;
	unsigned int size, offset, c, d;

	(void)sig, (void)si;
	CHECK(area);
	for (size_t i = 0; i < sizeof(edits) / sizeof(*edits); i++) {
		uint64_t *word;

		__cpuid_count(0xd, edits[i].component, size, offset, c, d);
		CHECK(edits[i].at < size);
		word = (uint64_t *)(area + offset + edits[i].at);
		EQ(*word, frame_in[edits[i].word]);
		*word = ~*word;
		frame_in[edits[i].word] = *word;
	}
	dirty();
}

TEST(fpu, zmm_frame)
{
	only_zmm();
	handle(SIGTRAP, edit_zmm, 0);
	for (int i = 0; i < 10; i++) {
		fill(frame_in, ZMM_SIZE / 8);
		zmm_trap(frame_in, 0, frame_out);
		compare(&zmm, "frame", frame_in, frame_out);
	}
}

TEST(fpu, control)
{
	uint16_t cw = 0x0c7f, cw_after;
	uint32_t mxcsr = 0x7f80, mxcsr_after;
	double end = now() + 0.3, x = 1.25, y;
	pid_t pid = xfork();

	if (!pid)
		for (;;)
			fpu_check(1000);
	tick_start(100, NULL, 0);
	while (now() < end) {
		__asm__ volatile("fldcw %[cw]\n ldmxcsr %[mx]\n"
				 "fldl %[x]\n"
				 "mov $20000, %%ecx\n 1: dec %%ecx\n jnz 1b\n"
				 "fstpl %[y]\n"
				 "fnstcw %[cwa]\n stmxcsr %[mxa]\n"
				 "fninit\n"
				 "movl $0x1f80, -4(%%rsp)\n ldmxcsr -4(%%rsp)"
				 : [cwa] "=m" (cw_after), [mxa] "=m" (mxcsr_after),
				   [y] "=m" (y)
				 : [cw] "m" (cw), [mx] "m" (mxcsr), [x] "m" (x)
				 : "ecx", "st", "memory", "cc");
		EQ(cw_after, cw);
		EQ(mxcsr_after, mxcsr);
		CHECK(x == y);
	}
	tick_stop();
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}
