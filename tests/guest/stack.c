// SPDX-License-Identifier: GPL-2.0
/* Growing, overflowing and unusable stacks. */
#include "tap.h"
#include <fcntl.h>
#include <setjmp.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* Store at and near RSP - distance, without moving RSP. Returns a sum. */
ASM_FN(st_store_below,
       "mov %rsp, %rax\n sub %rdi, %rax\n"
       "movq $3, (%rax)\n movq $4, -4096(%rax)\n"
       "mov (%rax), %rcx\n add -4096(%rax), %rcx\n"
       "mov %rcx, %rax\n ret");
/* Push n words and pop them again; 0, or which came off wrong, counted from 1. */
ASM_FN(st_push,
       "mov %rdi, %rcx\n"
       "1: push %rcx\n dec %rcx\n jnz 1b\n"
       "xor %eax, %eax\n"
       "2: inc %rcx\n pop %rdx\n cmp %rcx, %rdx\n cmovne %rcx, %rax\n"
       "cmp %rdi, %rcx\n jne 2b\n"
       "ret");
/* n nested calls, each with nothing but a return address. */
ASM_FN(st_call,
       "xor %eax, %eax\n"
       "3: dec %rdi\n jz 4f\n"
       "call 3b\n"
       "4: inc %rax\n ret");

long st_store_below(long distance);
long st_push(long n);
long st_call(long n);

#define MIB (1L << 20)

TEST(stack, store_below)
{
	for (long mib = 1; mib <= 6; mib++)
		EQ(st_store_below(mib * MIB), 7);
}

TEST(stack, push)
{
	EQ(st_push(5 * MIB / 8), 0);
}

TEST(stack, call)
{
	EQ(st_call(5 * MIB / 8), 5 * MIB / 8);
}

static __attribute__((noinline)) int deep(int n)
{
	volatile char page[3000];

	page[0] = n;
	page[2999] = n;
	if (n)
		n = deep(n - 1);
	return n + (page[0] - page[2999]);
}

/* New stacks again and again, while signals come. */
TEST(stack, grow_timer)
{
	for (int i = 0; i < 8; i++) {
		pid_t pid = xfork();

		if (!pid) {
			tick_start(50, NULL, 0);
			while (!ticks)
				;
			switch (i % 4) {
			case 0:
				EQ(st_push(5 * MIB / 8), 0);
				break;
			case 1:
				EQ(st_call(5 * MIB / 8), 5 * MIB / 8);
				break;
			case 2:
				EQ(deep(1700), 0);
				break;
			case 3:
				/* Farther than a frame and its handler reach. */
				for (long k = 16; k < 1500; k++)
					EQ(st_store_below(k * 4096), 7);
			}
			_exit(0);
		}
		EXPECT_EXIT(pid, 0);
	}
}

/* A frame of a signal on stack pages that do not exist yet. */
TEST(stack, signal_far_below)
{
	for (long mib = 1; mib <= 6; mib++) {
		long ret;


		tick_start(900000, NULL, 0);
		__asm__ volatile("mov %%rsp, %%rbx\n"
				 "sub %[far], %%rsp\n"
				 "mov %[nr], %%eax\n"
				 "syscall\n"
				 "mov %%rbx, %%rsp"
				 : "=&a" (ret)
				 : [far] "r" (mib * MIB), [nr] "i" (SYS_kill),
				   "D" (getpid()), "S" (SIGALRM)
				 : "rbx", "rcx", "r11", "memory", "cc");
		EQ(ret, 0);
		EQ(ticks, 1);
		tick_stop();
	}
}

/* The kernel writes to stack that does not exist yet. */
TEST(stack, kernel_far_below)
{
	char *here = (char *)&here;
	int fd[2];

	CHECK(!pipe(fd));
	for (const struct way *w = ways(); w->name; w++)
		for (long mib = 1; mib <= 5; mib++) {
			char *p = here - mib * MIB - (w->fn == way_call) * 65536;

			EQ(w->fn(SYS_write, fd[1], (long)"deep", 4, 0, 0, 0), 4);
			EQ(w->fn(SYS_read, fd[0], (long)p, 4, 0, 0, 0), 4);
			CHECK(!memcmp(p, "deep", 4));
		}
}

