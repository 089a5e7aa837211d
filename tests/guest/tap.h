/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The test programs' harness: tests register themselves, main.c runs each in
 * a process of its own and prints TAP.
 */
#ifndef TAP_H
#define TAP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

struct test {
	const char *name;
	void (*fn)(void);
	unsigned int seconds;
	struct test *next;
};

void tap_add(struct test *test);

/* TEST(group, id) { body }: passes when the body returns. */
#define TEST_IN(group, id, secs)					\
	static void test_##group##_##id(void);				\
	__attribute__((constructor)) static void add_##group##_##id(void) \
	{								\
		static struct test t = {				\
			#group "." #id, test_##group##_##id, secs, NULL	\
		};							\
		tap_add(&t);						\
	}								\
	static void test_##group##_##id(void)
#define TEST(group, id) TEST_IN(group, id, 30)

/* End the test, in any of its processes and threads. */
_Noreturn void tap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void tap_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

#define FAIL(...) tap_fail(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(cond) do {						\
	if (!(cond))							\
		FAIL("%s (errno %d)", #cond, errno);			\
} while (0)
#define EQ(a, b) do {							\
	long eq_a = (long)(a), eq_b = (long)(b);			\
									\
	if (eq_a != eq_b)						\
		FAIL("%s is %ld (%#lx), not %ld (%#lx) (errno %d)", #a,	\
		     eq_a, eq_a, eq_b, eq_b, errno);			\
} while (0)

/* Wait for a process that must end so. */
void expect_status(const char *file, int line, pid_t pid, int status);
#define EXPECT_EXIT(pid, code) \
	expect_status(__FILE__, __LINE__, pid, (code) << 8)
#define EXPECT_SIGNAL(pid, sig) \
	expect_status(__FILE__, __LINE__, pid, sig)

/* fork() that must succeed. */
pid_t xfork(void);

/* CLOCK_MONOTONIC in seconds; a sleep that signals do not shorten. */
double now(void);
void sleep_ms(unsigned int ms);

/*
 * An interval timer that sends SIGALRM. The handler, when none is given,
 * counts in ticks and dirties stack and vector registers.
 */
extern volatile unsigned long ticks;
void tick_start(unsigned int us, void (*handler)(int, siginfo_t *, void *),
		int flags);
void tick_stop(void);
void dirty(void);

/*
 * Run @step until @want ticks came. A machine that is too slow for that many
 * gets away with a few, but not with none.
 */
#define UNTIL_TICKS(want, step) do {					\
	double until_end = now() + 4;					\
									\
	while (ticks < (want) && now() < until_end) {			\
		step;							\
	}								\
	if (ticks < (want) / 20)					\
		FAIL("only %lu signals came", ticks);			\
} while (0)

void handle(int sig, void (*handler)(int, siginfo_t *, void *), int flags);
void count_tick(int sig, siginfo_t *si, void *uc);
void on_altstack(void);

static inline unsigned int cpl(void)
{
	unsigned int cs;

	__asm__ volatile("mov %%cs, %0" : "=r" (cs));
	return cs & 3;
}

/* The ways into the kernel: raw system calls, results as the kernel's. */
typedef long way_fn(long nr, long a, long b, long c, long d, long e, long f);
way_fn way_insn, way_call;

struct way {
	const char *name;
	way_fn *fn;
	const char *start, *ret;	/* the instruction, and what follows it */
};

/* Ends with an entry without name. A call is in it at CPL 0 only. */
const struct way *ways(void);

/* These instructions for use in assembly: number in RAX. */
#define UKL_TABLE_STR "0xffffffffff600000"
#define ASM_INSN "syscall"
#define ASM_CALL "call *" UKL_TABLE_STR "(,%rax,8)"
#define ASM_CALL_NR(nr) "call *" UKL_TABLE_STR "+8*" #nr

/* Global function in assembly. */
#define ASM_FN(name, body)						\
	__asm__(".pushsection .text\n.p2align 4\n.global " #name "\n"	\
		".type " #name ",@function\n" #name ":\n" body		\
		"\n.size " #name ",.-" #name "\n.popsection")

/* @op for each of @n registers; \\r in it is the register's number. */
#define ASM_EACH(n, op)							\
	".set reg, 0\n"							\
	".altmacro\n"							\
	".macro each_reg r\n"						\
	op "\n"								\
	".endm\n"							\
	".rept " #n "\n"							\
	"each_reg %reg\n"						\
	".set reg, reg + 1\n"						\
	".endr\n"							\
	".purgem each_reg\n"						\
	".noaltmacro\n"

/* The vector registers that there are; with AVX512, k0 to k7 of 64 bits, too. */
enum { SSE, AVX, AVX512 };
int vectors(void);

/* Self: path, and the other executable for tests with two privileges. */
extern const char *self_path, *other_path;

/* What exec'ed children do: ukltest --child VERB ... */
int child_main(int argc, char **argv);
int child_jumps(void);

unsigned int cpu_count(void);

/* Run on that CPU only; -1: on all. */
void on_cpu(int cpu);

/* CPU 1 goes, or comes back. 0: it cannot. */
int hotplug(int on);

/*
 * Stay on the first CPU: where two processes take turns at each instruction,
 * an emulator's CPUs would wait for each other most of the time.
 */
void one_cpu(void);

/*
 * What a push to a non-canonical address ends in: #SS, SIGBUS. QEMU's
 * emulation raises #GP in its place.
 */
int emulated(void);
#define SIG_STACK_FAULT (emulated() ? SIGSEGV : SIGBUS)

/* 127.0.0.1, with the interface up. */
struct sockaddr_in loopback(void);

/* Checks that loops of several tests share; they end the test on failure. */
void redzone_check(long spins);
void fpu_check(long spins);
void fpu_check_calls(long n);

static inline uint64_t rnd(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
