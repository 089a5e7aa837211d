// SPDX-License-Identifier: GPL-2.0
/* SSE, AVX and x87 state of the application stays its own. */
#include "tap.h"
#include <cpuid.h>
#include <sched.h>
#include <stdio.h>

#define EACH(op, size)				\
	".set reg, 0\n"				\
	".altmacro\n"				\
	".macro one_" #size " r\n"		\
	op "\n"					\
	".endm\n"				\
	".rept 16\n"				\
	"one_" #size " %reg\n"			\
	".set reg, reg + 1\n"			\
	".endr\n"				\
	".purgem one_" #size "\n"		\
	".noaltmacro\n"
#define SSE_LOAD EACH("movdqu 16*\\r(%rdi), %xmm\\r", 16)
#define SSE_STORE EACH("movdqu %xmm\\r, 16*\\r(%rdx)", 16)
#define AVX_LOAD EACH("vmovdqu 32*\\r(%rdi), %ymm\\r", 32)
#define AVX_STORE EACH("vmovdqu %ymm\\r, 32*\\r(%rdx)", 32)
#define SPIN "1: dec %rsi\n jnz 1b\n"
#define CALLS(insn) "mov %rdx, %rbx\n 1: mov $110, %eax\n" insn \
	"\n dec %r12\n jnz 1b\n mov %rbx, %rdx\n"
#define SAVE "push %rbx\n push %r12\n push %r12\n mov %rsi, %r12\n"
#define RESTORE "pop %r12\n pop %r12\n pop %rbx\n"

/* sched_setaffinity(0, 8, one of two masks in turn) */
#define MIGRATES(insn) "mov %rdx, %rbx\n"				\
	"1: mov %r12d, %ecx\n and $1, %ecx\n"				\
	"lea fpu_cpus(%rip), %rax\n lea (%rax,%rcx,8), %rdx\n"		\
	"xor %edi, %edi\n mov $8, %esi\n mov $203, %eax\n" insn	\
	"\n test %rax, %rax\n jz 2f\n ud2\n"				\
	"2: dec %r12\n jnz 1b\n mov %rbx, %rdx\n"

ASM_FN(sse_spin, SSE_LOAD SPIN SSE_STORE "ret");
ASM_FN(avx_spin, AVX_LOAD SPIN AVX_STORE "vzeroupper\n ret");
ASM_FN(sse_insn, SAVE SSE_LOAD CALLS(ASM_INSN) SSE_STORE RESTORE "ret");
ASM_FN(sse_call, SAVE SSE_LOAD CALLS(ASM_CALL) SSE_STORE RESTORE "ret");
ASM_FN(avx_insn, SAVE AVX_LOAD CALLS(ASM_INSN) AVX_STORE "vzeroupper\n" RESTORE
       "ret");
ASM_FN(avx_call, SAVE AVX_LOAD CALLS(ASM_CALL) AVX_STORE "vzeroupper\n" RESTORE
       "ret");

ASM_FN(sse_migrate_insn, SAVE SSE_LOAD MIGRATES(ASM_INSN) SSE_STORE RESTORE
       "ret");
ASM_FN(sse_migrate_call, SAVE SSE_LOAD MIGRATES(ASM_CALL) SSE_STORE RESTORE
       "ret");
ASM_FN(avx_migrate_insn, SAVE AVX_LOAD MIGRATES(ASM_INSN) AVX_STORE
       "vzeroupper\n" RESTORE "ret");
ASM_FN(avx_migrate_call, SAVE AVX_LOAD MIGRATES(ASM_CALL) AVX_STORE
       "vzeroupper\n" RESTORE "ret");

typedef void fpu_fn(const void *in, long n, void *out);
fpu_fn sse_spin, avx_spin, sse_insn, sse_call, avx_insn, avx_call;
fpu_fn sse_migrate_insn, sse_migrate_call, avx_migrate_insn, avx_migrate_call;
uint64_t fpu_cpus[] = { 1, 2 };

static int have_avx(void)
{
	static int known = -1;
	unsigned int a, b, c, d, lo, hi;

	if (known >= 0)
		return known;
	known = 0;
	if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE) && (c & bit_AVX)) {
		__asm__("xgetbv" : "=a" (lo), "=d" (hi) : "c" (0));
		known = (lo & 6) == 6;
	}
	return known;
}

static uint64_t seed;

static void check(fpu_fn *fn, const char *what, size_t size, long n)
{
	uint64_t in[64], out[64];

	if (!seed)
		seed = 0x2545f4914f6cdd1d + getpid();
	for (int i = 0; i < 64; i++)
		in[i] = rnd(&seed);
	memset(out, 0, sizeof(out));
	fn(in, n, out);
	for (size_t i = 0; i < size / 8; i++)
		if (in[i] != out[i])
			FAIL("%s: register %zu changed", what, i * 128 / size);
}

void fpu_check(long spins)
{
	check(sse_spin, "SSE", 256, spins);
	if (have_avx())
		check(avx_spin, "AVX", 512, spins);
}

void fpu_check_calls(long n)
{
	check(sse_insn, "SSE, SYSCALL", 256, n);
	if (have_avx())
		check(avx_insn, "AVX, SYSCALL", 512, n);
	if (cpl())
		return;
	check(sse_call, "SSE, call", 256, n);
	if (have_avx())
		check(avx_call, "AVX, call", 512, n);
}

TEST(fpu, timer)
{
	tick_start(50, NULL, 0);
	UNTIL_TICKS(1000, fpu_check(2000));
	tick_stop();
}

TEST(fpu, calls)
{
	fpu_check_calls(1000);
	tick_start(50, NULL, 0);
	UNTIL_TICKS(1000, fpu_check_calls(100));
	tick_stop();
}

TEST(fpu, switches)
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
static void migrate(long n)
{
	check(sse_migrate_insn, "SSE, SYSCALL", 256, n);
	if (have_avx())
		check(avx_migrate_insn, "AVX, SYSCALL", 512, n);
	if (cpl())
		return;
	check(sse_migrate_call, "SSE, call", 256, n);
	if (have_avx())
		check(avx_migrate_call, "AVX, call", 512, n);
}

TEST(fpu, migrate)
{
	pid_t pid;

	if (cpu_count() < 2)
		tap_skip("one CPU only");
	pid = xfork();
	seed = pid + 1;
	for (int i = 0; i < 10; i++)
		migrate(20);
	tick_start(200, NULL, 0);
	for (int i = 0; i < 10; i++)
		migrate(20);
	tick_stop();
	if (!pid)
		_exit(7);
	EXPECT_EXIT(pid, 7);
}

/* A child starts with its parent's registers. */
TEST(fpu, fork)
{
	for (int i = 0; i < 30; i++) {
		uint64_t in[2] = { i, ~(uint64_t)i }, out[2];
		long pid;

		__asm__ volatile("movdqu %[in], %%xmm9\n"
				 "mov $57, %%eax\n"
				 "syscall\n"
				 "movdqu %%xmm9, %[out]"
				 : "=&a" (pid), [out] "=m" (out)
				 : [in] "m" (in)
				 : "rcx", "r11", "xmm9", "memory");
		CHECK(pid >= 0);
		if (!pid)
			_exit(memcmp(in, out, sizeof(in)) ? 1 : 0);
		CHECK(!memcmp(in, out, sizeof(in)));
		EXPECT_EXIT(pid, 0);
	}
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
