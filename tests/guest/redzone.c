// SPDX-License-Identifier: GPL-2.0
/* The 128 bytes below RSP belong to the application. */
#include "tap.h"
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>

/* Fill and compare the red zone. Result: 0, or the offset that changed. */
#define FILL				\
	".set off, 8\n"			\
	".rept 16\n"			\
	"mov %rdi, -off(%rsp)\n"	\
	"inc %rdi\n"			\
	".set off, off + 8\n"		\
	".endr\n"
#define COMPARE				\
	".set off, 128\n"		\
	".rept 16\n"			\
	"dec %rdi\n"			\
	"mov $off, %eax\n"		\
	"cmp %rdi, -off(%rsp)\n"	\
	"jne 9f\n"			\
	".set off, off - 8\n"		\
	".endr\n"			\
	"xor %eax, %eax\n"		\
	"9: ret"

ASM_FN(rz_spin, FILL "1: dec %rsi\n jnz 1b\n" COMPARE);
ASM_FN(rz_touch, FILL "1: incb (%rsi)\n add $4096, %rsi\n dec %rdx\n jnz 1b\n"
       COMPARE);
ASM_FN(rz_int3, FILL "1: int3\n dec %rsi\n jnz 1b\n" COMPARE);
ASM_FN(rz_syscall, FILL
       "mov %rdi, %r8\n"
       "1: mov $110, %eax\n syscall\n"
       "mov $24, %eax\n syscall\n"
       "dec %rsi\n jnz 1b\n"
       "mov %r8, %rdi\n" COMPARE);
/* Faults at the same place until a handler makes the page accessible. */
ASM_FN(rz_fault, FILL "movb $1, (%rsi)\n" COMPARE);

long rz_spin(uint64_t pattern, long spins);
long rz_touch(uint64_t pattern, void *pages, long n);
long rz_int3(uint64_t pattern, long n);
long rz_syscall(uint64_t pattern, long n);
long rz_fault(uint64_t pattern, void *page);

static uint64_t seed = 0x9e3779b97f4a7c15;

void redzone_check(long spins)
{
	long off = rz_spin(rnd(&seed), spins);

	if (off)
		FAIL("red zone: [rsp-%ld] changed", off);
}

TEST(redzone, timer)
{
	tick_start(50, NULL, 0);
	UNTIL_TICKS(2000, redzone_check(3000));
	tick_stop();
}

TEST(redzone, timer_altstack)
{
	on_altstack();
	tick_start(50, NULL, SA_ONSTACK);
	UNTIL_TICKS(1000, redzone_check(3000));
	tick_stop();
}

static void count(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	dirty();
	ticks++;
}

TEST(redzone, signals)
{
	pid_t parent = getpid(), pid;

	handle(SIGUSR1, count, SA_RESTART);
	pid = xfork();
	if (!pid)
		for (;;) {
			kill(parent, SIGUSR1);
			sched_yield();
		}
	UNTIL_TICKS(500, redzone_check(20000));
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

/* No signal: only interrupts and other processes. */
TEST(redzone, switches)
{
	double end = now() + 0.5;
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = xfork();
		if (!pid[i])
			for (;;)
				redzone_check(100000);
	}
	while (now() < end)
		redzone_check(500000);
	for (int i = 0; i < 3; i++) {
		kill(pid[i], SIGKILL);
		EXPECT_SIGNAL(pid[i], SIGKILL);
	}
}

/* Interrupts that wake another process at once. */
TEST(redzone, wakeups)
{
	double end = now() + 0.5;
	pid_t pid = xfork();

	if (!pid) {
		struct timespec ts = { 0, 50000 };

		for (;;) {
			nanosleep(&ts, NULL);
			dirty();
		}
	}
	while (now() < end)
		redzone_check(100000);
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

TEST(redzone, page_faults)
{
	const size_t pages = 1024;

	for (int i = 0; i < 3; i++) {
		char *p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(p != MAP_FAILED);
		EQ(rz_touch(rnd(&seed), p, pages), 0);
		for (size_t k = 0; k < pages; k++)
			EQ(p[k * 4096], 1);
		munmap(p, pages * 4096);
	}
}

TEST(redzone, page_faults_timer)
{
	const size_t pages = 256;

	tick_start(50, NULL, 0);
	UNTIL_TICKS(500,
		char *p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED);
		EQ(rz_touch(rnd(&seed), p, pages), 0);
		munmap(p, pages * 4096));
	tick_stop();
}

TEST(redzone, int3)
{
	handle(SIGTRAP, count, 0);
	EQ(rz_int3(rnd(&seed), 300), 0);
	EQ(ticks, 300);
}

TEST(redzone, syscall)
{
	tick_start(50, NULL, 0);
	UNTIL_TICKS(1000, EQ(rz_syscall(rnd(&seed), 200), 0));
	tick_stop();
}

static void unprotect(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	count(sig, si, uc);
	mprotect(si->si_addr, 4096, PROT_READ | PROT_WRITE);
}

TEST(redzone, segv)
{
	char *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	CHECK(p != MAP_FAILED);
	handle(SIGSEGV, unprotect, 0);
	for (int i = 0; i < 300; i++) {
		EQ(rz_fault(rnd(&seed), p), 0);
		CHECK(!mprotect(p, 4096, PROT_NONE));
	}
	EQ(ticks, 300);
}

/* The page of the red zone itself may be absent. */
TEST(redzone, absent)
{
	char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	tick_start(100, NULL, 0);
	UNTIL_TICKS(300,
		long off;
		CHECK(!madvise(p, 65536, MADV_DONTNEED));
		/* The call's own return address is the first store. */
		__asm__ volatile("mov %%rsp, %%rbx\n mov %[top], %%rsp\n"
				 "call rz_spin\n mov %%rbx, %%rsp"
				 : "=a" (off)
				 : "D" (rnd(&seed)), "S" (2000L),
				   [top] "r" (p + 32768 + 64)
				 : "rbx", "rcx", "rdx", "r8", "r9", "r10",
				   "r11", "memory", "cc");
		EQ(off, 0));
	tick_stop();
}

TEST(redzone, migrate)
{
	unsigned int cpus = cpu_count();
	cpu_set_t set;
	pid_t pid;

	if (cpus < 2)
		tap_skip("one CPU only");
	pid = xfork();
	if (!pid) {
		tick_start(100, NULL, 0);
		for (;;) {
			redzone_check(5000);
			fpu_check(500);
		}
	}
	for (int i = 0; i < 400; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % cpus, &set);
		CHECK(!sched_setaffinity(pid, sizeof(set), &set));
		usleep(500);
	}
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}