/*
 * long st_edge_X(char *top, long nr): makes a system call with RSP at the end
 * of a page, so that a call's return address goes to the next one below.
 */
ASM_FN(st_edge_insn,
       "push %rbx\n mov %rsp, %rbx\n mov %rdi, %rsp\n mov %rsi, %rax\n"
       ASM_INSN "\n mov %rbx, %rsp\n pop %rbx\n ret");
ASM_FN(st_edge_call,
       "push %rbx\n mov %rsp, %rbx\n mov %rdi, %rsp\n mov %rsi, %rax\n"
       ASM_CALL "\n mov %rbx, %rsp\n pop %rbx\n ret");
long st_edge_insn(char *top, long nr);
long st_edge_call(char *top, long nr);

TEST(stack, edge)
{
	const size_t pages = 600;
	char *p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long ppid = getppid();

	CHECK(p != MAP_FAILED);
	on_altstack();
	tick_start(100, NULL, SA_ONSTACK);
	for (size_t i = 1; i < pages; i++) {
		EQ(st_edge_insn(p + i * 4096, SYS_getppid), ppid);
		if (!cpl())
			EQ(st_edge_call(p + i * 4096, SYS_getppid), ppid);
	}
	tick_stop();
}

/* SYSCALL needs no stack at all, nor does a jump in its place, nor interrupts. */
static const unsigned long unusable[] = {
	0, 8, 0x1000, 0x00007ffffffff000, 0x0000800000000000,
	0x5555555555555555, 0x8000000000000000, 0xffff7ffffffffff8,
	0xffff800000001000, 0xfffffffffffffff0,
};
#define N_UNUSABLE (sizeof(unusable) / sizeof(*unusable))

ASM_FN(st_spin_on,
       "push %rbx\n mov %rsp, %rbx\n mov %rdi, %rsp\n"
       "1: dec %rsi\n jnz 1b\n"
       "mov %rbx, %rsp\n pop %rbx\n ret");
ASM_FN(st_push_on, "mov %rdi, %rsp\n push %rax\n ud2");
ASM_FN(st_call_on, "mov %rdi, %rsp\n mov $39, %eax\n" ASM_CALL "\n ud2");
ASM_FN(st_ud2_on, "mov %rdi, %rsp\n ud2");
ASM_FN(st_null_on, "mov %rdi, %rsp\n xor %eax, %eax\n mov %eax, (%rax)\n ud2");
ASM_FN(st_loop_on, "mov %rdi, %rsp\n 1: jmp 1b");
void st_spin_on(unsigned long sp, long n);
void st_push_on(unsigned long sp);
void st_call_on(unsigned long sp);
void st_ud2_on(unsigned long sp);
void st_null_on(unsigned long sp);
void st_loop_on(unsigned long sp);

TEST(stack, unusable_syscall)
{
	long ppid = getppid();
	size_t i = 0;

	on_altstack();
	tick_start(100, NULL, SA_ONSTACK);
	UNTIL_TICKS(3000, EQ(st_edge_insn((char *)unusable[i++ % N_UNUSABLE],
					  SYS_getppid), ppid));
	tick_stop();
}

TEST(stack, unusable_interrupts)
{
	pid_t pid = xfork();

	if (!pid)
		for (;;)
			usleep(100);
	for (size_t i = 0; i < N_UNUSABLE; i++)
		for (int k = 0; k < 5; k++)
			st_spin_on(unusable[i], 2000000);
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

static void never(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	_exit(3);
}

static int death_on(void (*fn)(unsigned long), unsigned long sp, int handler)
{
	int status;
	pid_t pid = xfork();

	if (!pid) {
		if (handler) {
			handle(SIGSEGV, never, 0);
			handle(SIGBUS, never, 0);
			handle(SIGILL, never, 0);
		}
		fn(sp);
		_exit(4);
	}
	EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	return WTERMSIG(status);
}

static int canonical(unsigned long a)
{
	return (long)(a << 16) >> 16 == (long)a;
}

TEST(stack, unusable_faults)
{
	for (size_t i = 0; i < N_UNUSABLE; i++) {
		unsigned long sp = unusable[i];
		/* #SS is SIGBUS, #PF SIGSEGV, and so is a frame that fails. */
		int push = canonical(sp - 8) ? SIGSEGV : SIG_STACK_FAULT;

		EQ(death_on(st_push_on, sp, 0), push);
		EQ(death_on(st_push_on, sp, 1), SIGSEGV);
		EQ(death_on(st_ud2_on, sp, 0), SIGILL);
		EQ(death_on(st_ud2_on, sp, 1), SIGSEGV);
		EQ(death_on(st_null_on, sp, 0), SIGSEGV);
		EQ(death_on(st_null_on, sp, 1), SIGSEGV);
		if (cpl())
			continue;
		EQ(death_on(st_call_on, sp, 0), push);
		EQ(death_on(st_call_on, sp, 1), SIGSEGV);
	}
}

TEST(stack, unusable_signal)
{
	for (size_t i = 0; i < N_UNUSABLE; i++) {
		pid_t pid = xfork();

		if (!pid) {
			tick_start(3000, NULL, 0);
			st_loop_on(unusable[i]);
		}
		EXPECT_SIGNAL(pid, SIGSEGV);
	}
	for (size_t i = 0; i < N_UNUSABLE; i++) {
		pid_t pid = xfork();

		if (!pid)
			st_loop_on(unusable[i]);
		usleep(2000);
		kill(pid, SIGKILL);
		EXPECT_SIGNAL(pid, SIGKILL);
	}
}

/* With a stack of their own, handlers run and can leave. */
static sigjmp_buf out;
static volatile int seen_sig;

static void leave(int sig, siginfo_t *si, void *uc)
{
	(void)si, (void)uc;
	seen_sig = sig;
	dirty();
	siglongjmp(out, 1);
}

TEST(stack, unusable_altstack)
{
	on_altstack();
	handle(SIGSEGV, leave, SA_ONSTACK);
	handle(SIGBUS, leave, SA_ONSTACK);
	handle(SIGILL, leave, SA_ONSTACK);
	for (volatile size_t i = 0; i < N_UNUSABLE; i++) {
		if (!sigsetjmp(out, 1))
			st_push_on(unusable[i]);
		EQ(seen_sig, canonical(unusable[i] - 8) ? SIGSEGV :
							 SIG_STACK_FAULT);
		if (!sigsetjmp(out, 1))
			st_ud2_on(unusable[i]);
		EQ(seen_sig, SIGILL);
		if (!sigsetjmp(out, 1))
			st_null_on(unusable[i]);
		EQ(seen_sig, SIGSEGV);
		if (!cpl()) {
			if (!sigsetjmp(out, 1))
				st_call_on(unusable[i]);
			EQ(seen_sig, canonical(unusable[i] - 8) ? SIGSEGV :
							SIG_STACK_FAULT);
		}
	}
}

ASM_FN(st_overflow_push, "1: push %rax\n jmp 1b");
ASM_FN(st_overflow_call, "1: call 1b\n ret");
/* With system calls on the way down: one of them meets the end. */
ASM_FN(st_overflow_syscall,
       "1: push %rax\n mov $110, %eax\n" ASM_INSN "\n jmp 1b");
ASM_FN(st_overflow_table,
       "1: push %rax\n mov $110, %eax\n" ASM_CALL "\n jmp 1b");
void st_overflow_push(void);
void st_overflow_call(void);
void st_overflow_syscall(void);
void st_overflow_table(void);

static void (*const overflow[])(void) = {
	st_overflow_push, st_overflow_call, st_overflow_syscall,
	st_overflow_table,
};

static size_t n_overflow(void)
{
	return cpl() ? 3 : 4;
}

/*
 * A call that takes its own stack away. SYSCALL comes back. A direct call
 * comes back when there was work on its way out, which ends in IRET or a jump;
 * otherwise its RET faults, which is the program's error, and a signal.
 */
ASM_FN(st_unmap_insn,
       "push %rbx\n mov %rsp, %rbx\n mov %rdx, %rsp\n mov %rcx, %rax\n"
       "xor %edx, %edx\n" ASM_INSN "\n mov %rbx, %rsp\n pop %rbx\n ret");
ASM_FN(st_unmap_call,
       "push %rbx\n mov %rsp, %rbx\n mov %rdx, %rsp\n mov %rcx, %rax\n"
       "xor %edx, %edx\n" ASM_CALL "\n mov %rbx, %rsp\n pop %rbx\n ret");
long st_unmap_insn(char *p, long len, char *sp, long nr);
long st_unmap_call(char *p, long len, char *sp, long nr);

static char *stack_page(void)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

TEST(stack, unmapped_by_call)
{
	static const long nr[] = { SYS_munmap, SYS_mprotect };
	static int back;

	on_altstack();
	handle(SIGSEGV, leave, SA_ONSTACK);
	for (volatile int i = 0; i < 40; i++) {
		char *p = stack_page();

		EQ(st_unmap_insn(p, 4096, p + 2048, nr[i % 2]), 0);
		if (cpl())
			continue;
		p = stack_page();
		seen_sig = 0;
		if (!sigsetjmp(out, 1)) {
			EQ(st_unmap_call(p, 4096, p + 2048, nr[i % 2]), 0);
			back++;
		} else {
			EQ(seen_sig, SIGSEGV);
		}
	}
	if (!cpl())
		CHECK(back < 40);
}

static void small_stack(void)
{
	struct rlimit rl = { MIB / 4, MIB / 4 };

	CHECK(!setrlimit(RLIMIT_STACK, &rl));
}

TEST(stack, overflow)
{
	for (size_t i = 0; i < n_overflow() * 3; i++) {
		pid_t pid = xfork();

		if (!pid) {
			small_stack();
			if (i % 3 == 1)
				handle(SIGSEGV, never, 0);
			if (i % 3 == 2)
				tick_start(70, NULL, 0);
			overflow[i / 3]();
		}
		EXPECT_SIGNAL(pid, SIGSEGV);
	}
}

TEST(stack, overflow_altstack)
{
	pid_t pid = xfork();

	if (!pid) {
		small_stack();
		on_altstack();
		handle(SIGSEGV, leave, SA_ONSTACK);
		for (volatile size_t i = 0; i < n_overflow() * 5; i++) {
			seen_sig = 0;
			if (!sigsetjmp(out, 1))
				overflow[i / 5]();
			EQ(seen_sig, SIGSEGV);
		}
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

/* Signals while the overflowing task's frames no longer fit. */
TEST(stack, overflow_altstack_timer)
{
	pid_t pid = xfork();

	if (!pid) {
		small_stack();
		on_altstack();
		handle(SIGSEGV, leave, SA_ONSTACK);
		tick_start(100, NULL, SA_ONSTACK);
		for (volatile size_t i = 0; i < n_overflow() * 5; i++) {
			seen_sig = 0;
			if (!sigsetjmp(out, 1))
				overflow[i / 5]();
			EQ(seen_sig, SIGSEGV);
		}
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

/* The guard page of the kernel's own stack, which a call exhausts: its end alone. */
TEST(guard, kernel_stack)
{
	if (mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL))
		tap_skip("no LKDTM in this kernel");
	for (const struct way *w = ways(); w->name; w++) {
		pid_t pid = xfork();

		/* The lock of a descriptor that others had, too, would stay. */
		if (!pid) {
			int fd = open("/sys/kernel/debug/provoke-crash/DIRECT",
				      O_WRONLY);

			CHECK(fd >= 0);
			w->fn(SYS_write, fd, (long)"EXHAUST_STACK", 13, 0, 0, 0);
			_exit(3);
		}
		EXPECT_SIGNAL(pid, SIGSEGV);
		redzone_check(1000);
		fpu_check_calls(100);
	}
}
